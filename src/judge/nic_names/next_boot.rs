//! What programs write into /run at every boot. Whatever else is there now is gone after the next.

use super::next_name::arguments;
use crate::catalog::kind::network::RUN_LINKS;
use crate::facts::netplan::{Problem, Written, for_udev};
use crate::facts::{Facts, Files};
use crate::judge::netplan;
use crate::model::answer::Content;
use crate::model::gather::Gather as _;
use crate::model::sorted::SortedMap;
use crate::model::{Query, Reading, Trouble, TroubleCause};

/// What /run will hold for udev.
#[derive(Clone, Debug, Default)]
pub struct NextBoot {
    pub links: Files,
    pub rules: Files,
    /// Name of a file of netplan's making → the file of its configuration that asks for it.
    pub made_of: SortedMap<String, String>,
}

/// netplan's files are made anew of its configuration, whether or not those that are there now say the same.
pub fn next_boot(facts: &Facts<'_>, command_line: Option<&str>) -> Result<NextBoot, Trouble> {
    let configuration = netplan::files_of_next_boot(facts)?;
    let made = for_udev(configuration.iter().map(|(path, text)| (path.as_str(), *text))).map_err(|problem| {
        let (Problem::At(_, why) | Problem::Unclear(why)) = problem;
        Trouble::new(TroubleCause::Malformed, format!("netplan's configuration: {why}"))
    })?;
    let mut next = NextBoot::default();
    next.made_of.extend(made.links.iter().chain(&made.rules).map(|(name, file)| (name.clone(), file.by.clone())));
    next.rules = files(made.rules);
    next.links = files(made.links);
    next.links.extend(of_command_line(facts, command_line)?);
    Ok(next)
}

fn files(made: Written) -> Files {
    made.into_iter().map(|(name, file)| (name, Reading::Known(Content(file.text.into_bytes())))).gather()
}

/// systemd-network-generator(8) makes `70-NAME.link`, `90-NAME.link` in earlier releases, of `ifname=NAME:ADDRESS`. We
/// stop here: that its unit is enabled is not looked at, and what a ramdisk makes for itself is not either.
fn of_command_line(facts: &Facts<'_>, command_line: Option<&str>) -> Result<Files, Trouble> {
    let named = command_line.into_iter().flat_map(|line| arguments(line, "ifname"));
    let names: Vec<String> = named
        .filter_map(|value| value.split_once(':'))
        .flat_map(|(name, _)| [format!("70-{name}.link"), format!("90-{name}.link")])
        .collect();
    if names.is_empty() {
        return Ok(Files::new());
    }
    match facts.reading::<Files>(&Query::Files(format!("{RUN_LINKS}/*.link"))) {
        Reading::Known(files) => {
            let kept = files.iter().filter(|(name, _)| names.contains(name));
            Ok(kept.map(|(name, content)| (name.clone(), content.clone())).gather())
        }
        Reading::Absent => Ok(Files::new()),
        Reading::Unreadable(trouble) => Err(trouble),
    }
}
