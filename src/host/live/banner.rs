//! What a server says by itself.

use std::time::Instant;

use crate::model::answer::Banner;
use crate::model::{Reading, TroubleCause};

pub fn banner(_: &str, _: Instant) -> Reading<Banner> {
    Reading::unreadable(TroubleCause::Failed, "not built yet")
}
