//! Does a host answer an echo request?

use std::time::Instant;

use crate::model::answer::Contact;
use crate::model::{Reading, TroubleCause};

pub fn ping(_: &str, _: Instant) -> Reading<Contact> {
    Reading::unreadable(TroubleCause::Failed, "not built yet")
}
