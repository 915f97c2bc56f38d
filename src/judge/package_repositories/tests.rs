use super::*;

fn known(files: &[(&str, &str)]) -> Vec<Parsed> {
    let parse = |path: &str| if path.ends_with(".list") { parse_lines } else { parse_stanzas };
    files.iter().map(|(path, text)| ((*path).to_owned(), Reading::Known(parse(path)(text.as_bytes())))).collect()
}

/// What is told on bookworm.
fn judged(files: &[(&str, &str)]) -> Vec<Outcome> {
    judge_files(&known(files), &Reading::Known(vec!["bookworm".to_owned()]))
}

#[test]
fn no_password_of_a_source_is_told() {
    const STANZA: &str = "Types: deb\nURIs: https://joe:hunter2@a.example/x\nComponents: main\n";
    for (cause, text) in [
        (None, "deb https://joe:hunter2@a.example/x bookworm main".to_owned()),
        (None, "deb https://joe:hunter2@a.example/x?token=hunter2 bookworm main".to_owned()),
        (Some("other-release"), "deb https://joe:hunter2@a.example/x bullseye main".to_owned()),
        (Some("other-release"), "deb https://joe:hunter2%20hunter2%2Fx@a.example/x bullseye main".to_owned()),
        (Some("disabled"), "# deb https://joe:hunter2@a.example/x y main # disabled on upgrade to z".to_owned()),
        (Some("malformed"), "https://joe:hunter2@a.example/x bullseye main".to_owned()),
        (Some("malformed"), "https://joe:hunter2@a.example/x".to_owned()),
        (Some("malformed"), "deb [joe:hunter2@a.example/x] bullseye main".to_owned()),
        (Some("malformed"), "deb [ https://joe:hunter2%20hunter2@a.example/x bullseye main".to_owned()),
        (
            Some("malformed"),
            "deb [signed-by=/a] https://joe:hunter2@a.example/x y main\n\
             deb [signed-by=/b] https://joe:hunter2@a.example/x y main\n"
                .to_owned(),
        ),
        (None, format!("{STANZA}Suites: bookworm")),
        (Some("other-release"), format!("{STANZA}Suites: bullseye")),
        (Some("disabled"), format!("{STANZA}Suites: bookworm\nEnabled: no")),
        (Some("malformed"), format!("{STANZA}Suites: bookworm\nSigned-By: https://joe:hunter2@a.example/x")),
    ] {
        let path = if text.starts_with("Types") { "a.sources" } else { "a.list" };
        let outcomes = judged(&[(path, &text)]);
        assert!(outcomes.iter().any(|outcome| outcome.cause == cause), "{text}: {outcomes:?}");
        let told = format!("{outcomes:?}");
        assert!(!told.contains("hunter2"), "{text}: {told}");
        assert!(told.contains("a.example"), "one is told which it is: {told}");
    }
}

/// Two users of one place are two places to apt.
#[test]
fn places_of_different_users_have_keys_of_their_own() {
    let text = "deb [signed-by=/a] https://joe:hunter2@a.example/x bookworm main\n\
                deb [signed-by=/b] https://ann:hunter2@a.example/x bookworm main\n";
    assert_eq!(judged(&[("a.list", text)])[0].cause, None);
}

fn causes(outcomes: &[Outcome]) -> Vec<(&str, Option<&str>)> {
    outcomes.iter().map(|outcome| (outcome.subject.as_str(), outcome.cause)).collect()
}

#[test]
fn a_suite_that_moves_is_another_release_or_will_be() {
    let text = "deb http://deb.debian.org/debian stable main\n\
                deb http://deb.debian.org/debian stable-updates main\n\
                deb http://deb.debian.org/debian testing main\n\
                deb http://deb.debian.org/debian bookworm main\n\
                deb https://repos.influxdata.com/debian stable main\n";
    let told = judged(&[("a.list", text)]);
    assert_eq!(causes(&told), [("a.list testing", Some("other-release")), ("a.list stable", Some("moving-suite"))]);
    assert_eq!(told[1].observed["suites"], serde_json::json!(["stable", "stable-updates"]));

    // On a host of what is not released yet these are its own.
    let of_sid = Reading::Known(vec!["trixie".to_owned(), "sid".to_owned()]);
    let unstable = "deb http://deb.debian.org/debian unstable main\ndeb http://deb.debian.org/debian testing main\n";
    assert_eq!(causes(&judge_files(&known(&[("a.list", unstable)]), &of_sid)), [("", None)]);
    let devel = known(&[("a.list", "deb http://archive.ubuntu.com/ubuntu devel main\n")]);
    let [released, in_the_making] = ["24.04 LTS", "Resolute Raccoon (development branch)"].map(|name| {
        let mut own = codenames(&format!("PRETTY_NAME=\"Ubuntu {name}\"\nVERSION_CODENAME=resolute\n"));
        own.retain(|name| is_own_name(name));
        judge_files(&devel, &Reading::Known(own))
    });
    assert_eq!(causes(&released), [("a.list devel", Some("other-release"))]);
    assert_eq!(causes(&in_the_making), [("", None)]);
    // What is derived from neither has suites of its own.
    assert_eq!(causes(&judge_files(&known(&[("a.list", text)]), &Reading::Known(Vec::new()))), [("", None)]);
}

#[test]
fn a_host_without_any_source_is_told() {
    let disabled = "Enabled: no\nTypes: deb\nURIs: https://a.example/x\nSuites: y\nComponents: main\n";
    for files in [
        &[][..],
        &[("a.list", "")],
        &[("a.list", "# deb http://deb.debian.org/debian bookworm main\n")],
        &[("a.list", "deb-src http://deb.debian.org/debian bookworm main\n"), ("b.sources", "# nothing\n")],
        &[("b.sources", disabled)],
    ] {
        assert_eq!(causes(&judged(files)).last(), Some(&("", Some("none"))), "{files:?}");
    }
    // Where something was not read there may be one.
    assert_eq!(causes(&judged(&[("a.list", "deb\n")])), [("a.list", Some("malformed"))]);
    let unread = Reading::Unreadable(Trouble::new(crate::model::TroubleCause::Refused, "no"));
    let files = [("a.list".to_owned(), unread)];
    assert_eq!(causes(&judge_files(&files, &Reading::Known(Vec::new()))).len(), 1);
}
