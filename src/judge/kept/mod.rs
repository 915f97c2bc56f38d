//! What the host is compared with a baseline in: one file a kind of check.

pub mod addresses;
pub mod devices;
pub mod guests;
pub mod links;
pub mod ovs_bridges;
pub mod ovs_database;
pub mod ovs_ports;
pub mod packages;
pub mod rebooted;
#[cfg(test)]
pub mod recorded_switch;
pub mod resolver;
pub mod routes;
pub mod rules;
pub mod services;
#[cfg(test)]
pub mod staged;
