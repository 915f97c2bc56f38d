//! Packages that are repaired: by dpkg and apt themselves, from sources and archives that the test builds.

pub mod interrupted;
pub mod kernels;
pub mod sources;

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::harness::{Lab, Run, Tested, recipe};

crate::tests!("fix_packages":
    half_configured_is_finished,
    script_that_fails_again_is_a_failure,
    missing_dependency_is_installed,
    what_would_be_removed_is_refused,
    journal_of_dpkg_is_replayed,
    broken_package_comes_from_the_source,
    broken_package_comes_from_a_cache_and_stays_held,
    no_archive_is_a_refusal,
    apt_that_does_nothing_is_a_failure,
    agent_that_was_removed_comes_back_as_it_was,
    agent_that_lost_its_unit_is_installed_again,
    lock_is_waited_for,
    lock_for_ever_is_busy,
    script_that_sleeps_is_waited_for,
    killed_worker_leaves_dpkg_at_work,
);

const TOOLS: &str = r#"
mkdir -p /root/built /srv/source /var/cache/pf9apps
# NAME VERSION [MORE-FIELDS [POSTINST]]
build() {
    rm -rf /root/tree; mkdir -p /root/tree/DEBIAN "/root/tree/usr/share/$1"
    printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: a test\nDescription: a test\n' "$1" "$2" >/root/tree/DEBIAN/control
    [ -z "${3:-}" ] || printf '%s\n' "$3" >>/root/tree/DEBIAN/control
    printf '#!/bin/sh\n%s\n' "${4:-exit 0}" >/root/tree/DEBIAN/postinst
    chmod 755 /root/tree/DEBIAN/postinst
    echo "$2" >"/root/tree/usr/share/$1/version"
    [ ! -d /root/more ] || cp -r /root/more/. /root/tree/
    dpkg-deb --build /root/tree "/root/built/$1_$2_all.deb" >/dev/null
}
# What apt has: these archives and no other.
source_has() {
    rm -f /srv/source/*; for deb in "$@"; do cp "/root/built/$deb" /srv/source; done
    cd /srv/source; : >Packages
    for deb in *.deb; do
        [ -e "$deb" ] || continue
        { dpkg-deb --field "$deb"; printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" \
            "$(sha256sum "$deb" | cut -d' ' -f1)"; } >>Packages
    done
    rm -f /etc/apt/sources.list; echo 'deb [trusted=yes] file:/srv/source ./' >/etc/apt/sources.list.d/test.list
    apt-get update --quiet=2
}
break_it() { sed -i "/^Package: $1\$/,/^\$/s/^Status: \([a-z]*\) .*/Status: \1 reinstreq half-installed/" /var/lib/dpkg/status; }
"#;

const STATUS: &str = "dpkg-query -W -f '${Package} ${Version} ${Status}'";

/// A host on which this was done.
fn host(script: &str) -> anyhow::Result<Lab> {
    let lab = recipe::plain().boot()?;
    lab.write("/root/tools", TOOLS)?;
    with_tools(&lab, script)?;
    Ok(lab)
}

fn with_tools(lab: &Lab, script: &str) -> anyhow::Result<String> {
    lab.sh(&format!(". /root/tools\n{script}"))
}

fn apply(lab: &Lab, arguments: &[&str]) -> anyhow::Result<Run> {
    let accept = "packages.configure,packages.reinstall";
    lab.hostready(&[&["fix", "--json", "--apply", "--accept", accept], arguments].concat())
}

fn action<'a>(run: &'a Run, id: &str) -> anyhow::Result<&'a Value> {
    let actions = run.report()?["actions"].as_array().context("no actions")?;
    actions.iter().find(|action| action["id"] == id).with_context(|| format!("no action {id}: {actions:#?}"))
}

fn is_applied(run: &Run, id: &str) -> Tested {
    let action = action(run, id)?;
    ensure!(action["state"] == "applied" && action["changed"] == true, "{action:#}\n{}", run.stderr);
    run.exits(0)
}

fn says(action: &Value, words: &str) -> Tested {
    ensure!(action.to_string().contains(words), "it does not say `{words}`: {action:#}");
    Ok(())
}

fn is(lab: &Lab, name: &str, status: &str) -> Tested {
    let found = lab.sh(&format!("{STATUS} {name}"))?;
    ensure!(found == format!("{name} {status}"), "{found}");
    Ok(())
}

/// Its script fails until /root/mended is there.
const FAILS: &str = "build host-tool 1.0 '' 'test -e /root/mended'; ! dpkg --install /root/built/host-tool_1.0_all.deb";

