use super::*;

fn shell(script: &str, deadline_s: Option<u64>) -> Result<Said, String> {
    let argv = ["sh", "-c", script].map(str::to_owned);
    let run = Run { argv: argv.to_vec(), deadline_s, until: None };
    execute(&PathBuf::from("/bin/sh"), &argv[1..], &run)
}

#[test]
fn only_programs_of_the_list_are_run() {
    for name in ["sh", "ovs-vsctl", "/usr/bin/ip", "../bin/ip", ""] {
        let error = run(&Run::new(&[name, "-V"])).unwrap_err();
        assert!(error.why.contains("none of the programs"), "{error}");
    }
    assert!(run(&Run::new(&[])).is_err());
    assert!(run(&Run::new(&["tar", "--version", "psk=***"])).unwrap_err().why.contains("masked"));
    assert!(run(&Run::new(&["tar", "--version"])).unwrap().out.contains("tar"));
}

#[test]
fn nothing_of_our_environment_is_seen_and_nothing_can_be_asked() {
    let said = shell("env; pwd; read answer || echo no answer", Some(10)).unwrap();
    let mut lines: Vec<&str> = said.out.lines().filter(|line| !line.starts_with("_=")).collect();
    lines.sort_unstable();
    let path = format!("PATH={}", PATH.join(":"));
    assert_eq!(lines, ["/", "LC_ALL=C", &path, "PWD=/", "no answer"]);
}

#[test]
fn an_error_tells_how_it_ended_and_both_streams() {
    let error = shell("echo printed; echo complained >&2; exit 7", Some(10)).unwrap_err();
    assert_eq!(error, "ended with exit code 7; it said: complained; it said on stdout: printed");
    assert_eq!(shell("kill -9 $$", Some(10)).unwrap_err(), "was ended by SIGKILL");
}

#[test]
fn at_its_deadline_it_ends_with_all_that_it_started() {
    let home = tempfile::tempdir().unwrap();
    let mark = home.path().join("mark");
    let begun = Instant::now();
    let script = format!("trap '' TERM; (trap '' TERM; sleep 6; echo late > {0}) & echo begun; wait", mark.display());
    let error = shell(&script, Some(1)).unwrap_err();
    assert!(error.starts_with("did not end within 1 s and was ended"), "{error}");
    assert!(error.contains("begun"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    thread::sleep(Duration::from_secs(6));
    assert!(!mark.exists(), "its child went on");
}

#[test]
fn a_daemon_that_it_leaves_behind_is_not_waited_for() {
    let begun = Instant::now();
    let said = shell("sleep 20 & echo started", None).unwrap();
    assert_eq!(said.out, "started\n");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn of_much_only_the_end_is_kept() {
    let script = "i=0; while [ $i -lt 200 ]; do printf '%065536d' $i; i=$((i+1)); done; echo; sleep 0.3; echo the end";
    let said = shell(script, Some(60)).unwrap();
    assert!(said.out.ends_with("the end\n"));
    assert!(said.out.len() <= KEPT, "{}", said.out.len());
}
