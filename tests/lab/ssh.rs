//! sshd: its configuration against what `sshd -t` says of it, its units, and who answers at its addresses.

use anyhow::{Result, ensure};

use crate::harness::{Lab, Run, Tested, recipe};
use crate::ssh_configurations::CONFIGURATIONS;

const ID: &str = "ssh.reachable";
const CONFIGURATION: &str = "/etc/ssh/sshd_config";
const V4: &str = "0.0.0.0:22";
const V6: &str = "[::]:22";

crate::tests!("ssh":
    sshd_that_answers_is_green_and_logs_no_error,
    configurations_are_judged_as_sshd_does,
    broken_configuration_blocks_before_and_after_sshd_stops,
    no_host_key_blocks,
    stopped_sshd_blocks_once,
    listener_that_is_no_sshd_blocks,
    sshd_that_turns_this_host_away_is_a_warning,
    all_of_ipv6_is_asked_where_there_is_an_address,
    address_of_no_interface_is_named,
    ports_and_files_elsewhere_are_found,
    next_boot_without_sshd_blocks,
    sshd_that_is_switched_off_is_skipped,
    look_does_not_start_a_waiting_sshd,
    socket_with_a_service_for_each_connection_is_not_connected,
    without_root_what_is_private_is_unknown,
);

fn look(lab: &Lab) -> Result<Run> {
    lab.check(&["--for", "reboot", "--only", ID])
}

fn is_fit(run: &Run, subjects: &[&str]) -> Tested {
    for subject in subjects {
        run.passes(ID, subject)?;
    }
    let rows = run.rows(ID)?;
    ensure!(rows.len() == subjects.len(), "{} rows, not {}: {rows:#?}", rows.len(), subjects.len());
    run.exits(0)
}

fn host() -> Result<Lab> {
    let lab = recipe::plain().boot()?;
    lab.wait_until("sshd runs", |lab| Ok(lab.run(&["systemctl", "is-active", "ssh.service"])?.code == 0))?;
    Ok(lab)
}

fn append(lab: &Lab, line: &str) -> Tested {
    lab.sh(&format!("echo '{line}' >>{CONFIGURATION}")).map(drop)
}

fn sshd_that_answers_is_green_and_logs_no_error() -> Tested {
    let lab = host()?;
    let run = look(&lab)?;
    is_fit(&run, &[CONFIGURATION, V4, V6])?;
    let greeting = &run.row(ID, V4)?["observed"]["greeting"];
    ensure!(greeting.as_str().is_some_and(|line| line.starts_with("SSH-2.0-OpenSSH_")), "no greeting: {greeting}");
    let log =
        || lab.sh("journalctl --sync; journalctl --no-pager --identifier=sshd --identifier=sshd-session --output=cat");
    lab.wait_until("sshd has logged us", |_| Ok(log()?.matches("Connection closed by").count() >= 2))?;
    let log = log()?;
    ensure!(!log.contains("error") && !log.contains("kex_exchange"), "our look is an error to sshd:\n{log}");
    ensure!(log.matches("Connection closed by").count() == 2, "more than a line each:\n{log}");
    Ok(())
}

/// The table says where we differ; the version of the sshd in the image may differ from it as well.
fn configurations_are_judged_as_sshd_does() -> Tested {
    let lab = host()?;
    let mut wrong = Vec::new();
    for case in CONFIGURATIONS {
        lab.write(CONFIGURATION, case.text)?;
        let sshd = lab.run(&["sshd", "-t"])?;
        let run = look(&lab)?;
        let row = run.row(ID, CONFIGURATION)?;
        let (accepted, passed) = (sshd.code == 0, row["status"] == "pass");
        let agrees = if case.is_taken_unseen { passed } else { accepted == passed };
        if !agrees || accepted && row["status"] == "fail" {
            wrong
                .push(format!("{:?}\n    sshd: {} {}\n    ours: {}", case.text, sshd.code, sshd.stderr, row["detail"]));
        }
        if !accepted && !case.is_taken_unseen && case.line > 0 {
            let line = &row["observed"]["line"];
            ensure!(*line == case.line, "{:?}: line {line}, not {}", case.text, case.line);
        }
    }
    ensure!(
        wrong.is_empty(),
        "{} of {} are judged otherwise:\n{}",
        wrong.len(),
        CONFIGURATIONS.len(),
        wrong.join("\n")
    );
    Ok(())
}

