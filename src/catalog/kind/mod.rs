//! The kinds of checks: what a catalog entry of each may say, and what it asks the host.
//!
//! A new kind is a spec here, a line in the list below, and a file in `judge/`, which the compiler asks for.

pub mod agent;
pub mod boot;
pub mod filesystem;
pub mod host;
pub mod network;
pub mod ovs;
pub mod packages;
pub mod python;
pub mod services;
pub mod ssh;

use super::fields::Fields;
use super::settings::Settings;
use super::source::SourceError;
use crate::model::Query;

/// What every kind says about itself.
pub trait Spec {
    /// The closed list of reasons for which a check of this kind fails.
    const CAUSES: &'static [&'static str] = &[];

    /// What must be read before a check of this kind can be judged.
    fn questions(&self, settings: &Settings) -> Vec<Query>;

    /// What a baseline must hold for a check of this kind to compare with.
    fn remembered(&self, _: &Settings) -> Vec<Query> {
        Vec::new()
    }
}

macro_rules! kinds {
    (
        without settings { $($bare_name:literal => $bare:ident($bare_spec:ty)),* $(,)? }
        with settings { $($name:literal => $variant:ident($spec:ty)),* $(,)? }
    ) => {
        #[derive(Clone, Debug)]
        pub enum Kind {
            $($bare($bare_spec),)*
            $($variant($spec)),*
        }

        impl Kind {
            pub const NAMES: &'static [&'static str] = &[$($bare_name,)* $($name),*];

            /// `None` where there is no kind of that name.
            pub fn parse(name: &str, fields: &Fields<'_>) -> Option<Result<Self, SourceError>> {
                match name {
                    $($bare_name => Some(fields.only(&[]).map(|()| Self::$bare(<$bare_spec>::default()))),)*
                    $($name => Some(fields.whole::<$spec>().map(Self::$variant)),)*
                    _ => None,
                }
            }

            pub fn causes(&self) -> &'static [&'static str] {
                match self {
                    $(Self::$bare(_) => <$bare_spec as Spec>::CAUSES,)*
                    $(Self::$variant(_) => <$spec as Spec>::CAUSES),*
                }
            }

            pub fn questions(&self, settings: &Settings) -> Vec<Query> {
                match self {
                    $(Self::$bare(spec) => spec.questions(settings),)*
                    $(Self::$variant(spec) => spec.questions(settings)),*
                }
            }

            pub fn remembered(&self, settings: &Settings) -> Vec<Query> {
                match self {
                    $(Self::$bare(spec) => spec.remembered(settings),)*
                    $(Self::$variant(spec) => spec.remembered(settings)),*
                }
            }
        }
    };
}

impl Kind {
    /// A person may vouch for what it asks.
    pub fn can_be_attested(&self) -> bool {
        matches!(self, Self::Console(_) | Self::Attested(_))
    }
}

kinds! {
    without settings {
        "package-state" => PackageState(packages::State),
        "package-interrupted" => PackageInterrupted(packages::Interrupted),
        "package-held" => PackageHeld(packages::Held),
        "units-failed" => UnitsFailed(services::UnitsFailed),
        "ovs-daemons" => OvsDaemons(ovs::Daemons),
        "ovs-uplink" => OvsUplink(ovs::Uplink),
        "ovs-flows" => OvsFlows(ovs::Flows),
        "management-reachable" => ManagementReachable(network::Management),
        "peers-reachable" => PeersReachable(network::Peers),
        "clock-synchronised" => ClockSynchronised(host::Clock),
        "nic-names" => NicNames(network::Names),
        "netplan" => Netplan(network::Netplan),
        "initrd" => Initrd(boot::Initrd),
        "sshd" => Sshd(ssh::Sshd),
        "package-repositories" => PackageRepositories(packages::Repositories),
        "console" => Console(host::Console),
        "attested" => Attested(host::Attested),
        "rebooted" => Rebooted(host::Rebooted),
        "ovs-database-kept" => OvsDatabaseKept(ovs::DatabaseKept),
        "ovs-bridges-kept" => OvsBridgesKept(ovs::BridgesKept),
        "ovs-ports-kept" => OvsPortsKept(ovs::PortsKept),
        "links-kept" => LinksKept(network::LinksKept),
        "addresses-kept" => AddressesKept(network::AddressesKept),
        "routes-kept" => RoutesKept(network::RoutesKept),
        "rules-kept" => RulesKept(network::RulesKept),
        "resolver-kept" => ResolverKept(network::ResolverKept),
    }
    with settings {
        "filesystem-space" => FilesystemSpace(filesystem::Space),
        "filesystem-space-shared" => FilesystemSpaceShared(filesystem::SpaceShared),
        "filesystem-inodes" => FilesystemInodes(filesystem::Inodes),
        "filesystem-read-only" => FilesystemReadOnly(filesystem::ReadOnly),
        "filesystem-no-exec" => FilesystemNoExec(filesystem::NoExec),
        "deleted-open-files" => DeletedOpenFiles(filesystem::DeletedOpen),
        "package-lock" => PackageLock(packages::Locks),
        "unit-state" => UnitState(services::UnitState),
        "guests-running" => GuestsRunning(host::Guests),
        "reboot-pending" => RebootPending(host::RebootPending),
        "boot-space" => BootSpace(boot::Space),
        "kernel-module" => KernelModule(boot::Module),
        "package-versions" => PackageVersions(packages::Versions),
        "python-environments" => PythonEnvironments(python::Environments),
        "ovn-controller" => OvnController(ovs::Controller),
        "guests-kept" => GuestsKept(host::GuestsKept),
        "services-kept" => ServicesKept(services::Kept),
        "packages-kept" => PackagesKept(packages::Kept),
        "agent-service" => AgentService(agent::Service),
        "agent-connected" => AgentConnected(agent::Connected),
    }
}
