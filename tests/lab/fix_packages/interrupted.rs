//! What is cut off: dpkg itself, or the worker behind it. And what `undo` makes of a repair that it cannot take back.

use anyhow::ensure;

use super::{action, apply, host, is, is_applied, says};
use crate::harness::{Lab, Tested};

crate::tests!("fix_packages::interrupted":
    dpkg_killed_while_it_unpacks_is_mended_from_the_source,
    dpkg_killed_while_it_unpacks_is_mended_from_a_cache,
    dpkg_killed_in_a_script_is_mended,
    journal_of_dpkg_is_replayed_before_apt,
    two_broken_packages_are_mended,
    hold_is_put_back_by_the_next_fix,
    hold_is_put_back_by_undo,
    undo_says_that_it_stays,
);

/// Installed, and while it is installed again its script ends dpkg, as the kernel does when memory runs out.
const KILLED: &str = r#"
mkdir -p /root/more/DEBIAN; printf '#!/bin/sh\ntest -e /root/mended || kill -9 $PPID\n' >/root/more/DEBIAN/preinst
chmod 755 /root/more/DEBIAN/preinst; touch /root/mended
build host-tool 1.0; dpkg --install /root/built/host-tool_1.0_all.deb; rm /root/mended
! dpkg --install /root/built/host-tool_1.0_all.deb; touch /root/mended
ls /var/lib/dpkg/updates | grep -q ."#;

fn dpkg_killed_while_it_unpacks_is_mended_from_the_source() -> Tested {
    let lab = host(&format!("{KILLED}; source_has host-tool_1.0_all.deb"))?;
    is(&lab, "host-tool", "1.0 install reinstreq half-installed")?;
    // What broke stands in the journal that dpkg left: it is replayed first.
    let run = apply(&lab, &["--all"])?;
    is_applied(&run, "packages.configure")?;
    is_applied(&run, "packages.reinstall")?;
    is_whole(&lab)
}

/// apt does nothing before that.
fn journal_of_dpkg_is_replayed_before_apt() -> Tested {
    let lab = host(
        "build host-tool 1.0; dpkg --install /root/built/host-tool_1.0_all.deb; source_has host-tool_1.0_all.deb
        break_it host-tool; sed -n '/^Package: dash$/,/^$/p' /var/lib/dpkg/status >/var/lib/dpkg/updates/0001",
    )?;
    is_applied(&apply(&lab, &["packages.state:host-tool"])?, "packages.reinstall")?;
    is_whole(&lab)
}

fn dpkg_killed_while_it_unpacks_is_mended_from_a_cache() -> Tested {
    let lab = host(&format!("{KILLED}; source_has; cp /root/built/host-tool_1.0_all.deb /var/cache/pf9apps"))?;
    is_applied(&apply(&lab, &["--all"])?, "packages.reinstall")?;
    is_whole(&lab)
}

fn dpkg_killed_in_a_script_is_mended() -> Tested {
    let lab = host(
        "build host-tool 1.0 '' 'test -e /root/mended || kill -9 $PPID'
        ! dpkg --install /root/built/host-tool_1.0_all.deb; touch /root/mended",
    )?;
    is(&lab, "host-tool", "1.0 install ok half-configured")?;
    is_applied(&apply(&lab, &["--all"])?, "packages.configure")?;
    is_whole(&lab)
}

fn is_whole(lab: &Lab) -> Tested {
    is(lab, "host-tool", "1.0 install ok installed")?;
    let said =
        lab.sh("ls /var/lib/dpkg/updates; dpkg --audit; apt-get check 2>&1 | grep -v '^Reading\\|^Building' || :")?;
    ensure!(said.is_empty(), "{said}");
    Ok(())
}

/// While one of them is broken, apt does nothing for the other by itself.
fn two_broken_packages_are_mended() -> Tested {
    let lab = host(
        "build host-tool 1.0; build other-tool 1.0; dpkg --install /root/built/*.deb
        source_has host-tool_1.0_all.deb other-tool_1.0_all.deb; break_it host-tool; break_it other-tool",
    )?;
    apply(&lab, &["--all"])?.exits(0)?;
    is(&lab, "other-tool", "1.0 install ok installed")?;
    is_whole(&lab)
}

const HELD: &str = "build host-tool 1.0; dpkg --install /root/built/host-tool_1.0_all.deb; apt-mark hold host-tool
    source_has; break_it host-tool; cp /root/built/host-tool_1.0_all.deb /var/cache/pf9apps
    # Whoever holds it again ends the worker instead, once.
    mv /usr/bin/apt-mark /usr/bin/apt-mark.real
    printf '#!/bin/sh\\nmv /usr/bin/apt-mark.real /usr/bin/apt-mark\\nkill -9 $PPID\\n' >/usr/bin/apt-mark
    chmod 755 /usr/bin/apt-mark";

/// A host whose worker was ended between the installation and the hold.
fn killed_before_the_hold() -> anyhow::Result<Lab> {
    let lab = host(HELD)?;
    apply(&lab, &["packages.state"])?.exits(1)?;
    is(&lab, "host-tool", "1.0 install ok installed")?;
    Ok(lab)
}

fn hold_is_put_back_by_the_next_fix() -> Tested {
    let lab = killed_before_the_hold()?;
    let run = apply(&lab, &["--all"])?;
    run.exits(0)?;
    ensure!(run.stderr.contains("was cut off"), "{}", run.stderr);
    is(&lab, "host-tool", "1.0 hold ok installed")
}

fn hold_is_put_back_by_undo() -> Tested {
    let lab = killed_before_the_hold()?;
    let run = lab.hostready(&["undo", "--json"])?;
    run.exits(0)?;
    // That it is held again takes nothing back.
    says(action(&run, "packages.reinstall")?, "it stays: none: dpkg takes no step back")?;
    is(&lab, "host-tool", "1.0 hold ok installed")
}

fn undo_says_that_it_stays() -> Tested {
    let lab = host(
        "build host-tool 1.0; dpkg --install /root/built/host-tool_1.0_all.deb; apt-mark hold host-tool
        source_has; break_it host-tool; cp /root/built/host-tool_1.0_all.deb /var/cache/pf9apps",
    )?;
    apply(&lab, &["packages.state"])?.exits(0)?;
    for _ in 0..2 {
        let run = lab.hostready(&["undo", "--json"])?;
        run.exits(0)?;
        let stays = action(&run, "packages.reinstall")?;
        ensure!(stays["state"] == "applied" && stays["changed"] == false, "{stays:#}");
        says(stays, "dpkg takes no step back")?;
        ensure!(run.report()?["msg"].to_string().contains("cannot be taken back"), "{}", run.report()?["msg"]);
        is(&lab, "host-tool", "1.0 hold ok installed")?;
    }
    Ok(())
}
