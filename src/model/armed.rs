//! Until when the boot guard may act on this host, and by which baseline.

use super::stored::row;

pub const SCHEMA: &str = "hostready/armed";
pub const SCHEMA_VERSION: &str = "1.0";
/// Over so many boots, whatever time is left.
pub const BOOTS: u32 = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Armed {
    pub schema: String,
    pub schema_version: String,
    /// RFC 3339, UTC, as the other two times are.
    pub until: String,
    /// The latest time that this host's clock was seen to show: of one that shows less nobody knows how long it has lasted.
    pub seen_at: String,
    pub boots_left: u32,
    /// The boot in which it was armed, later the last one that was counted: in it there is nothing to do.
    pub boot_id: String,
    /// The name of the snapshot that the host is to come back as.
    pub baseline: String,
}

row!(Armed, Required { schema, schema_version, until, seen_at, boots_left, boot_id, baseline });