fn broken_configuration_blocks_before_and_after_sshd_stops() -> Tested {
    let lab = host()?;
    lab.write("/etc/ssh/sshd_config.d/50-site.conf", "X11Forwarding no\nPermitRootLogins no\n")?;
    let run = look(&lab)?;
    let row = run.blocks(ID, CONFIGURATION, Some("configuration"))?;
    let detail = row["detail"].as_str().unwrap_or_default();
    ensure!(detail.starts_with("/etc/ssh/sshd_config.d/50-site.conf:2: "), "not told where: {detail}");
    run.passes(ID, V4)?;
    run.blocked_by(&[&format!("{ID} {CONFIGURATION}")])?;

    lab.run(&["systemctl", "restart", "ssh.service"])?;
    let run = look(&lab)?;
    for subject in [V4, V6] {
        let row = run.blocks(ID, subject, Some("no-listener"))?;
        ensure!(row["caused_by"]["subject"] == CONFIGURATION, "not explained by the configuration: {row:#}");
    }
    Ok(())
}

fn no_host_key_blocks() -> Tested {
    let lab = host()?;
    lab.sh("for key in /etc/ssh/ssh_host_*_key; do : >$key; done")?;
    let run = look(&lab)?;
    run.blocks(ID, CONFIGURATION, Some("no-host-key"))?;
    ensure!(lab.run(&["sshd", "-t"])?.code != 0, "sshd takes empty keys");
    lab.sh("mkdir /etc/keys && ssh-keygen -q -t ed25519 -N '' -f /etc/keys/host")?;
    append(&lab, "HostKey /etc/keys/host")?;
    look(&lab)?.passes(ID, CONFIGURATION)?;
    lab.sh("sshd -t")?;
    Ok(())
}

fn stopped_sshd_blocks_once() -> Tested {
    let lab = host()?;
    lab.sh("systemctl stop ssh.service")?;
    let run = look(&lab)?;
    let row = run.blocks(ID, V4, Some("no-listener"))?;
    let detail = row["detail"].as_str().unwrap_or_default();
    ensure!(detail.contains("ssh.service is inactive"), "the unit is not named: {detail}");
    let other = run.blocks(ID, V6, Some("no-listener"))?;
    ensure!(other["caused_by"]["subject"] == V4, "one fault and two headlines: {other:#}");
    run.passes(ID, CONFIGURATION)
}

fn listener_that_is_no_sshd_blocks() -> Tested {
    let lab = host()?;
    append(&lab, "AddressFamily inet")?;
    lab.sh("systemctl stop ssh.service")?;
    for (line, said) in [
        ("", "said nothing within"),
        ("220 hv-01 ESMTP", "not with SSH: `220 hv-01 ESMTP`"),
        ("Exceeded MaxStartups", "turns us away"),
    ] {
        lab.start("other", &["stand-in", "say", V4, line])?;
        let run = look(&lab)?;
        let row = run.says(ID, V4, "fail")?;
        ensure!(row["cause"] == "no-greeting", "not told as no greeting: {row:#}");
        ensure!(row["detail"].as_str().is_some_and(|detail| detail.contains(said)), "not {said}: {row:#}");
        // Who is busy for a while is there.
        ensure!(row["blocking"] == !line.starts_with("Exceeded"), "blocks or not: {row:#}");
        lab.sh("systemctl stop other.service")?;
    }
    Ok(())
}

/// Debian's and Ubuntu's sshd reads hosts.allow and hosts.deny.
fn sshd_that_turns_this_host_away_is_a_warning() -> Tested {
    let lab = host()?;
    lab.sh("ldd /usr/sbin/sshd | grep -q libwrap")?;
    lab.write("/etc/hosts.allow", "sshd: 10.0.0.0/8\n")?;
    lab.write("/etc/hosts.deny", "ALL: ALL\n")?;
    let run = look(&lab)?;
    for subject in [V4, V6] {
        let row = run.says(ID, subject, "fail")?;
        ensure!(row["cause"] == "no-greeting" && row["severity"] == "medium", "not a warning: {row:#}");
        ensure!(row["blocking"] == false, "blocks, and others get in: {row:#}");
        ensure!(row["detail"].as_str().is_some_and(|detail| detail.contains("/etc/hosts.deny")), "no hint: {row:#}");
    }
    run.passes(ID, CONFIGURATION)?;
    run.exits(0)
}