fn half_configured_is_finished() -> Tested {
    let lab = host(&format!("build other 1.0; source_has other_1.0_all.deb; {FAILS}; touch /root/mended"))?;
    let everything = "find /var/lib/dpkg /var/lib/apt /var/cache/apt /etc -printf '%p %s %T@\\n' | sort";
    let before = lab.sh(everything)?;
    let plan = lab.hostready(&["fix", "--json"])?;
    let planned = action(&plan, "packages.configure")?;
    ensure!(planned["needs"] == serde_json::json!(["--accept packages.configure"]), "{planned:#}");
    ensure!(planned["before"]["packages"]["host-tool"] == "1.0 half-configured", "{planned:#}");
    ensure!(planned["after"]["packages"]["host-tool"] == "1.0 installed", "{planned:#}");
    let text = lab.hostready(&["fix"])?.stdout;
    for words in ["to be configured: host-tool", "dpkg --force-confdef --force-confold --configure -a", "undo: none"] {
        ensure!(text.contains(words), "it does not say `{words}`\n{text}");
    }
    ensure!(before == lab.sh(everything)?, "a plan changed the host");
    let refused = lab.hostready(&["fix", "--json", "--apply", "--all"])?;
    refused.exits(6)?;
    is(&lab, "host-tool", "1.0 install ok half-configured")?;

    is_applied(&apply(&lab, &["--all"])?, "packages.configure")?;
    is(&lab, "host-tool", "1.0 install ok installed")?;
    let again = apply(&lab, &["--all"])?;
    again.exits(0)?;
    ensure!(again.report()?["changed"] == false, "{}", again.stdout);
    Ok(())
}

fn script_that_fails_again_is_a_failure() -> Tested {
    let lab = host(FAILS)?;
    let run = apply(&lab, &["packages.state:host-tool"])?;
    run.exits(6)?;
    let failed = action(&run, "packages.configure")?;
    ensure!(failed["state"] == "failed", "{failed:#}");
    says(failed, "post-installation script subprocess returned error exit status 1")
}

const NEEDY: &str = "build lib-it 1.0; build openvswitch-it 1.0 'Depends: lib-it'
    ! dpkg --install /root/built/openvswitch-it_1.0_all.deb";

fn missing_dependency_is_installed() -> Tested {
    let lab = host(&format!(
        "{NEEDY}; source_has lib-it_1.0_all.deb
        sed -n '/^Package: dash$/,/^$/p' /var/lib/dpkg/status >/var/lib/dpkg/updates/0001"
    ))?;
    let run = apply(&lab, &["packages.state:openvswitch-it"])?;
    run.exits(6)?;
    let refused = action(&run, "packages.configure")?;
    says(refused, "disruption")?;
    ensure!(refused["after"]["packages"]["lib-it"] == "1.0 installed", "{refused:#}");
    let accept = "packages.configure,disruption";
    let done = lab.hostready(&["fix", "--json", "--apply", "--accept", accept, "packages.state:openvswitch-it"])?;
    is_applied(&done, "packages.configure")?;
    is(&lab, "lib-it", "1.0 install ok installed")?;
    is(&lab, "openvswitch-it", "1.0 install ok installed")
}

fn what_would_be_removed_is_refused() -> Tested {
    let lab = host(&format!("{NEEDY}; source_has"))?;
    let accept = "packages.configure,disruption";
    let run = lab.hostready(&["fix", "--json", "--apply", "--accept", accept, "packages.state:openvswitch-it"])?;
    run.exits(6)?;
    let refused = action(&run, "packages.configure")?;
    ensure!(refused["state"] == "refused", "{refused:#}");
    says(refused, "apt would remove openvswitch-it")?;
    is(&lab, "openvswitch-it", "1.0 install ok unpacked")
}

fn journal_of_dpkg_is_replayed() -> Tested {
    let lab = host("sed -n '/^Package: dash$/,/^$/p' /var/lib/dpkg/status >/var/lib/dpkg/updates/0001")?;
    is_applied(&apply(&lab, &["packages.interrupted"])?, "packages.configure")?;
    lab.sh("test -z \"$(ls /var/lib/dpkg/updates)\"").map(drop)
}

fn broken_package_comes_from_the_source() -> Tested {
    let lab = host(
        "build host-tool 1.0; build host-tool 2.0; dpkg --install /root/built/host-tool_1.0_all.deb
        source_has host-tool_1.0_all.deb host-tool_2.0_all.deb; break_it host-tool; rm /usr/share/host-tool/version",
    )?;
    is_applied(&apply(&lab, &["packages.state"])?, "packages.reinstall")?;
    is(&lab, "host-tool", "1.0 install ok installed")?;
    ensure!(lab.sh("cat /usr/share/host-tool/version")? == "1.0", "its files are not there");
    Ok(())
}

