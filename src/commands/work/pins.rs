//! A name that a pin keeps is not given away by an undo: what udev would do without the file is judged first, by the
//! rules by which the pin was made.

use std::sync::Arc;

use super::Worker;
use crate::catalog::kind::network::OWN_LINKS;
use crate::commands::sight::{Sight, Wish};
use crate::fix::action::PIN;
use crate::fix::standing::{Acted, Standing};
use crate::host::Observe;
use crate::model::answer::{Answer, Content};
use crate::model::plan::Deed;
use crate::model::report::Intent;
use crate::model::{Query, Reading, Status};

/// This host as it would be: each of these `.link` files has this content, or is gone.
struct TakenBack {
    host: Arc<dyn Observe>,
    files: Vec<(String, Option<Vec<u8>>)>,
}

impl Observe for TakenBack {
    fn ask(&self, query: &Query) -> Reading<Answer> {
        let answer = self.host.ask(query);
        let is_of_links = matches!(query, Query::Files(pattern) if *pattern == format!("{OWN_LINKS}/*.link"));
        match answer {
            Reading::Known(Answer::Files(mut there)) if is_of_links => {
                for (name, content) in &self.files {
                    match content {
                        Some(bytes) => drop(there.insert(name.clone(), Reading::Known(Content(bytes.clone())))),
                        None => drop(there.remove(name)),
                    }
                }
                Reading::Known(Answer::Files(there))
            }
            answer => answer,
        }
    }
}

/// Why the run may not be taken back: without what it wrote a NIC would have another name, or nobody knows which.
pub fn forbidden(worker: &Worker, standing: &Standing) -> anyhow::Result<Option<String>> {
    let pins: Vec<&Acted> = standing.actions.iter().filter(|it| it.planned.fix == PIN && it.stands()).collect();
    if pins.is_empty() {
        return Ok(None);
    }
    let deeds = pins.iter().flat_map(|pin| pin.to_undo()).flat_map(|(_, undoes)| undoes);
    let file = |deed: &Deed| match deed {
        Deed::File { path, content } => {
            let name = path.strip_prefix(OWN_LINKS)?.trim_start_matches('/').to_owned();
            Some((name, content.as_ref().map(|written| written.bytes.clone())))
        }
        _ => None,
    };
    let files = deeds.filter_map(file).collect();
    let host: Arc<dyn Observe> = Arc::new(TakenBack { host: (worker.looking)(), files });
    let wish = Wish { intent: Some(Intent::Reboot), profiles: Vec::new(), ..worker.wish("undo") };
    let seen = Sight::new(worker.subject()?, wish)?.look(&host, true)?;
    let names: Vec<&str> = pins.iter().flat_map(|pin| pin.planned.subject.split(',')).collect();
    let mut judged = seen.report.findings.iter().filter(|it| pins.iter().any(|pin| pin.planned.mends.id == it.id));
    let wrong = judged.find(|it| {
        let is_wrong = matches!(it.status, Status::Fail | Status::Unknown);
        is_wrong && (it.subject.is_empty() || names.contains(&it.subject.as_str()))
    });
    Ok(wrong.map(|it| format!("without what it wrote {}; the pin stays", it.detail)))
}
