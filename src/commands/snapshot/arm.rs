//! `--arm` and `--disarm`: whether the boot guard may act on this host.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Context;

use super::SnapshotVerb;
use crate::commands::boot::survives;
use crate::commands::options::Format;
use crate::commands::{Looking, usage, write};
use crate::exit::Exit;
use crate::host::snapshots::Snapshots;
use crate::host::store::Store;
use crate::host::{armed, boot};
use crate::model::Snapshot;
use crate::model::armed::{Armed, BOOTS, SCHEMA, SCHEMA_VERSION};

/// No upgrade takes longer, and whoever forgets it is not surprised a year later.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl SnapshotVerb {
    /// Whether the boot guard would act, before anything is written.
    pub(super) fn may_arm(&self, looking: Looking, state: &Path) -> anyhow::Result<()> {
        let Some(within) = self.arm else { return Ok(()) };
        is_root("arm")?;
        if within > LONGEST {
            return Err(usage("--arm lasts 30 days at most", "arm it again when the time comes"));
        }
        match survives::prevented(looking, state) {
            Some((why, hint)) => Err(usage(format!("this host cannot be armed: {why}"), hint)),
            None => Ok(()),
        }
    }

    /// With the baseline that there is now. One that was armed before goes on with it, as long as it was to last.
    pub(super) fn arm(&self, snapshot: &mut Snapshot, snapshots: &Snapshots, store: &Store) -> anyhow::Result<()> {
        let failed = Exit::from_code(snapshot.exit_code) == Exit::Internal;
        let Some(baseline) = snapshots.baseline_name().filter(|_| !failed) else { return Ok(()) };
        let now = SystemTime::now();
        let found = armed::read(&snapshots.state);
        let wanted = match (self.arm, found) {
            (Some(within), _) => new(now, within, baseline)?,
            (None, Ok(Some(before))) if before.baseline != baseline => Armed { baseline, ..before },
            (None, Ok(before)) => {
                let until = before.map(|before| before.until);
                snapshot.armed_until = until.filter(|until| *until > time(now));
                return Ok(());
            }
            (None, Err(error)) => {
                write::say(&format!("warning: {}: {error}", armed::path(&snapshots.state).display()));
                return Ok(());
            }
        };
        armed::write(store, &snapshots.state, &wanted)
            .with_context(|| format!("not armed: {}", armed::path(&snapshots.state).display()))?;
        snapshot.armed_until = Some(wanted.until);
        Ok(())
    }

    pub(super) fn disarm(&self, state: &Path, store: &Store) -> anyhow::Result<u8> {
        is_root("disarm")?;
        let path = armed::path(state);
        let changed = path.symlink_metadata().is_ok();
        armed::remove(store, state).with_context(|| format!("cannot remove {}", path.display()))?;
        let msg = if changed { "this host is not armed any more" } else { "this host was not armed" };
        let shown = match self.output.format.format() {
            Format::Text => format!("{msg}\n"),
            Format::Json => {
                let told = serde_json::json!({
                    "changed": changed, "failed": false, "exit_code": 0, "msg": msg, "comment": msg, "armed_until": null
                });
                format!("{told:#}\n")
            }
        };
        write::print(&shown)?;
        let written = write::output(&self.output, 0o600, store, &|| Ok(shown.clone().into_bytes()))?;
        Ok(written.code())
    }
}

fn is_root(verb: &str) -> anyhow::Result<()> {
    match nix::unistd::geteuid().is_root() {
        true => Ok(()),
        false => Err(usage(format!("only root may {verb} this host"), "run it with sudo")),
    }
}

fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

fn new(now: SystemTime, within: Duration, baseline: String) -> anyhow::Result<Armed> {
    Ok(Armed {
        schema: SCHEMA.to_owned(),
        schema_version: SCHEMA_VERSION.to_owned(),
        until: time(now.checked_add(within).context("no clock counts so far")?),
        seen_at: time(now),
        boots_left: BOOTS,
        boot_id: boot::id().context("this boot has no id")?,
        baseline,
    })
}
