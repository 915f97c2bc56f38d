//! Is there a way in that does not need the network?

use super::attested::{self, Word};
use super::outcome::Outcome;
use crate::catalog::Check;
use crate::catalog::kind::boot::COMMAND_LINE;
use crate::catalog::kind::host::{CONSOLES, CONTROLLERS};
use crate::facts::Facts;
use crate::model::answer::LoadedUnit;
use crate::model::sorted::SortedMap;
use crate::model::{Query, Reading};

/// Names of devices that are a wire to somewhere else: serial lines, and what a hypervisor gives its guests.
const SERIAL: [&str; 5] = ["ttyS", "ttyAMA", "hvc", "ttysclp", "xvc"];

pub fn judge(check: &Check, facts: &Facts<'_>) -> Vec<Outcome> {
    let exists = |path: &str| facts.reading::<bool>(&Query::Exists(path.to_owned()));
    let controller = CONTROLLERS.into_iter().find(|path| matches!(exists(path), Reading::Known(true)));
    if let Some(path) = controller {
        let detail = format!("there is a management controller ({path})");
        return vec![Outcome::pass("", detail).observing("controller", path)];
    }
    let consoles = serial_consoles(facts);
    let units = facts.reading::<SortedMap<String, LoadedUnit>>(&Query::Units);
    let login = consoles.iter().find_map(|console| Some((console, login_on(console, units.clone().known()?)?)));
    if let Some((console, unit)) = login {
        let detail = format!("{console} is a console of the kernel, and {unit} lets one log in there");
        return vec![Outcome::pass("", detail).observing("console", console.clone()).observing("unit", unit)];
    }
    let word = attested::word(check, facts);
    if let Word::Holds(attestation) = word {
        return vec![attested::vouched(attestation)];
    }
    // What could not be read may be the way in.
    let files = [COMMAND_LINE, CONSOLES].map(|file| facts.reading::<Vec<u8>>(&Query::File(file.to_owned())).map(drop));
    let controllers = CONTROLLERS.map(|path| exists(path).map(drop));
    for reading in files.into_iter().chain(controllers).chain([units.clone().map(drop)]) {
        if let Reading::Unreadable(trouble) = reading {
            return vec![Outcome::unknown("", &trouble)];
        }
    }
    let seen = format!("no management controller is seen, and {}", half(&consoles, &units));
    let outcome = match word {
        Word::Expired(attestation) => {
            let detail = format!("{seen}; {}", attested::expired(attestation));
            attested::observing(Outcome::fail("", None, detail), attestation)
        }
        _ => Outcome::fail("", None, format!("{seen}; {}", attested::how_to(&check.id))),
    };
    vec![outcome.observing("consoles", consoles)]
}

/// What there is of a serial console where there is none to log in at.
fn half(consoles: &[String], units: &Reading<&SortedMap<String, LoadedUnit>>) -> String {
    match (consoles, units) {
        ([], Reading::Known(units)) => match units.iter().find(|(name, unit)| is_login(name, unit)) {
            Some((unit, _)) => {
                format!("{unit} runs, and the kernel writes nothing there (no console= on its command line)")
            }
            None => "the kernel has no serial console".to_owned(),
        },
        ([], _) => "the kernel has no serial console".to_owned(),
        (consoles, Reading::Known(_)) => {
            let unit = format!("serial-getty@{}.service", consoles[0]);
            format!("the kernel writes to {}, where nobody can log in: {unit} does not run", consoles.join(" and "))
        }
        (consoles, _) => format!(
            "the kernel writes to {}, and without systemd it is not seen who logs in there",
            consoles.join(" and ")
        ),
    }
}

/// Those of the command line, and those that are in use now. `console=ttyS0,115200n8` → `ttyS0`
fn serial_consoles(facts: &Facts<'_>) -> Vec<String> {
    let text = |file: &str| match facts.reading::<Vec<u8>>(&Query::File(file.to_owned())) {
        Reading::Known(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    };
    let (command_line, active) = (text(COMMAND_LINE), text(CONSOLES));
    let named = command_line.split_whitespace().filter_map(|word| word.strip_prefix("console="));
    let mut found: Vec<String> = Vec::new();
    for name in named.chain(active.split_whitespace()) {
        let name = name.split(',').next().unwrap_or_default();
        if is_serial(name) && !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
    }
    found
}

fn is_serial(name: &str) -> bool {
    SERIAL.iter().any(|kind| name.starts_with(kind))
}

fn login_on(console: &str, units: &SortedMap<String, LoadedUnit>) -> Option<String> {
    let named = units.iter().find(|(name, unit)| is_login(name, unit) && terminal(name) == Some(console));
    named.map(|(name, _)| name.clone())
}

/// `serial-getty@ttyS0.service` that runs.
fn is_login(name: &str, unit: &LoadedUnit) -> bool {
    unit.active == "active" && terminal(name).is_some_and(is_serial)
}

fn terminal(unit: &str) -> Option<&str> {
    let (template, instance) = unit.strip_suffix(".service")?.split_once('@')?;
    template.ends_with("getty").then_some(instance)
}

#[cfg(test)]
mod tests;
