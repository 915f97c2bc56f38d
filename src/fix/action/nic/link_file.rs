//! The `.link` file that keeps a name: systemd.link(5).

use crate::catalog::kind::network::{LINK_DIRECTORIES, OWN_LINKS};
use crate::facts::Files;
use crate::facts::link_files::{Device, LinkFile, LinkFiles, Winner};
use crate::facts::nics::permanent_address;
use crate::fix::action::Context;
use crate::judge::kept::ovs_ports::by_hand::Move;
use crate::judge::nic_names::additions;
use crate::model::answer::{Link, Nic};
use crate::model::plan::{Deed, Step, Written};
use crate::model::{Query, Reading};

pub fn questions() -> impl Iterator<Item = Query> {
    LINK_DIRECTORIES
        .into_iter()
        .flat_map(|directory| [Query::Files(format!("{directory}/*.link")), Query::Directory(directory.to_owned())])
}

/// Names the NIC by its permanent address, with all else that is set for it now; or why that is not written.
pub fn step(it: &Move<'_>, link: &Link, context: &Context<'_>) -> Result<Step, String> {
    let Some(mac) = permanent_address(link) else { return Err("its driver knows no permanent address".to_owned()) };
    let settings = settings(it.called, link, context)?;
    write("10", it.wanted, mac, &settings, context)
}

/// One that sorts where its number puts it; what was there under the same name comes back.
pub fn write(number: &str, name: &str, mac: &str, settings: &str, context: &Context<'_>) -> Result<Step, String> {
    let file = format!("{number}-hostready-{name}.link");
    let path = format!("{OWN_LINKS}/{file}");
    let content = match context.facts.reading::<Files>(&Query::Files(format!("{OWN_LINKS}/*.link"))) {
        Reading::Known(files) => match files.get(&file) {
            None => None,
            Some(Reading::Known(content)) => Some(Written { mode: 0o644, bytes: content.0.clone() }),
            Some(_) => return Err(format!("{path} is there and cannot be read")),
        },
        Reading::Absent => return Err(format!("there is no {OWN_LINKS}")),
        Reading::Unreadable(trouble) => return Err(trouble.detail),
    };
    let text = format!("[Match]\nPermanentMACAddress={mac}\n\n[Link]\nName={name}\n{settings}");
    let written = Written { mode: 0o644, bytes: text.into_bytes() };
    let does = Deed::File { path: path.clone(), content: Some(written) };
    Ok(Step { does, undoes: vec![Deed::File { path, content }] })
}

/// The other lines of the file that sets the device up now: the first file counts alone, with what is added to it.
pub fn settings(called: &str, link: &Link, context: &Context<'_>) -> Result<String, String> {
    let facts = context.facts;
    let added = facts.files(additions(facts, LINK_DIRECTORIES));
    if let Some((directory, _)) = added.iter().find(|(_, files)| matches!(files, Reading::Unreadable(_))) {
        return Err(format!("{directory} adds to files that may count for it, and was not read"));
    }
    let read = |directory: &str| facts.reading(&Query::Files(format!("{directory}/*.link")));
    let directories = LINK_DIRECTORIES.map(|directory| (directory.to_owned(), read(directory)));
    let files = LinkFiles::read(&directories, &added).map_err(|trouble| trouble.detail)?;
    let nic = match facts.reading::<Nic>(&Query::Nic(called.to_owned())) {
        Reading::Known(nic) => nic,
        Reading::Absent => return Err(format!("{called} is gone")),
        Reading::Unreadable(trouble) => return Err(trouble.detail),
    };
    let device = Device {
        nic,
        mac: link.mac.as_deref(),
        permanent_mac: permanent_address(link),
        possible_names: vec![called.to_owned()],
        command_line: None,
    };
    let noted = nic.udev.as_ref().and_then(|noted| noted.get("ID_NET_LINK_FILE"));
    match files.in_force(&device, noted.map(String::as_str)) {
        Winner::None => Ok(String::new()),
        Winner::Unclear(file, why) => Err(format!("whether {} counts is not known: {why}", file.path)),
        Winner::File(file) if file.path.contains("netplan") && file.name.is_some() => {
            Err(format!("netplan names it ({}): change it there", file.path))
        }
        Winner::File(LinkFile { path, other_section: Some(section), .. }) => {
            Err(format!("{path} has a section [{section}], which is not taken along"))
        }
        Winner::File(file) if file.settings.is_empty() => Ok(String::new()),
        Winner::File(file) => {
            let head = format!("# as in {}, which counts for it no more\n", file.path);
            let said = file.settings.iter().map(|(key, value)| format!("{key}={value}\n"));
            Ok(std::iter::once(head).chain(said).collect())
        }
    }
}
