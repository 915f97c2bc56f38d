//! Where packages come from, and what is done to the host while they are installed.

use anyhow::{Context as _, ensure};

use super::{TOOLS, action, apply, host, is, is_applied, says};
use crate::harness::{Tested, recipe};

crate::tests!("fix_packages::sources":
    damaged_archive_is_refused,
    archive_that_takes_the_place_of_another_is_refused,
    download_that_stalls_ends,
    proxy_of_the_session_is_used,
    proxy_of_apt_comes_first,
    changed_configuration_and_holds_survive,
    nobody_can_be_asked,
    lower_version_is_refused,
    upgrade_is_said,
    lock_taken_meanwhile_is_waited_for,
    lock_taken_meanwhile_for_long_is_busy,
    host_without_dpkg_is_left_alone,
);

/// Broken, and no package source has it.
const BROKEN: &str =
    "build host-tool 1.0; dpkg --install /root/built/host-tool_1.0_all.deb; source_has; break_it host-tool";

fn damaged_archive_is_refused() -> Tested {
    // Its control data is whole in each: cut off behind it, and overwritten there.
    for damage in [
        "truncate -s -40",
        "dd status=none conv=notrunc bs=1 count=8 seek=$(($(stat -c %s $deb) - 90)) if=/dev/urandom of=",
    ] {
        let lab = host(&format!(
            "head -c 20000 /dev/urandom >/root/bulk; mkdir -p /root/more/usr/share/host-tool
            cp /root/bulk /root/more/usr/share/host-tool/bulk; {BROKEN}
            deb=/var/cache/pf9apps/host-tool_1.0_all.deb; cp /root/built/host-tool_1.0_all.deb $deb
            {damage}{}$deb; dpkg --field $deb Version",
            if damage.ends_with('=') { "" } else { " " }
        ))?;
        let run = apply(&lab, &["packages.state"])?;
        run.exits(6)?;
        let refused = action(&run, "packages.reinstall")?;
        ensure!(refused["state"] == "refused" && run.report()?["changed"] == false, "{refused:#}");
        says(refused, "/var/cache/pf9apps/host-tool_1.0_all.deb must not be installed: it cannot be read to its end")?;
        is(&lab, "host-tool", "1.0 install reinstreq half-installed")?;
        // A whole one beside it is taken.
        lab.sh("cp /root/built/host-tool_1.0_all.deb /var/cache/pf9apps/host-tool_other.deb")?;
        is_applied(&apply(&lab, &["packages.state"])?, "packages.reinstall")?;
    }
    Ok(())
}

/// dpkg would do that by itself.
fn archive_that_takes_the_place_of_another_is_refused() -> Tested {
    let lab = host(
        "build pf9-comms 1.0 \"$(printf 'Conflicts: rival\\nReplaces: rival')\"; build rival 1.0
        dpkg --install /root/built/pf9-comms_1.0_all.deb; source_has
        cp /root/built/pf9-comms_1.0_all.deb /var/cache/pf9apps",
    )?;
    lab.hostready(&["snapshot"])?.exits(0)?;
    lab.sh("dpkg --purge pf9-comms; dpkg --install /root/built/rival_1.0_all.deb")?;
    let run = apply(&lab, &["--accept", "disruption", "packages.kept:pf9-comms"])?;
    run.exits(6)?;
    let refused = action(&run, "packages.reinstall")?;
    ensure!(refused["state"] == "refused", "{refused:#}");
    says(refused, "will remove rival")?;
    is(&lab, "rival", "1.0 install ok installed")
}

/// It takes the connection, and says nothing.
fn download_that_stalls_ends() -> Tested {
    let lab = host(
        "build host-tool 1.0; dpkg --install /root/built/host-tool_1.0_all.deb; source_has host-tool_1.0_all.deb
        systemd-run --quiet --unit=mirror python3 -m http.server --bind 127.0.0.1 --directory /srv/source 8000
        until python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 8000))'; do sleep 0.1; done
        echo 'deb [trusted=yes] http://127.0.0.1:8000 ./' >/etc/apt/sources.list.d/test.list; apt-get update --quiet=2
        systemctl stop mirror; break_it host-tool
        echo 'Acquire::http::Timeout \"3\";' >/etc/apt/apt.conf.d/90timeout",
    )?;
    lab.start("mirror", &["stand-in", "say", "127.0.0.1:8000", ""])?;
    let run = apply(&lab, &["packages.state"])?;
    run.exits(6)?;
    let failed = action(&run, "packages.reinstall")?;
    ensure!(failed["state"] == "failed" && run.report()?["changed"] == false, "{failed:#}");
    says(failed, "Failed to fetch")?;
    is(&lab, "host-tool", "1.0 install reinstreq half-installed")?;
    ensure!(lab.run(&["pgrep", "-x", "apt-get|http|dpkg"])?.code == 1, "apt goes on");
    Ok(())
}

