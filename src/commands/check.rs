//! `hostready check`: may this host be upgraded now?

use clap::Args;

use super::Looking;
use super::judging::Judging;
use super::look::Aim;
use super::options::AimOptions;
use crate::host::store::Store;

#[derive(Clone, Debug, Args)]
pub struct Check {
    #[command(flatten)]
    aim: AimOptions,
    #[command(flatten)]
    pub judging: Judging,
}

impl Check {
    pub fn run(&self, looking: Looking, store: &Store) -> anyhow::Result<u8> {
        let aim = Aim { drained: self.aim.drained, ..Aim::of(self.aim.intent) };
        self.judging.run("check", aim, None, looking, store)
    }
}
