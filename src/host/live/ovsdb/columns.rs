//! What is read of OVSDB. The benchmark asks ovsdb-server for the same, from this file.

/// The tables and columns that are judged, in the order of the reply's elements. Wider columns
/// (statistics above all) would make up most of the reply.
pub const TABLES: [(&str, &[&str]); 5] = [
    ("Open_vSwitch", &["cur_cfg", "next_cfg", "external_ids", "ovs_version"]),
    ("Bridge", &["_uuid", "name", "ports", "controller", "fail_mode", "datapath_type"]),
    ("Port", &["_uuid", "name", "interfaces", "external_ids"]),
    (
        "Interface",
        &["_uuid", "name", "type", "ofport", "error", "link_state", "admin_state", "mac_in_use", "external_ids"],
    ),
    ("Controller", &["_uuid", "is_connected"]),
];