/// A proxy that has the archives itself, under the name that nobody else knows.
const PROXY: &str =
    "build host-tool 1.0; dpkg --install /root/built/host-tool_1.0_all.deb; source_has host-tool_1.0_all.deb
    mkdir -p /srv/proxy/http:; mv /srv/source /srv/proxy/http:/packages.example
    systemd-run --quiet --unit=proxy python3 -m http.server --bind 127.0.0.1 --directory /srv/proxy 3128
    until python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 3128))'; do sleep 0.1; done
    echo 'deb [trusted=yes] http://packages.example ./' >/etc/apt/sources.list.d/test.list
    http_proxy=http://127.0.0.1:3128 apt-get update --quiet=2; break_it host-tool";

const FIX: &str = "hostready fix --apply --accept packages.reinstall packages.state";

fn proxy_of_the_session_is_used() -> Tested {
    let lab = host(PROXY)?;
    ensure!(lab.run(&["sh", "-c", FIX])?.code == 6, "nobody else knows this name");
    lab.sh(&format!("http_proxy=http://127.0.0.1:3128 {FIX}"))?;
    is(&lab, "host-tool", "1.0 install ok installed")
}

fn proxy_of_apt_comes_first() -> Tested {
    let lab = host(PROXY)?;
    lab.write("/etc/apt/apt.conf.d/90proxy", "Acquire::http::Proxy \"http://127.0.0.1:3128\";\n")?;
    lab.sh(&format!("http_proxy=http://127.0.0.1:9 {FIX}"))?;
    is(&lab, "host-tool", "1.0 install ok installed")
}

fn changed_configuration_and_holds_survive() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.write("/root/tools", TOOLS)?;
    // The second version changes it, too: dpkg would ask.
    super::with_tools(
        &lab,
        "mkdir -p /root/more/etc /root/more/DEBIAN; echo /etc/host-tool.conf >/root/more/DEBIAN/conffiles
        echo one >/root/more/etc/host-tool.conf; build host-tool 1.0
        echo two >/root/more/etc/host-tool.conf; build host-tool 2.0; rm -r /root/more; build other 1.0
        dpkg --install /root/built/host-tool_1.0_all.deb /root/built/other_1.0_all.deb
        echo own >/etc/host-tool.conf; apt-mark hold other dash
        dpkg --unpack /root/built/host-tool_2.0_all.deb; source_has host-tool_2.0_all.deb",
    )?;
    let holds = lab.sh("apt-mark showhold")?;
    is_applied(&apply(&lab, &["packages.state"])?, "packages.configure")?;
    is(&lab, "host-tool", "2.0 install ok installed")?;
    super::with_tools(&lab, "rm -f /etc/host-tool.conf.dpkg-*; break_it host-tool")?;
    is_applied(&apply(&lab, &["packages.state"])?, "packages.reinstall")?;
    ensure!(lab.sh("cat /etc/host-tool.conf")? == "own", "what a person wrote is gone");
    ensure!(lab.sh("apt-mark showhold")? == holds && holds == "dash\nother", "the holds were {holds}");
    Ok(())
}

/// By dpkg and by apt.
fn nobody_can_be_asked() -> Tested {
    let lab = host(
        "build host-tool 1.0 '' 'env >/root/seen; read answer || echo no-answer >>/root/seen'
        dpkg --unpack /root/built/host-tool_1.0_all.deb; source_has host-tool_1.0_all.deb",
    )?;
    for fix in ["packages.configure", "packages.reinstall"] {
        is_applied(&apply(&lab, &["packages.state"])?, fix)?;
        let seen = lab.sh("cat /root/seen")?;
        let expected =
            ["DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_MODE=l", "UCF_FORCE_CONFFOLD=1", "no-answer", "LC_ALL=C"];
        for line in expected {
            ensure!(seen.lines().any(|seen| seen == line), "its script does not see `{line}`\n{seen}");
        }
        super::with_tools(&lab, "rm /root/seen; break_it host-tool")?;
    }
    Ok(())
}

const WANTS_LIB: &str = "build lib-it 1.0; build lib-it 2.0; build host-tool 1.0 'Depends: lib-it (= 1.0)'
    build newer-tool 1.0 'Depends: lib-it (>= 2.0)'";

/// Where apt is told to prefer it, too.
fn lower_version_is_refused() -> Tested {
    let lab = host(&format!(
        "{WANTS_LIB}; dpkg --install /root/built/lib-it_2.0_all.deb
        ! dpkg --install /root/built/host-tool_1.0_all.deb
        source_has lib-it_1.0_all.deb; printf 'Package: *\\nPin: version 1.0\\nPin-Priority: 1001\\n' >/etc/apt/preferences.d/x",
    ))?;
    let run = apply(&lab, &["packages.state"])?;
    run.exits(6)?;
    let refused = action(&run, "packages.configure")?;
    ensure!(refused["state"] == "refused", "{refused:#}");
    is(&lab, "lib-it", "2.0 install ok installed")
}

