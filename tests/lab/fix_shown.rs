//! What a person sees of a repair, while it is made and afterwards.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::harness::{Lab, Tested, recipe};

crate::tests!("fix-shown":
    repair_is_followed_on_a_terminal_and_by_a_program,
    old_runs_make_room_for_new_ones,
);

/// It takes its time to start, as a daemon with much to read does.
const SLOW: &str = "[Service]
ExecStartPre=/bin/sh -c 'while test -e /run/slow; do sleep 0.1; done'
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
";

const FIX: &str = "hostready fix --apply services.kept:slow.service";

fn stopped() -> Result<Lab> {
    let lab = recipe::plain().boot()?;
    lab.write("/etc/systemd/system/slow.service", SLOW)?;
    lab.sh("systemctl daemon-reload; systemctl --quiet enable --now slow.service")?;
    lab.hostready(&["snapshot", "--replace", "--json"])?.exits(0)?;
    lab.sh("systemctl stop slow.service")?;
    Ok(lab)
}

fn repair_is_followed_on_a_terminal_and_by_a_program() -> Tested {
    let lab = stopped()?;
    // It starts once somebody has seen that it takes long.
    let drawn = lab.sh(&format!(
        "touch /run/slow
        (while ! grep -q '0:02 unit.start' /run/drawn 2>/dev/null; do sleep 0.1; done; rm /run/slow) &
        script --quiet --flush --return --command '{FIX}' /run/drawn
        wait"
    ))?;
    let (lines, report) = drawn.rsplit_once("\r\u{1b}[K").context("no line was drawn")?;
    for words in ["looking at the host", "unit.start slow.service (1 of 1): systemctl start", "0:02 unit.start"] {
        ensure!(lines.contains(words), "it never says `{words}`\n{lines:?}");
    }
    let fits = |line: &str| line.split("\r\n").all(|part| part.chars().count() < 80);
    ensure!(lines.split("\r\u{1b}[K").skip(1).all(fits), "a line does not fit\n{lines:?}");
    ensure!(report.starts_with("hv-01 ") && report.contains("DONE"), "{report:?}");

    let list = lab.hostready(&["undo", "--list"])?.stdout;
    ensure!(list.contains(" UTC  done\n    unit.start slow.service\n"), "{list}");
    let undo = lab.hostready(&["undo", "--progress", "json", "--json"])?;
    undo.exits(0)?;
    ensure!(events(&undo.stderr)? == ["undo"], "{}", undo.stderr);
    let list = lab.hostready(&["undo", "--list"])?.stdout;
    ensure!(list.contains(" UTC  taken back\n    unit.start slow.service\n"), "{list}");
    let run = lab.hostready(&["fix", "--apply", "services.kept:slow.service", "--progress", "json", "--json"])?;
    run.exits(0)?;
    ensure!(events(&run.stderr)? == ["begun", "planned", "step", "judged"], "{}", run.stderr);
    Ok(())
}

/// Each line is one JSON object.
fn events(said: &str) -> Result<Vec<String>> {
    let event = |line: &str| -> Result<String> {
        let event: Value = serde_json::from_str(line).with_context(|| format!("no JSON: {line}"))?;
        Ok(event["event"].as_str().context("no event")?.to_owned())
    };
    said.lines().map(event).collect()
}

fn old_runs_make_room_for_new_ones() -> Tested {
    let lab = stopped()?;
    lab.sh(FIX)?;
    let first = lab.sh("ls /var/lib/hostready/runs")?;
    lab.sh(&format!(
        "cd /var/lib/hostready/runs
        for number in $(seq -w 1 60); do cp -a {first} 00000000-0000-7000-8000-0000000000$number; done
        # One had no time to begin.
        mkdir 00000000-0000-7000-8000-000000000099
        systemctl stop slow.service"
    ))?;
    lab.sh(FIX)?;
    let runs = lab.sh("cd /var/lib/hostready/runs; ls -d */journal | wc -l")?;
    ensure!(runs == "51", "{runs} are kept, and not 50 and the new one");
    lab.sh(&format!("cd /var/lib/hostready/runs; test -e {first} -a ! -e 00000000-0000-7000-8000-000000000001"))?;
    let list = lab.hostready(&["undo", "--list"])?;
    list.exits(0)?;
    ensure!(list.stdout.matches(" UTC  ").count() == 51, "{}", list.stdout);
    Ok(())
}
