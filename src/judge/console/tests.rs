use super::*;
use crate::catalog::{Catalog, Layer, Source};
use crate::facts::Run;
use crate::model::answer::Asked;
use crate::model::report::Intent;
use crate::model::{Answer, Answers, Status, TroubleCause};

/// A host with this command line, these consoles in use and these units at work; without systemd where none are given.
fn judged(command_line: &str, active: &str, units: Option<&[&str]>) -> Outcome {
    let text = |text: &str| Reading::Known(Answer::Text(text.as_bytes().to_vec()));
    let unit = |name: &&str| {
        let state = LoadedUnit { load: "loaded".to_owned(), active: "active".to_owned(), sub: "running".to_owned() };
        ((*name).to_owned(), state)
    };
    let units = units.map(|units| Answer::Units(units.iter().map(unit).collect()));
    let told = [
        (Query::File(COMMAND_LINE.to_owned()), text(command_line)),
        (Query::File(CONSOLES.to_owned()), text(active)),
        (Query::Units, units.map_or(Reading::Absent, Reading::Known)),
    ];
    outcome(told.into_iter().chain(controllers(Reading::Known(Answer::Exists(false)))))
}

fn controllers(reading: Reading<Answer>) -> impl Iterator<Item = (Query, Reading<Answer>)> {
    CONTROLLERS.into_iter().map(move |path| (Query::Exists(path.to_owned()), reading.clone()))
}

fn outcome(answers: impl IntoIterator<Item = (Query, Reading<Answer>)>) -> Outcome {
    let catalog = Catalog::load(&[], &[]).unwrap();
    let check = catalog.checks.iter().find(|check| check.id == "host.console").unwrap();
    let answers = Answers(answers.into_iter().map(|(query, reading)| (query, Asked { reading, micros: 0 })).collect());
    let run = Run { intent: Intent::Os, asked_at: "2026-11-20T09:14:02Z" };
    judge(check, &Facts::new(&answers, &catalog.settings, run)).remove(0)
}

#[test]
fn a_console_needs_somebody_who_lets_one_log_in_there() {
    let login: &[&str] = &["getty@tty1.service", "serial-getty@ttyS1.service"];
    for (command_line, active) in
        [("root=/dev/vda console=tty0 console=ttyS1,115200n8 quiet", ""), ("quiet", "tty0 ttyS1\n")]
    {
        assert_eq!(judged(command_line, active, Some(login)).status, Status::Pass, "{command_line}");
        let without = judged(command_line, active, Some(&login[..1]));
        assert_eq!(without.status, Status::Fail);
        assert!(without.detail.contains("serial-getty@ttyS1.service does not run"), "{}", without.detail);
    }
    let other = judged("console=ttyS0", "ttyS0\n", Some(login));
    assert!(other.detail.contains("writes to ttyS0, where nobody can log in"), "{}", other.detail);
    let silent = judged("quiet", "tty0\n", Some(login));
    assert!(
        silent.detail.contains("serial-getty@ttyS1.service runs, and the kernel writes nothing"),
        "{}",
        silent.detail
    );
    assert_eq!(judged("quiet", "tty0\n", Some(&login[..1])).status, Status::Fail, "a screen is no way in from afar");
    assert!(judged("console=hvc0", "hvc0\n", None).detail.contains("without systemd"));
}

#[test]
fn what_could_not_be_read_may_have_been_the_way_in() {
    let denied = || Reading::unreadable(TroubleCause::Denied, "denied");
    let file = |path: &str| Query::File(path.to_owned());
    let unread = outcome([(file(COMMAND_LINE), denied()), (file(CONSOLES), Reading::Absent), (Query::Units, denied())]);
    assert_eq!((unread.status, unread.cause), (Status::Unknown, Some("denied")));
    let nothing_else = [COMMAND_LINE, CONSOLES].map(|path| (file(path), Reading::Absent));
    let nothing_else = || nothing_else.clone().into_iter().chain([(Query::Units, Reading::Absent)]);
    let unseen = outcome(nothing_else().chain(controllers(denied())));
    assert_eq!((unseen.status, unseen.cause), (Status::Unknown, Some("denied")), "{}", unseen.detail);
    let unseen = outcome(nothing_else().chain(controllers(Reading::Known(Answer::Exists(false))).skip(1)));
    assert_eq!(unseen.status, Status::Unknown, "one of them is enough");
    let controller = (Query::Exists("/dev/ipmi0".to_owned()), Reading::Known(Answer::Exists(true)));
    assert_eq!(outcome([controller]).status, Status::Pass);
}

#[test]
fn a_check_that_no_program_can_answer_is_answered_by_a_person_and_only_for_a_while() {
    let entry = "[[check]]\nid = \"site.spares\"\ntitle = \"no spare NIC\"\nwhy = \"w\"\nfor = [\"os\"]\nlevel = \"warn\"\n\
        severity = \"low\"\nkind = \"attested\"\nsource = \"s\"\n";
    let said = |until: &str| {
        format!("[[attestation]]\nid = \"site.spares\"\nwhat = \"two\"\nwho = \"j.doe\"\nuntil = {until}\n")
    };
    let judged = |config: &str| {
        let sources = [
            Source { name: "10.toml", text: entry, layer: Layer::ChecksDirectory },
            Source { name: "config.toml", text: config, layer: Layer::Config },
        ];
        let catalog = Catalog::load(&sources, &[]).unwrap();
        let check = catalog.checks.iter().find(|check| check.id == "site.spares").unwrap();
        let run = Run { intent: Intent::Os, asked_at: "2026-11-20T09:14:02Z" };
        attested::judge(check, &Facts::new(&Answers::default(), &catalog.settings, run)).remove(0)
    };
    let holds = judged(&said("2026-11-20"));
    assert_eq!((holds.status, holds.detail.as_str()), (Status::Pass, "j.doe vouches for it until 2026-11-20: two"));
    let expired = judged(&said("2026-11-19"));
    assert_eq!(expired.status, Status::Fail);
    assert!(expired.detail.contains("until 2026-11-19, which has passed"), "{}", expired.detail);
    assert_eq!(judged(&(said("2026-11-19") + &said("2027-01-01"))).status, Status::Pass, "the one that holds longest");
    let none = judged("");
    assert_eq!((none.status, none.cause), (Status::Skip, Some("not-configured")));
    assert!(none.detail.contains("id = \"site.spares\""), "{}", none.detail);
}
