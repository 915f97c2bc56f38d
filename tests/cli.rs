//! The command line from outside: exit codes, bad input, where output goes.

// A test stages files and starts programs, and may stop at the first thing that is not as expected.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn hostready(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostready"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HOSTREADY_")) {
        command.env_remove(name);
    }
    command
}

/// A healthy hypervisor, recorded.
fn healthy() -> String {
    format!("{}/tests/hosts/bases/hypervisor.json", env!("CARGO_MANIFEST_DIR"))
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Exit code 2, one message on stderr that holds all of `parts`, and nothing on stdout.
#[track_caller]
fn assert_usage_error(output: &Output, parts: &[&str]) {
    assert_eq!(output.status.code(), Some(2), "{}", stderr(output));
    assert_eq!(stdout(output), "");
    for part in parts {
        assert!(stderr(output).contains(part), "{part:?} is not in {:?}", stderr(output));
    }
    assert_eq!(stderr(output).matches("error: ").count(), 1, "{}", stderr(output));
}

struct Staged(tempfile::TempDir);

impl Staged {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn check_with_config(&self, content: &str) -> Output {
        let config = self.file("config.toml", content);
        hostready(&["check", "--from", &healthy(), "--config", config.to_str().unwrap()])
    }
}

#[test]
fn wrong_usage_is_one_message_and_exit_2() {
    assert_usage_error(&hostready(&["check", "--frm"]), &["unexpected argument '--frm'", "--from"]);
    assert_usage_error(&hostready(&["chek"]), &["unrecognized subcommand 'chek'", "check"]);
    assert_usage_error(&hostready(&["check", "--only", "disk.spce"]), &["no check is called `disk.spce`", "hint: "]);
    assert_usage_error(&hostready(&["check", "--profile", "nix"]), &["no profile `nix`", "linux, ovs"]);
    assert_usage_error(&hostready(&["check", "--timeout", "soon"]), &["--timeout", "30s"]);
    assert_usage_error(&hostready(&["explain", "disk.spce"]), &["no check `disk.spce`", "hint: "]);
    assert_usage_error(&hostready(&["check", "--from", "/nonexistent"]), &["/nonexistent", "No such file", "hint: "]);
}

#[test]
fn a_broken_configuration_is_told_with_its_place() {
    let staged = Staged::new();
    assert_usage_error(&staged.check_with_config("[ovs]\nsokcet = \"/x\"\n"), &["config.toml:2:1:", "`socket`"]);
    assert_usage_error(&staged.check_with_config("[ovs\n"), &["config.toml:1:5:"]);
    assert_usage_error(&staged.check_with_config("[ovs]\nsocket = \"x\"\n"), &["config.toml:2:10:", "absolute path"]);
    let secret = "[management]\nurls = [\"https://u:hunter2@h/\"]\n";
    assert_usage_error(&staged.check_with_config(secret), &["config.toml:2:9:", "without user, password or token"]);
    let absent = staged.0.path().join("no.toml");
    assert_usage_error(&hostready(&["check", "--config", absent.to_str().unwrap()]), &["no.toml", "No such file"]);
}

#[test]
fn a_configuration_that_others_may_write_is_refused() {
    let staged = Staged::new();
    let config = staged.file("config.toml", "");
    let run = || hostready(&["check", "--from", &healthy(), "--config", config.to_str().unwrap()]);
    assert_eq!(run().status.code(), Some(0), "{}", stderr(&run()));
    for mode in [0o666, 0o664, 0o602] {
        fs::set_permissions(&config, Permissions::from_mode(mode)).unwrap();
        assert_usage_error(&run(), &["others may write it", "chmod go-w"]);
    }
    fs::set_permissions(&config, Permissions::from_mode(0o600)).unwrap();
    let checks = staged.file("checks.d/10.toml", "").parent().unwrap().to_path_buf();
    fs::set_permissions(&checks, Permissions::from_mode(0o777)).unwrap();
    assert_usage_error(&run(), &["checks.d", "others may write it"]);
}

#[test]
fn a_check_in_checks_d_needs_no_code() {
    let staged = Staged::new();
    staged.file(
        "checks.d/images.toml",
        "[[check]]\nid = \"disk.images\"\ntitle = \"no room\"\nwhy = \"w\"\nfor = [\"agent\"]\nlevel = \"block\"\n\
         severity = \"high\"\nkind = \"filesystem-space\"\npaths = { \"/var\" = \"900TiB\" }\nsource = \"s\"\n",
    );
    let config = staged.file("config.toml", "");
    let config = config.to_str().unwrap();
    let output = hostready(&["check", "--from", &healthy(), "--config", config, "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["verdict"]), (Some(3), &"blocked".into()));
    let mut rows = report["findings"].as_array().unwrap().iter();
    let row = rows.find(|row| row["id"] == "disk.images").unwrap();
    assert_eq!((&row["subject"], &row["status"], &row["blocking"]), (&"/var".into(), &"fail".into(), &true.into()));
    let explained = hostready(&["explain", "disk.images", "--config", config]);
    assert!(stdout(&explained).contains("paths./var = 900TiB"), "{}", stdout(&explained));
    assert!(stdout(&explained).contains("checks.d/images.toml:9"), "{}", stdout(&explained));
}

#[test]
fn what_a_profile_changes_is_explained_for_it() {
    let staged = Staged::new();
    staged.file(
        "checks.d/site.toml",
        "[[profile]]\nname = \"site\"\ntitle = \"our hosts\"\nfiles = [\"/etc/site\"]\n\
         [profile.override.\"disk.space\"]\nlevel = \"warn\"\n",
    );
    let config = staged.file("config.toml", "");
    let explain = |profile: &[&str]| {
        hostready(&[&["explain", "disk.space", "--config", config.to_str().unwrap()], profile].concat())
    };
    assert!(stdout(&explain(&[])).contains("level = block (built in)"), "{}", stdout(&explain(&[])));
    let of_profile = explain(&["--profile", "site"]);
    assert!(stdout(&of_profile).contains("checks.d/site.toml:6"), "{}", stdout(&of_profile));
    assert!(stdout(&of_profile).contains("level = warn"), "{}", stdout(&of_profile));
    assert_usage_error(&explain(&["--profile", "sight"]), &["no profile `sight`", "known: linux, "]);
}

#[test]
fn a_truncated_bundle_never_reads_as_ready() {
    let staged = Staged::new();
    let whole = hostready(&["bundle"]).stdout;
    let mut seen = [0; 3];
    for percent in [0, 1, 5, 10, 20, 40, 60, 80, 99] {
        let cut = staged.file("cut.json", &whole[..whole.len() * percent / 100]);
        let output = hostready(&["check", "--from", cut.to_str().unwrap(), "--json"]);
        match output.status.code() {
            Some(2) => {
                assert_usage_error(&output, &["cut.json:", "hint: "]);
                seen[0] += 1;
            }
            Some(3 | 5) => {
                assert!(stderr(&output).contains("is cut off at line"), "{}", stderr(&output));
                let report: Value = serde_json::from_slice(&output.stdout).unwrap();
                assert!(report["summary"]["unknown"].as_u64().unwrap() > 0, "{percent} %");
                seen[1] += 1;
            }
            other => panic!("{percent} %: exit {other:?}"),
        }
    }
    assert!(seen[0] > 0 && seen[1] > 0, "both ends of the file were cut: {seen:?}");
}

#[test]
fn what_is_no_bundle_is_refused_with_its_place() {
    let staged = Staged::new();
    let judge = |content: &str| {
        let file = staged.file("x.json", content);
        hostready(&["check", "--from", file.to_str().unwrap()])
    };
    assert_usage_error(&judge("{\"a\": 1}"), &["x.json:1:1: this is no bundle"]);
    assert_usage_error(&judge("[]"), &["x.json:1:"]);
    assert_usage_error(&judge("{\"schema\": \"hostready/bundle\",\n \"schema_version\": \"2.0\"}"), &["2.0", "newer"]);
    let answers = |answers: &str| {
        judge(&format!(
            "{{\"schema\": \"hostready/bundle\", \"schema_version\": \"1.7\", \"answers\": {{\n{answers}}}}}"
        ))
    };
    assert_usage_error(&answers("\"clock\": {\"reading\": \"odd\"}"), &["x.json:2:", "unknown variant `odd`"]);
    // A question of a newer version is passed over; with nothing else known, nothing is ready.
    assert_eq!(answers("\"odd:x\": {\"reading\": {\"odd\": 1}}").status.code(), Some(5));
}

#[test]
fn output_is_replaced_whole_and_its_failure_costs_the_exit_code_alone() {
    let staged = Staged::new();
    let file = staged.file("report.json", "old");
    let output = hostready(&["check", "--from", &healthy(), "--json", "--output", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let (kept, printed): (Value, Value) =
        (serde_json::from_slice(&fs::read(&file).unwrap()).unwrap(), serde_json::from_slice(&output.stdout).unwrap());
    assert_eq!(kept, printed);
    let nowhere = staged.0.path().join("no/such/report.json");
    let output = hostready(&["check", "--from", &healthy(), "--json", "--output", nowhere.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["verdict"], "ready");
    assert!(stderr(&output).contains("no/such/report.json"), "{}", stderr(&output));
    let pipe = hostready(&["check", "--from", &healthy(), "-q", "--output", "/dev/full"]);
    assert_eq!(pipe.status.code(), Some(1), "a full device is no success");
}

#[test]
fn a_stdout_that_takes_nothing_is_an_internal_error() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = program().args(["check", "--from", &healthy()]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("error: stdout: No space left"), "{}", stderr(&output));
}

#[test]
fn exit_codes_follow_the_verdict_and_the_style() {
    let staged = Staged::new();
    let run = |level: &str, arguments: &[&str]| {
        let text = format!("[override.\"disk.space\"]\nlevel = \"{level}\"\npaths = {{ \"/var\" = \"900TiB\" }}\n");
        let config = staged.file("config.toml", text);
        let mut all = vec!["check", "--from", HEALTHY.get_or_init(healthy), "--config", config.to_str().unwrap()];
        all.extend_from_slice(arguments);
        hostready(&all).status.code()
    };
    assert_eq!(run("block", &[]), Some(3));
    assert_eq!(run("block", &["--fail-on", "never"]), Some(0));
    assert_eq!(run("block", &["--exit-style", "nagios"]), Some(2));
    assert_eq!(run("warn", &[]), Some(0));
    assert_eq!(run("warn", &["--fail-on", "warn"]), Some(4));
    assert_eq!(run("warn", &["--fail-on", "warn", "--exit-style", "nagios"]), Some(1));
    assert_eq!(run("off", &["--fail-on", "warn"]), Some(4), "disk.space-shared still warns");
    assert_eq!(run("info", &["--skip", "disk.space-shared"]), Some(0));
}

static HEALTHY: std::sync::OnceLock<String> = std::sync::OnceLock::new();

#[test]
fn quiet_is_one_line_and_text_fits_a_console() {
    let quiet = hostready(&["check", "--from", &healthy(), "-q"]);
    assert_eq!(stdout(&quiet).lines().count(), 1);
    assert!(stdout(&quiet).contains(" ready: "), "{}", stdout(&quiet));
    let verbose = hostready(&["check", "--from", &healthy(), "-v", "--drained"]);
    for line in stdout(&verbose).lines() {
        assert!(line.chars().count() <= 80 || line.trim().split(' ').count() == 1, "{line}");
    }
    assert!(!stdout(&verbose).contains('\x1b'), "colours only on a terminal");
}

#[test]
fn variables_stand_for_flags_and_flags_win() {
    let run = |arguments: &[&str]| {
        let mut command = program();
        command.env("HOSTREADY_FORMAT", "json").env("HOSTREADY_ONLY", "disk.*").args(["check", "--from", &healthy()]);
        command.args(arguments).output().unwrap()
    };
    let report: Value = serde_json::from_slice(&run(&[]).stdout).unwrap();
    assert_eq!((&report["complete"], &report["verdict"]), (&false.into(), &"partial".into()));
    assert!(stdout(&run(&["--format", "text"])).contains("PARTIAL"));
    let mut command = program();
    command.env("HOSTREADY_QUIET", "1").env("HOSTREADY_VERBOSE", "").env("HOSTREADY_ONLY", "");
    let quiet = command.args(["check", "--from", &healthy()]).output().unwrap();
    assert_eq!((quiet.status.code(), stdout(&quiet).lines().count()), (Some(0), 1), "{}", stderr(&quiet));
}

#[test]
fn a_bundle_is_private_and_judged_alike_elsewhere() {
    let staged = Staged::new();
    let file = staged.0.path().join("host.json");
    let made = hostready(&["bundle", "--output", file.to_str().unwrap()]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let kept: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let judged: Value = serde_json::from_slice(&hostready(&["check", "--from", path(&file), "--json"]).stdout).unwrap();
    let rows = |report: &Value| -> Vec<Value> {
        let keys = ["id", "subject", "status", "cause", "blocking", "observed"];
        report["findings"].as_array().unwrap().iter().map(|row| keys.map(|key| row[key].clone()).into()).collect()
    };
    assert!(!rows(&judged).is_empty());
    assert_eq!(rows(&judged), rows(&kept["report"]));
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_recording_is_not_waited_for() {
    let output = hostready(&["check", "--from", &healthy(), "--wait", "1s"]);
    assert_usage_error(&output, &["--wait", "cannot be used with"]);
}

#[test]
fn pages_and_words_for_shells_are_printed_and_no_hidden_verb_is_among_them() {
    let page = hostready(&["man", "fix"]);
    assert!(
        page.status.success() && stdout(&page).contains(".SH SYNOPSIS\n\\fBhostready fix\\fR"),
        "{}",
        stdout(&page)
    );
    assert_usage_error(&hostready(&["man", "guard"]), &["no page of `guard`", "hint: "]);
    for shell in ["bash", "zsh", "fish"] {
        let words = hostready(&["completions", shell]);
        assert!(words.status.success() && stdout(&words).contains("confirm-within"), "{shell}");
        // A flag's help may name the guard that the boot has.
        let words = stdout(&words).replace("boot guard", "");
        assert!(!words.contains("__ask") && !words.contains("guard"), "{shell} offers hidden verbs");
    }
    assert_usage_error(&hostready(&["completions", "csh"]), &["bash"]);
}
