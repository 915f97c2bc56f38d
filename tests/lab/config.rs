//! What operators say under /etc/hostready, rightly and wrongly.

use anyhow::ensure;

use crate::harness::{Run, Tested, recipe};

const CONFIG: &str = "/etc/hostready/config.toml";

crate::tests!("config":
    file_that_others_may_write_is_refused,
    file_of_another_owner_is_refused,
    unknown_key_is_refused_with_its_place,
    broken_toml_is_refused_with_its_place,
    check_dropped_in_judges,
    threshold_can_be_set,
    waived_finding_stays_and_does_not_block,
    id_that_no_check_has_is_refused,
);

/// Exit 2, the place of the fault, and no finding.
fn refused(run: &Run, mention: &str) -> Tested {
    run.exits(2)?;
    let said = format!("{}{}", run.stdout, run.stderr);
    ensure!(said.contains(mention), "nothing of `{mention}` in\n{said}");
    ensure!(run.findings().is_err(), "it judged all the same");
    Ok(())
}

fn file_that_others_may_write_is_refused() -> Tested {
    let lab = recipe::plain().file(CONFIG, "[host]\ncluster = \"az1\"\n").boot()?;
    lab.check(&[])?.exits(0)?;
    lab.sh("chmod 666 /etc/hostready/config.toml")?;
    refused(&lab.check(&[])?, CONFIG)
}

fn file_of_another_owner_is_refused() -> Tested {
    let lab = recipe::plain().file("/etc/hostready/checks.d/site.toml", "").boot()?;
    lab.check(&[])?.exits(0)?;
    lab.sh("chown daemon /etc/hostready/checks.d/site.toml")?;
    refused(&lab.check(&[])?, "/etc/hostready/checks.d/site.toml")
}

fn unknown_key_is_refused_with_its_place() -> Tested {
    let lab =
        recipe::plain().file(CONFIG, "[host]\ncluster = \"az1\"\n\n[ovs]\n  soket = \"/run/db.sock\"\n").boot()?;
    refused(&lab.check(&[])?, "/etc/hostready/config.toml:5:3: ")
}

fn broken_toml_is_refused_with_its_place() -> Tested {
    let lab = recipe::plain().file("/etc/hostready/checks.d/site.toml", "[[check]\n").boot()?;
    refused(&lab.check(&[])?, "/etc/hostready/checks.d/site.toml:1:")
}

fn check_dropped_in_judges() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.check(&[])?.exits(0)?;
    lab.write(
        "/etc/hostready/checks.d/images.toml",
        "[[check]]\nid = \"site.images\"\ntitle = \"no room for images\"\nwhy = \"guests are moved here\"\n\
         source = \"site handbook\"\nfor = [\"agent\"]\nlevel = \"block\"\nseverity = \"high\"\nkind = \"filesystem-space\"\n\
         paths = { \"/srv\" = \"900TiB\", \"/opt\" = \"1GiB\" }\n",
    )?;
    let run = lab.check(&[])?;
    let row = run.blocks("site.images", "/srv", None)?;
    ensure!(row["expected"]["free_bytes"] == 900_u64 << 40, "another threshold: {row:#}");
    run.passes("site.images", "/opt")?;
    run.blocked_by(&["site.images /srv"])
}

fn threshold_can_be_set() -> Tested {
    let lab = recipe::plain().disk("/opt", "tmpfs", "2g").boot()?;
    lab.check(&[])?.blocked_by(&["disk.space /opt"])?;
    lab.write(CONFIG, "[override.\"disk.space\"]\npaths = { \"/opt\" = \"1GiB\" }\n")?;
    lab.check(&[])?.passes("disk.space", "/opt")
}

fn waived_finding_stays_and_does_not_block() -> Tested {
    let lab = recipe::plain().disk("/opt", "tmpfs", "2g").boot()?;
    lab.write(
        CONFIG,
        "[[waiver]]\nid = \"disk.space\"\nsubject = \"/opt\"\nreason = \"grown next week\"\nexpires = 2999-12-31\n",
    )?;
    let run = lab.check(&[])?;
    let row = run.says("disk.space", "/opt", "fail")?;
    ensure!(row["blocking"] == false && row["waiver"]["reason"] == "grown next week", "not waived: {row:#}");
    ensure!(run.report()?["summary"]["waived"] == 1, "not counted");
    run.exits(0)
}

fn id_that_no_check_has_is_refused() -> Tested {
    let lab = recipe::plain().boot()?;
    refused(&lab.check(&["--only", "disk.spaec"])?, "disk.spaec")?;
    refused(&lab.check(&["--skip", "nothing.*"])?, "nothing.*")
}
