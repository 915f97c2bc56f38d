use super::*;
use crate::model::{Status, Trouble, TroubleCause};

fn environment(home: &str, interpreter: &str) -> PythonEnvironment {
    PythonEnvironment {
        path: "/opt/agent/venv".to_owned(),
        home: Some(home.to_owned()),
        interpreter: Some(interpreter.to_owned()),
        libraries: vec!["python3.11".to_owned()],
        ..PythonEnvironment::default()
    }
}

#[test]
fn a_copy_runs_on_the_system_as_much_as_a_link() {
    for (home, interpreter, expected) in [
        ("/usr/bin", "/usr/bin/python3.11", true),
        ("/usr/bin", "/opt/agent/venv/bin/python3", true),
        ("/opt/python/bin", "/opt/python/bin/python3.9", false),
        ("/opt/python/bin", "/opt/agent/venv/bin/python3", false),
        ("/usr/local/bin", "/usr/local/bin/python3.11", false),
    ] {
        assert_eq!(runs_on_system(&environment(home, interpreter), interpreter), expected, "{home} {interpreter}");
    }
}

#[test]
fn a_version_is_told_by_the_name_and_otherwise_not_at_all() {
    assert_eq!(minor("/usr/bin/python3.11"), Some("python3.11"));
    for name in ["/opt/venv/bin/python3", "/usr/bin/python3.13t", "/usr/bin/pypy3.9", "/usr/bin/python3."] {
        assert_eq!(minor(name), None, "{name}");
    }
    let libraries = ["python3.10".to_owned(), "python3.12".to_owned()];
    assert_eq!(foreign_libraries("/usr/bin/python3.12", &libraries), None);
    assert_eq!(foreign_libraries("/usr/bin/python3.11", &libraries).unwrap().1, "python3.10, python3.12");
    assert_eq!(foreign_libraries("/usr/bin/python3.11", &[]), None);
}

#[test]
fn what_could_not_be_read_is_unknown_and_recordings_of_before_still_load() {
    let settings = crate::catalog::Settings::default();
    let answers = crate::model::Answers::default();
    let run = crate::facts::Run { intent: Intent::Os, asked_at: "2026-11-20T09:14:02Z" };
    let facts = Facts::new(&answers, &settings, run);
    let denied = Trouble::new(TroubleCause::Denied, "cannot follow /opt/agent/venv/bin/python3: Permission denied");
    for interpreter in [None, Some("/usr/bin/python3.11".to_owned())] {
        let unread = Some(denied.clone());
        let environment = PythonEnvironment { interpreter, unread, ..environment("/usr/bin", "") };
        let outcome = judge_one(&environment, &facts);
        assert_eq!((outcome.status, outcome.cause), (Status::Unknown, Some("denied")));
        assert_eq!(outcome.detail, denied.detail);
    }
    let recorded =
        r#"{"path": "/opt/agent/venv", "home": "/usr/bin", "version": "3.11.2", "interpreter": null, "libraries": []}"#;
    let environment: PythonEnvironment = serde_json::from_str(recorded).unwrap();
    assert_eq!(judge_one(&environment, &facts).cause, Some("interpreter-gone"));
}
