//! What is asked of the kernel that boots next.

use crate::facts::Facts;
use crate::model::Query;

/// Its module and its initial ramdisk, once it is known which kernel that is.
pub fn open_questions(_: &Facts<'_>) -> Vec<Query> {
    Vec::new()
}