fn all_of_ipv6_is_asked_where_there_is_an_address() -> Tested {
    let lab = host()?;
    lab.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1; ip link add lxdbr0 type bridge; ip link set lxdbr0 up; \
         sysctl -qw net.ipv6.conf.lxdbr0.disable_ipv6=0; ip address add fd42::1/64 dev lxdbr0")?;
    ensure!(lab.run(&["ip", "-6", "address", "show", "dev", "lo"])?.stdout.is_empty(), "lo still has ::1");
    // Nobody is on the bridge.
    is_fit(&look(&lab)?, &[CONFIGURATION, V4])?;

    // A socket for all of IPv6 alone, as ssh.socket has it, and sshd runs.
    lab.write("/etc/systemd/system/ssh.socket.d/addresses.conf", "[Socket]\nListenStream=\nListenStream=[::]:22\n")?;
    lab.sh("systemctl daemon-reload; systemctl disable --now ssh.service; systemctl enable --now ssh.socket")?;
    lab.sh("ssh-keyscan 127.0.0.1 >/dev/null")?;
    lab.wait_until("sshd runs", |lab| Ok(lab.run(&["systemctl", "is-active", "ssh.service"])?.code == 0))?;
    is_fit(&look(&lab)?, &[CONFIGURATION, V6])?;

    lab.sh("ip address add fd43::1/64 dev lxdbr0 nodad")?;
    is_fit(&look(&lab)?, &[CONFIGURATION, V6])
}

fn address_of_no_interface_is_named() -> Tested {
    let lab = recipe::at_work()?;
    append(&lab, "ListenAddress 192.0.2.77")?;
    lab.run(&["systemctl", "restart", "ssh.service"])?;
    let run = look(&lab)?;
    let row = run.blocks(ID, "192.0.2.77:22", Some("no-listener"))?;
    ensure!(row["detail"].as_str().is_some_and(|detail| detail.contains("no interface has")), "no reason: {row:#}");

    // The other address lets people in.
    append(&lab, "ListenAddress 192.0.2.10")?;
    lab.sh("systemctl restart ssh.service")?;
    let run = look(&lab)?;
    run.passes(ID, "192.0.2.10:22")?;
    let row = run.says(ID, "192.0.2.77:22", "fail")?;
    ensure!(row["blocking"] == false && row["severity"] == "medium", "more than a warning: {row:#}");
    Ok(())
}

fn ports_and_files_elsewhere_are_found() -> Tested {
    let lab = host()?;
    lab.write("/etc/ssh/sshd_config.d/20-port.conf", "Port 2222\nAddressFamily inet\n")?;
    lab.sh("systemctl restart ssh.service")?;
    is_fit(&look(&lab)?, &[CONFIGURATION, "0.0.0.0:2222"])?;

    // A file that is not read before it is known to be included.
    lab.write("/etc/site/ssh.conf", "Bogus yes\n")?;
    append(&lab, "Include /etc/site/*.conf")?;
    look(&lab)?.blocks(ID, CONFIGURATION, Some("configuration"))?;
    lab.sh("rm /etc/site/ssh.conf /etc/ssh/sshd_config.d/20-port.conf")?;

    lab.write("/etc/default/ssh", "# options\nSSHD_OPTS=\"-4 -p 2200\"\n")?;
    lab.sh("systemctl restart ssh.service")?;
    is_fit(&look(&lab)?, &[CONFIGURATION, "0.0.0.0:2200"])?;

    // Told to it where nobody looks: nobody knows, and nobody is stopped.
    lab.sh("rm /etc/default/ssh")?;
    let run = look(&lab)?;
    let row = run.says(ID, V4, "unknown")?;
    ensure!(row["blocking"] == false, "blocks: {row:#}");
    ensure!(row["detail"].as_str().is_some_and(|detail| detail.contains("-p 2200")), "no reason: {row:#}");
    Ok(())
}

fn next_boot_without_sshd_blocks() -> Tested {
    for (does, undoes, said) in [
        ("systemctl disable ssh.service", "systemctl enable ssh.service", "not enabled"),
        (
            "systemctl disable ssh.service; systemctl enable --runtime ssh.service",
            "systemctl disable --runtime ssh.service; systemctl enable ssh.service",
            "until the next boot",
        ),
        ("systemctl mask ssh.service", "systemctl unmask ssh.service", "masked"),
        ("touch /etc/ssh/sshd_not_to_be_run", "rm /etc/ssh/sshd_not_to_be_run", "sshd_not_to_be_run exists"),
    ] {
        // A new one each: systemd 257 takes an sshd whose alias comes and goes for one that has ended.
        let lab = host()?;
        lab.sh(does)?;
        let run = look(&lab)?;
        let row = run.says(ID, "ssh.service", "fail")?;
        ensure!(row["cause"] == "not-enabled", "{does}: {row:#}");
        if lab.sh("systemctl show --value --property=ActiveState ssh.service")? == "active" {
            ensure!(row["detail"].as_str().is_some_and(|detail| detail.contains(said)), "{does}: {row:#}");
            run.passes(ID, V4)?;
            run.blocked_by(&[&format!("{ID} ssh.service")])?;
        }
        lab.sh(undoes)?;
        is_fit(&look(&lab)?, &[CONFIGURATION, V4, V6])?;
    }
    Ok(())
}

