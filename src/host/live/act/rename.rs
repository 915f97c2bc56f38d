//! A network card gets another name, also where that is another name of a card by now: udev gives a card the name of its
//! slot beside its own as soon as it is called otherwise.

use std::time::{Duration, Instant};

use crate::host::Observe;
use crate::host::change::NotDone;
use crate::host::live::{Live, exec};
use crate::model::answer::{FromAnswer, Link};
use crate::model::plan::Run;
use crate::model::sorted::SortedMap;
use crate::model::{Query, Reading};

/// udev takes its time.
const TO_SETTLE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// The name that this command gives.
pub fn wanted(run: &Run) -> Option<&str> {
    match run.argv.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ip", "link", "set", "dev", _, "name", wanted] => Some(wanted),
        _ => None,
    }
}

pub fn rename(run: &Run, wanted: &str) -> Result<(), NotDone> {
    let end = Instant::now() + TO_SETTLE;
    loop {
        let Err(not_done) = exec::run(run) else { return Ok(()) };
        // Where no card has it beside its own, it fails for another reason.
        let Some(holder) = holder(wanted).filter(|_| Instant::now() < end) else { return Err(not_done) };
        let free = Run::new(&["ip", "link", "property", "del", "dev", &holder, "altname", wanted]);
        if exec::run(&free).is_err() {
            std::thread::sleep(PAUSE);
        }
    }
}

fn holder(wanted: &str) -> Option<String> {
    let Reading::Known(answer) = Live::default().ask(&Query::Links) else { return None };
    let links = SortedMap::<String, Link>::from_answer(&answer)?;
    let mut links = links.iter();
    links.find(|(_, link)| link.alternative_names.iter().any(|name| name == wanted)).map(|(name, _)| name.clone())
}
