//! Whoever looks takes no lock, and says that what is seen may change.

use super::write;
use crate::host::lock;

pub fn say_so() {
    if let Some(run) = lock::holder() {
        write::say(&format!(
            "note: a fix is going on ({run}): what is found may change; `hostready fix --attach` follows it"
        ));
    }
}
