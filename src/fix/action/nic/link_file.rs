//! The `.link` file that keeps a name: systemd.link(5).

use crate::catalog::kind::network::LINK_DIRECTORIES;
use crate::facts::Files;
use crate::facts::link_files::{Device, LinkFiles, Winner};
use crate::facts::nics::permanent_address;
use crate::fix::action::Context;
use crate::judge::kept::ovs_ports::by_hand::Move;
use crate::model::answer::{Link, Nic};
use crate::model::plan::{Deed, Step, Written};
use crate::model::{Query, Reading};

const DIRECTORY: &str = "/etc/systemd/network";

pub fn questions() -> impl Iterator<Item = Query> {
    LINK_DIRECTORIES
        .into_iter()
        .flat_map(|directory| [Query::Files(format!("{directory}/*.link")), Query::Directory(directory.to_owned())])
}

/// Names the NIC by its permanent address, with all else that is set for it now; or why that is not written.
pub fn step(it: &Move<'_>, link: &Link, context: &Context<'_>) -> Result<Step, String> {
    let Some(mac) = permanent_address(link) else { return Err("its driver knows no permanent address".to_owned()) };
    let settings = settings(it, link, context)?;
    let path = format!("{DIRECTORY}/10-hostready-{}.link", it.wanted);
    let present = context.facts.reading::<Files>(&Query::Files(format!("{DIRECTORY}/*.link")));
    let name = path.rsplit('/').next().unwrap_or_default();
    let content = match present {
        Reading::Known(files) => match files.get(name) {
            None => None,
            Some(Reading::Known(content)) => Some(Written { mode: 0o644, bytes: content.0.clone() }),
            Some(_) => return Err(format!("{path} is there and cannot be read")),
        },
        Reading::Absent => return Err(format!("there is no {DIRECTORY}")),
        Reading::Unreadable(trouble) => return Err(trouble.detail),
    };
    let text = format!("[Match]\nPermanentMACAddress={mac}\n\n[Link]\nName={}\n{settings}", it.wanted);
    let written = Written { mode: 0o644, bytes: text.into_bytes() };
    let does = Deed::File { path: path.clone(), content: Some(written) };
    Ok(Step { does, undoes: vec![Deed::File { path, content }] })
}

/// The other lines of the file that wins now: the first file counts alone.
fn settings(it: &Move<'_>, link: &Link, context: &Context<'_>) -> Result<String, String> {
    let facts = context.facts;
    for directory in LINK_DIRECTORIES {
        let names = facts.reading::<Vec<String>>(&Query::Directory(directory.to_owned())).known();
        if let Some(name) = names.into_iter().flatten().find(|name| name.ends_with(".link.d")) {
            return Err(format!("{directory}/{name} adds to files that may count for it"));
        }
    }
    let read = |directory: &str| facts.reading(&Query::Files(format!("{directory}/*.link")));
    let directories = LINK_DIRECTORIES.map(|directory| (directory.to_owned(), read(directory)));
    let files = LinkFiles::read(&directories, &[]).map_err(|trouble| trouble.detail)?;
    let nic = match facts.reading::<Nic>(&Query::Nic(it.called.to_owned())) {
        Reading::Known(nic) => nic,
        Reading::Absent => return Err(format!("{} is gone", it.called)),
        Reading::Unreadable(trouble) => return Err(trouble.detail),
    };
    let device = Device {
        nic,
        mac: link.mac.as_deref(),
        permanent_mac: permanent_address(link),
        possible_names: vec![it.called.to_owned()],
        command_line: None,
    };
    match files.winner(&device) {
        Winner::None => Ok(String::new()),
        Winner::Unclear(file, why) => Err(format!("whether {} counts is not known: {why}", file.path)),
        Winner::File(file) if file.path.contains("netplan") && file.name.is_some() => {
            Err(format!("netplan names it ({}): change it there", file.path))
        }
        Winner::File(file) => Ok(file.settings.iter().map(|(key, value)| format!("{key}={value}\n")).collect()),
    }
}