fn sshd_that_is_switched_off_is_skipped() -> Tested {
    let lab = host()?;
    lab.sh("systemctl disable --now ssh.service")?;
    let run = look(&lab)?;
    let row = run.says(ID, "", "skip")?;
    ensure!(row["cause"] == "not-present", "{row:#}");
    ensure!(row["detail"].as_str().is_some_and(|detail| detail.contains("switched off")), "no reason: {row:#}");
    ensure!(run.rows(ID)?.len() == 1, "more is said: {:#?}", run.rows(ID)?);

    // Started by hand, it is worth a note: maybe another unit will do so.
    lab.sh("mkdir -p /run/sshd; /usr/sbin/sshd")?;
    let run = look(&lab)?;
    run.notes(ID, "ssh.service", Some("not-enabled"))?;
    run.exits(0)
}

/// Ubuntu's way since 22.10: one sshd, started by its socket, which has the port.
fn look_does_not_start_a_waiting_sshd() -> Tested {
    let lab = host()?;
    lab.write(
        "/etc/systemd/system/ssh.socket.d/addresses.conf",
        "[Socket]\nListenStream=\nListenStream=0.0.0.0:2222\nListenStream=[::]:2222\nBindIPv6Only=ipv6-only\n",
    )?;
    lab.sh("systemctl daemon-reload; systemctl disable --now ssh.service; systemctl enable --now ssh.socket")?;
    let run = look(&lab)?;
    is_fit(&run, &[CONFIGURATION, "0.0.0.0:2222", "[::]:2222"])?;
    ensure!(lab.run(&["systemctl", "is-active", "ssh.service"])?.stdout.trim() == "inactive", "our look started sshd");
    let row = run.row(ID, "0.0.0.0:2222")?;
    ensure!(row["observed"]["socket"] == "active (listening)", "{row:#}");

    // Somebody came: now it can be asked.
    lab.sh("ssh-keyscan -p 2222 127.0.0.1 >/dev/null")?;
    lab.wait_until("sshd runs", |lab| Ok(lab.run(&["systemctl", "is-active", "ssh.service"])?.code == 0))?;
    let run = look(&lab)?;
    is_fit(&run, &[CONFIGURATION, "0.0.0.0:2222", "[::]:2222"])?;
    let greeting = &run.row(ID, "[::]:2222")?["observed"]["greeting"];
    ensure!(greeting.is_string(), "not asked: {greeting}");

    // Running, and neither of the two comes back.
    lab.sh("systemctl disable ssh.socket")?;
    look(&lab)?.blocked_by(&[&format!("{ID} ssh.service")])
}

fn socket_with_a_service_for_each_connection_is_not_connected() -> Tested {
    let lab = host()?;
    lab.write("/etc/systemd/system/ssh.socket.d/accept.conf", "[Socket]\nAccept=yes\n")?;
    // Debian 13 has none of this name.
    lab.write("/etc/systemd/system/ssh@.service", "[Service]\nExecStart=-/usr/sbin/sshd -i\nStandardInput=socket\n")?;
    lab.sh("systemctl daemon-reload; systemctl disable --now ssh.service; systemctl enable --now ssh.socket")?;
    let accepted = |lab: &Lab| lab.sh("systemctl show --value --property=NAccepted ssh.socket");
    is_fit(&look(&lab)?, &[CONFIGURATION, V6])?;
    ensure!(accepted(&lab)? == "0", "our look came in");
    // Whether it gets a key is not the question: it came.
    lab.run(&["ssh-keyscan", "127.0.0.1"])?;
    ensure!(accepted(&lab)? != "0", "nobody is ever counted");
    Ok(())
}

fn without_root_what_is_private_is_unknown() -> Tested {
    let lab = host()?;
    lab.write("/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication no\n")?;
    lab.sh("chmod 600 /etc/ssh/sshd_config.d/50-cloud-init.conf")?;
    is_fit(&look(&lab)?, &[CONFIGURATION, V4, V6])?;
    let nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "hostready", "check", "--json"];
    let run = Run::new(lab.run(&[&nobody[..], &["--for", "reboot", "--only", ID]].concat())?);
    let row = run.says(ID, CONFIGURATION, "unknown")?;
    ensure!(row["cause"] == "denied" && row["blocking"] == true, "not told as denied: {row:#}");
    run.exits(5)
}
