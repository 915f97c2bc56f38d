//! A host that can be changed, in memory.

use crate::model::finding::FindingRef;
use crate::model::plan::Planned;

/// A plan without steps, for a finding of the same subject.
pub fn planned(fix: &str, subject: &str) -> Planned {
    Planned {
        fix: fix.to_owned(),
        subject: subject.to_owned(),
        mends: FindingRef { id: "test".to_owned(), subject: subject.to_owned() },
        why: String::new(),
        steps: Vec::new(),
        undo: "the same backwards".to_owned(),
        risk: None,
        needs: Vec::new(),
        touches: Vec::new(),
        frees_bytes: None,
        before: serde_json::Map::new(),
        after: serde_json::Map::new(),
        refused: None,
    }
}
