//! Routes and rules of the baseline are put back.

use super::Context;
use crate::model::Finding;
use crate::model::plan::Planned;

pub fn plan(fix: &str, finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    let _ = (fix, finding, context.named);
    None
}
