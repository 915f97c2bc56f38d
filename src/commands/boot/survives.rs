//! Whether anything of ours runs at the next boot.

use std::path::{Path, PathBuf};

use crate::commands::Looking;
use crate::commands::options::STATE;
use crate::host::session;
use crate::model::answer::Unit;
use crate::model::{Answer, Query, Reading};

const UNIT: &str = "hostready-boot.service";
/// What lies here is gone after a boot.
const NOT_KEPT: [&str; 3] = ["/run/", "/tmp/", "/dev/"];

/// Where the unit's file may lie; the first one counts.
const UNIT_FILES: [&str; 4] =
    ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// Why not, and what to do about it: our unit must be enabled, and we and what is written down be there.
pub fn prevented(looking: Looking, state: &Path) -> Option<(String, String)> {
    if !session::has_systemd() {
        let hint = "take the snapshot without it; after the boot `hostready fix` shows what to repair";
        return Some((
            "systemd does not run here, and nothing else would start it at a boot".to_owned(),
            hint.to_owned(),
        ));
    }
    if state != Path::new(STATE) {
        let why = format!("at a boot {STATE} is read, and nothing else");
        return Some((why, "leave --state-dir out".to_owned()));
    }
    let own = std::env::current_exe().unwrap_or_default();
    let is_kept =
        own.to_str().is_some_and(|own| own.starts_with('/') && !NOT_KEPT.iter().any(|it| own.starts_with(it)));
    if !is_kept {
        let why = format!("{} is gone after a boot", own.display());
        return Some((why, "install hostready as /usr/bin/hostready, and run that".to_owned()));
    }
    match looking().ask(&Query::Unit(UNIT.to_owned())) {
        Reading::Known(Answer::Unit(Unit { file_state, .. })) if file_state == "enabled" => is_another(looking, &own),
        Reading::Known(Answer::Unit(Unit { file_state, .. })) if !file_state.is_empty() => {
            Some((format!("{UNIT} is {file_state}"), format!("systemctl enable {UNIT}")))
        }
        Reading::Unreadable(trouble) => {
            Some((format!("whether {UNIT} is enabled cannot be told: {}", trouble.detail), "repair that".to_owned()))
        }
        _ => Some((format!("there is no {UNIT}"), "install the package of hostready, which has it".to_owned())),
    }
}

/// The unit starts a program by its path: another one may know nothing of what this one writes down, or not be there.
fn is_another(looking: Looking, own: &Path) -> Option<(String, String)> {
    let program = started(looking)?;
    let is_own = std::fs::canonicalize(&program).is_ok_and(|it| it == own);
    (!is_own).then(|| {
        let (program, own) = (program.display(), own.display());
        (format!("{UNIT} starts {program}, and this is {own}"), format!("install this one as {program}, and run that"))
    })
}

fn started(looking: Looking) -> Option<PathBuf> {
    let host = looking();
    let text = UNIT_FILES.iter().find_map(|directory| match host.ask(&Query::File(format!("{directory}/{UNIT}"))) {
        Reading::Known(Answer::Text(text)) => String::from_utf8(text).ok(),
        _ => None,
    })?;
    let command = text.lines().find_map(|line| line.strip_prefix("ExecStart="))?;
    // What may stand before the path says how it is started.
    command.trim_start_matches(['-', '@', ':', '+', '!']).split_whitespace().next().map(PathBuf::from)
}