fn broken_package_comes_from_a_cache_and_stays_held() -> Tested {
    let lab = host(
        "build host-tool 1.0; build host-tool 2.0; build other-tool 1.0
        dpkg --install /root/built/host-tool_1.0_all.deb /root/built/other-tool_1.0_all.deb
        apt-mark hold host-tool other-tool; source_has; break_it host-tool
        mkdir -p /var/cache/pf9apps/tool
        # What it is called says nothing.
        cp /root/built/host-tool_1.0_all.deb /var/cache/pf9apps/tool/host-tool_9_all.deb
        cp /root/built/host-tool_2.0_all.deb /var/cache/pf9apps/tool/host-tool_1.0_all.deb",
    )?;
    let run = apply(&lab, &["packages.state"])?;
    is_applied(&run, "packages.reinstall")?;
    says(action(&run, "packages.reinstall")?, "host-tool_9_all.deb")?;
    is(&lab, "host-tool", "1.0 hold ok installed")?;
    is(&lab, "other-tool", "1.0 hold ok installed")
}

/// apt exits with 0 where it cannot install a package again; another version is not the one that was there.
fn no_archive_is_a_refusal() -> Tested {
    let lab = host(
        "build host-tool 1.0; build host-tool 2.0; dpkg --install /root/built/host-tool_1.0_all.deb
        source_has host-tool_2.0_all.deb; break_it host-tool
        cp /root/built/host-tool_2.0_all.deb /var/cache/apt/archives",
    )?;
    let run = apply(&lab, &["packages.state"])?;
    run.exits(6)?;
    let refused = action(&run, "packages.reinstall")?;
    ensure!(refused["state"] == "refused" && run.report()?["changed"] == false, "{refused:#}");
    says(refused, "put it there")?;
    is(&lab, "host-tool", "1.0 install reinstreq half-installed")?;
    lab.sh("cp /root/built/host-tool_1.0_all.deb /var/cache/apt/archives")?;
    is_applied(&apply(&lab, &["packages.state"])?, "packages.reinstall")?;
    is(&lab, "host-tool", "1.0 install ok installed")
}

/// It ends well, and installs nothing.
fn apt_that_does_nothing_is_a_failure() -> Tested {
    let lab = host(
        "build host-tool 1.0; dpkg --install /root/built/host-tool_1.0_all.deb
        source_has host-tool_1.0_all.deb; break_it host-tool; mv /usr/bin/apt-get /usr/bin/apt-get.real
        printf '#!/bin/sh\\ncase \"$*\" in *--simulate*) exec apt-get.real \"$@\";; esac\\n' >/usr/bin/apt-get
        chmod 755 /usr/bin/apt-get",
    )?;
    let run = apply(&lab, &["packages.state"])?;
    run.exits(6)?;
    let failed = action(&run, "packages.reinstall")?;
    ensure!(failed["state"] == "failed", "{failed:#}");
    says(failed, "ended well and changed nothing")
}

fn agent_that_was_removed_comes_back_as_it_was() -> Tested {
    let lab = host(
        "build pf9-comms 1.0; build pf9-comms 2.0; dpkg --install /root/built/pf9-comms_1.0_all.deb
        source_has pf9-comms_2.0_all.deb; apt-mark hold pf9-comms",
    )?;
    lab.hostready(&["snapshot"])?.exits(0)?;
    lab.sh("dpkg --purge --force-hold pf9-comms")?;
    let accept = ["--accept", "packages.reinstall,disruption"];
    let wanted = ["packages.kept:pf9-comms"];
    let fix = [&["fix", "--json", "--apply"], &accept[..], &wanted].concat();
    let run = lab.hostready(&fix)?;
    says(action(&run, "packages.reinstall")?, "put it there")?;
    lab.sh("cp /root/built/pf9-comms_1.0_all.deb /var/cache/pf9apps")?;
    let run = lab.hostready(&fix)?;
    let applied = action(&run, "packages.reinstall")?;
    ensure!(applied["state"] == "applied", "{applied:#}");
    is(&lab, "pf9-comms", "1.0 hold ok installed")
}

const UNIT: &str = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n";

