//! Tests against real daemons: systemd, dpkg, Open vSwitch, in labs of private namespaces.
//!
//! A test that this machine cannot run is reported as ignored, with what is missing in brackets.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the rules for the program do not bind what takes hosts apart to test it"
)]

mod harness;

mod agent;
mod bad_hosts;
mod boot;
mod boot_guard;
mod config;
mod console_card;
mod disk;
mod fix_engine;
mod fix_faults;
mod fix_guard;
mod fix_guardian;
mod fix_killed;
mod fix_network;
mod fix_networkd;
mod fix_ovs;
mod fix_packages;
mod fix_protected;
mod fix_rounds;
mod fix_routes;
mod fix_services;
mod fix_sessions;
mod fix_shown;
mod fix_space;
mod fix_undo;
mod looking;
mod netplan;
mod network_kept;
mod nic_names;
mod ovn;
mod ovs;
mod ovs_kept;
mod package;
mod packages;
mod reach;
mod repositories;
mod services;
mod services_kept;
mod snapshots;
mod ssh;
mod ssh_configurations;
mod waiting;

use std::process::ExitCode;

use harness::{Need, Test};
use libtest_mimic::{Arguments, Failed, Trial};

const TESTS: &[&[Test]] = &[
    disk::TESTS,
    fix_space::TESTS,
    fix_engine::TESTS,
    fix_faults::TESTS,
    fix_guard::TESTS,
    fix_undo::TESTS,
    fix_guardian::TESTS,
    boot_guard::TESTS,
    fix_protected::TESTS,
    fix_routes::TESTS,
    fix_networkd::TESTS,
    fix_killed::TESTS,
    fix_ovs::TESTS,
    fix_ovs::bond::TESTS,
    fix_ovs::refused::TESTS,
    fix_network::TESTS,
    fix_packages::TESTS,
    fix_packages::interrupted::TESTS,
    fix_packages::kernels::TESTS,
    fix_packages::sources::TESTS,
    fix_services::TESTS,
    fix_shown::TESTS,
    fix_rounds::TESTS,
    fix_sessions::TESTS,
    package::TESTS,
    packages::TESTS,
    repositories::TESTS,
    services::TESTS,
    services_kept::TESTS,
    agent::TESTS,
    netplan::TESTS,
    network_kept::TESTS,
    network_kept::routes::TESTS,
    nic_names::TESTS,
    ssh::TESTS,
    reach::TESTS,
    ovs::TESTS,
    ovs_kept::TESTS,
    ovn::TESTS,
    config::TESTS,
    console_card::TESTS,
    bad_hosts::TESTS,
    looking::TESTS,
    waiting::TESTS,
    snapshots::TESTS,
    boot::TESTS,
];

fn main() -> ExitCode {
    if let Some(code) = harness::stand_in::play() {
        return code;
    }
    let arguments = Arguments::from_args();
    let trials = TESTS.iter().copied().flatten().map(|test| trial(*test)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(test: Test) -> Trial {
    let missing = [Need::Lab].iter().chain(test.needs).find_map(|need| need.missing());
    let run = move || (test.run)().map_err(|error| Failed::from(format!("{error:#}")));
    let trial = Trial::test(test.name, run).with_ignored_flag(missing.is_some());
    match missing {
        Some(reason) => trial.with_kind(reason),
        None => trial,
    }
}