fn upgrade_is_said() -> Tested {
    let lab = host(&format!(
        "{WANTS_LIB}; dpkg --install /root/built/lib-it_1.0_all.deb
        ! dpkg --install /root/built/newer-tool_1.0_all.deb; source_has lib-it_2.0_all.deb",
    ))?;
    let run = lab.hostready(&["fix", "--json"])?;
    let planned = action(&run, "packages.configure")?;
    says(planned, "upgrades lib-it")?;
    ensure!(planned["before"]["packages"]["lib-it"] == "1.0 installed", "{planned:#}");
    ensure!(planned["after"]["packages"]["lib-it"] == "2.0 installed", "{planned:#}");
    is_applied(&apply(&lab, &["packages.state"])?, "packages.configure")
}

/// Somebody takes a lock between our look and what this program does with this word, for as long as it says.
fn taken_meanwhile(program: &str, word: &str, lock: &str, seconds: &str) -> String {
    format!(
        "mv /usr/bin/{program} /usr/bin/{program}.real
        cat >/usr/bin/{program} <<'END'
#!/bin/sh
case \"$*\" in *{word}*) mv /usr/bin/{program}.real /usr/bin/{program}
    systemd-run --quiet --property=Type=notify --property=RuntimeMaxSec={seconds} --unit upgrader -- \\
        /usr/local/bin/stand-in lock {lock};;
esac
exec $(ls /usr/bin/{program}.real 2>/dev/null || echo /usr/bin/{program}) \"$@\"
END
        chmod 755 /usr/bin/{program}"
    )
}

const FRONTEND: &str = "/var/lib/dpkg/lock-frontend";
const UNPACKED: &str = "build host-tool 1.0; dpkg --unpack /root/built/host-tool_1.0_all.deb";

fn lock_taken_meanwhile_is_waited_for() -> Tested {
    let held = format!("{BROKEN}; apt-mark hold host-tool");
    let from_source = format!("{held}; source_has host-tool_1.0_all.deb");
    let from_cache = format!("{held}; cp /root/built/host-tool_1.0_all.deb /var/cache/pf9apps");
    for (script, fix, program, word, lock) in [
        (UNPACKED, "packages.configure", "dpkg", "--configure", FRONTEND),
        (&from_source, "packages.reinstall", "apt-get", "--download-only", "/var/cache/apt/archives/lock"),
        (&from_cache, "packages.reinstall", "dpkg", "confold?--refuse", "/var/lib/dpkg/lock"),
        (&from_cache, "packages.reinstall", "apt-mark", "hold", FRONTEND),
    ] {
        let lab = host(&format!("{script}\n{}", taken_meanwhile(program, word, lock, "3")))?;
        let holds = lab.sh("apt-mark showhold")?;
        let run = apply(&lab, &["packages.state"])?;
        is_applied(&run, fix).with_context(|| format!("{program} {word}"))?;
        ensure!(lab.sh("apt-mark showhold")? == holds, "{program} {word}: the holds are not as they were");
        ensure!(lab.run(&["systemctl", "is-failed", "upgrader"])?.code == 0, "nobody took the lock");
    }
    Ok(())
}

fn lock_taken_meanwhile_for_long_is_busy() -> Tested {
    let lab = host(&format!("{UNPACKED}\n{}", taken_meanwhile("dpkg", "--configure", FRONTEND, "infinity")))?;
    let run = apply(&lab, &["--lock-timeout", "2s", "packages.state"])?;
    run.exits(7)?;
    let pid = lab.sh("systemctl show --value --property=MainPID upgrader")?;
    says(action(&run, "packages.configure")?, &format!("pid {pid}"))?;
    ensure!(run.report()?["changed"] == false, "{}", run.stdout);
    ensure!(run.stderr.contains(&format!("(pid {pid}) holds {FRONTEND}")), "{}", run.stderr);
    is(&lab, "host-tool", "1.0 install ok unpacked")
}

/// A host of another family: an apt that lies there is not touched.
fn host_without_dpkg_is_left_alone() -> Tested {
    let lab = host(&format!(
        "{BROKEN}; mv /var/lib/dpkg /var/lib/no-dpkg; mkdir -p /var/lib/rpm /etc/pf9
        for name in dpkg apt-get apt-mark apt-cache dpkg-query; do
            printf '#!/bin/sh\\necho \"$0 $*\" >>/root/run\\nexit 1\\n' >/usr/bin/$name
        done
        printf 'ID=rocky\\nVERSION_ID=9.4\\nNAME=Rocky\\n' >/etc/os-release"
    ))?;
    for wanted in ["packages.configure", "packages.reinstall", "packages.state", "--all"] {
        let run = apply(&lab, &["--profile", "pcd-host", wanted])?;
        ensure!(run.report()?["actions"] == serde_json::json!([]), "{}", run.stdout);
        let note = format!("note: {wanted}: ");
        ensure!(wanted == "--all" || run.stderr.contains(&note), "it does not say `{note}`\n{}", run.stderr);
    }
    ensure!(lab.run(&["test", "-e", "/root/run"])?.code == 1, "{}", lab.sh("cat /root/run")?);
    Ok(())
}