fn agent_that_lost_its_unit_is_installed_again() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.write("/root/tools", TOOLS)?;
    lab.write("/root/more/lib/systemd/system/pf9-hostagent.service", UNIT)?;
    with_tools(
        &lab,
        "build pf9-hostagent 1.0 '' 'systemctl enable --now pf9-hostagent'
        source_has pf9-hostagent_1.0_all.deb; apt-get install --yes pf9-hostagent
        systemctl disable --now pf9-hostagent; rm /lib/systemd/system/pf9-hostagent.service; systemctl daemon-reload
        sleep 1.1",
    )?;
    let run = apply(&lab, &["agent.service:pf9-hostagent.service"])?;
    says(action(&run, "packages.reinstall")?, "disruption")?;
    run.exits(6)?;
    let accept = "packages.reinstall,disruption";
    let run =
        lab.hostready(&["fix", "--json", "--apply", "--accept", accept, "agent.service:pf9-hostagent.service"])?;
    let applied = action(&run, "packages.reinstall")?;
    ensure!(applied["state"] == "applied", "{applied:#}");
    lab.sh("systemctl is-active pf9-hostagent").map(drop)
}

fn lock_is_waited_for() -> Tested {
    let lab = host(&format!("{FAILS}; touch /root/mended"))?;
    lab.start("upgrader", &["stand-in", "lock", "/var/lib/dpkg/lock-frontend"])?;
    lab.sh("systemd-run --quiet --on-active=4s --timer-property=AccuracySec=1ms systemctl stop upgrader")?;
    is_applied(&apply(&lab, &["packages.state"])?, "packages.configure")?;
    is(&lab, "host-tool", "1.0 install ok installed")
}

fn lock_for_ever_is_busy() -> Tested {
    let lab = host(&format!("{FAILS}; touch /root/mended"))?;
    lab.start("upgrader", &["stand-in", "lock", "/var/lib/dpkg/lock-frontend"])?;
    let pid = lab.sh("systemctl show --value --property=MainPID upgrader")?;
    let run = apply(&lab, &["--lock-timeout", "2s", "packages.state"])?;
    run.exits(7)?;
    says(action(&run, "packages.configure")?, &format!("(pid {pid}) holds /var/lib/dpkg/lock-frontend"))?;
    ensure!(run.stderr.contains("busy:") && run.report()?["changed"] == false, "{}", run.stderr);
    is(&lab, "host-tool", "1.0 install ok half-configured")
}

const SLEEPS: &str = "build host-tool 1.0 '' 'touch /root/begun; sleep 40; touch /root/ended'
    dpkg --unpack /root/built/host-tool_1.0_all.deb";

/// Past every deadline; and whoever waits for it has gone.
fn script_that_sleeps_is_waited_for() -> Tested {
    let lab = host(SLEEPS)?;
    lab.sh("systemd-run --quiet --unit=session --collect hostready fix --apply --timeout 5s \
        --accept packages.configure packages.state")?;
    lab.wait_until("the script runs", |lab| Ok(lab.run(&["test", "-e", "/root/begun"])?.code == 0))?;
    lab.sh("systemctl kill --signal=KILL session")?;
    std::thread::sleep(Duration::from_secs(30));
    lab.wait_until("the script ends", |lab| Ok(lab.run(&["test", "-e", "/root/ended"])?.code == 0))?;
    lab.wait_until("the run ends", |lab| Ok(lab.sh("cat /var/lib/hostready/runs/*/journal")?.contains("\"ended\"")))?;
    is(&lab, "host-tool", "1.0 install ok installed")?;
    lab.sh("grep -q '\"applied\"' /var/lib/hostready/runs/*/journal").map(drop)
}

fn killed_worker_leaves_dpkg_at_work() -> Tested {
    let lab = host(
        "build host-tool 1.0 '' 'echo begun >>/root/begun; sleep 8; test -e /root/mended'
        dpkg --unpack /root/built/host-tool_1.0_all.deb",
    )?;
    lab.sh(
        "systemd-run --quiet --unit=session --collect hostready fix --apply --accept packages.configure packages.state",
    )?;
    lab.wait_until("the script runs", |lab| Ok(lab.run(&["test", "-e", "/root/begun"])?.code == 0))?;
    lab.sh("systemctl kill --kill-whom=main --signal=KILL 'hostready-*.service'")?;
    lab.sh("pgrep -x dpkg; touch /root/mended")?;
    // It waits for the dpkg that was left, and finds nothing more to do.
    let run = apply(&lab, &["packages.state"])?;
    run.exits(0)?;
    is(&lab, "host-tool", "1.0 install ok installed")?;
    ensure!(lab.sh("cat /root/begun")? == "begun", "the first dpkg did not come to its end");
    Ok(())
}
