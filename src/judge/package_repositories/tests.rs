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
