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

/// The tables that hold configuration: the switch, and what its rows point at.
pub const CONFIGURED: [&str; 15] = [
    "Open_vSwitch",
    "Bridge",
    "Port",
    "Interface",
    "Controller",
    "Manager",
    "QoS",
    "Queue",
    "Mirror",
    "NetFlow",
    "sFlow",
    "IPFIX",
    "Flow_Table",
    "AutoAttach",
    "SSL",
];

/// Columns that outlive the server and are none of anybody's configuration: the daemons write them.
pub const NOT_CONFIGURED: [&str; 17] = [
    "bond_active_slave",
    "cfm_flap_count",
    "cur_cfg",
    "datapath_types",
    "datapath_version",
    "datapaths",
    "db_version",
    "dpdk_initialized",
    "dpdk_version",
    "error",
    "iface_types",
    "next_cfg",
    "ofport",
    "ovs_version",
    "statistics",
    "system_type",
    "system_version",
];
