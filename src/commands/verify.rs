//! `hostready verify`: did this host come back whole? A check with a baseline.

use std::path::Path;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::baseline::Baseline;
use super::judging::Judging;
use super::look::Aim;
use super::options::StateOptions;
use super::{Looking, usage};
use crate::host::snapshots::{self, Snapshots, UnusableSnapshot};
use crate::host::store::Store;
use crate::model::Snapshot;
use crate::model::report::Intent;

#[derive(Clone, Debug, Args)]
pub struct Verify {
    /// Compare with this snapshot, a name or a file, instead of the last baseline
    #[arg(long, value_name = "NAME|FILE", env = "HOSTREADY_BASELINE", hide_env = true)]
    baseline: Option<String>,
    /// The host must have been rebooted since the baseline
    #[arg(long, value_parser = FalseyValueParser::new(), env = "HOSTREADY_EXPECT_REBOOT", hide_env = true)]
    expect_reboot: bool,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    pub judging: Judging,
}

impl Verify {
    pub fn run(&self, looking: Looking, store: &Store) -> anyhow::Result<u8> {
        let baseline = self.baseline()?.map(Baseline::new);
        let aim = Aim { expect_reboot: self.expect_reboot, ..Aim::of(Intent::After) };
        self.judging.run("verify", aim, baseline.as_ref(), looking, store)
    }

    /// The snapshot to compare with; none where none was ever taken and none was asked for.
    fn baseline(&self) -> anyhow::Result<Option<Snapshot>> {
        let snapshots = Snapshots { state: self.state.directory() };
        let Some(name) = self.baseline.as_deref().filter(|name| !name.is_empty()) else {
            let told = |error: UnusableSnapshot| usage(&error, error.hint(&snapshots.others()));
            return snapshots.baseline().map_err(told);
        };
        // A name may be written as the file is called.
        let kept = snapshots.path(name.strip_suffix(".json").unwrap_or(name));
        let file = Path::new(name);
        let is_file = name.contains('/') || (!kept.exists() && file.exists());
        let found = snapshots::read(if is_file { file } else { &kept });
        found.map(Some).map_err(|error| usage(&error, error.hint("")))
    }
}
