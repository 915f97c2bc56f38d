//! A member comes back to its bond of the kernel.

use super::Context;
use crate::model::Finding;
use crate::model::plan::Planned;

pub fn plan(finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    let _ = (finding, context.named);
    None
}
