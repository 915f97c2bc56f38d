//! What an arming means in this boot.
//!
//! A clock that was set back must not prolong it. Time that passes while the host is off is told by the clock alone, so
//! that the latest time it was ever seen to show is kept: one that shows less is not believed, and nothing is done. What
//! remains is a clock that is set back within that time, and for that boots are counted, too.

use std::time::SystemTime;

use crate::model::armed::Armed;

#[derive(Debug, PartialEq, Eq)]
pub enum Duty {
    /// Act; this is to be on the disk before.
    Watch(Armed),
    /// Nothing in this boot: why.
    Rest(String),
    /// Nothing any more: why.
    Disarm(String),
}

pub fn of(armed: Armed, boot_id: &str, now: SystemTime) -> Duty {
    let now = humantime::format_rfc3339_seconds(now).to_string();
    // In this form the earlier time is the lesser word.
    if now >= armed.until {
        return Duty::Disarm(format!("it was armed until {}", armed.until));
    }
    if armed.boots_left == 0 {
        return Duty::Disarm("it was armed for three boots, and they are over".to_owned());
    }
    if boot_id.is_empty() || armed.boot_id == boot_id {
        return Duty::Rest("this boot was looked after already, or is the one it was armed in".to_owned());
    }
    if now < armed.seen_at {
        let seen = &armed.seen_at;
        return Duty::Rest(format!(
            "the clock says {now}, and has said {seen} before: nobody can tell whether the time it was armed for is over"
        ));
    }
    let boots_left = armed.boots_left - 1;
    Duty::Watch(Armed { boots_left, seen_at: now, boot_id: boot_id.to_owned(), ..armed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn armed() -> Armed {
        serde_json::from_str(include_str!("../../../tests/fixtures/armed/1.0.json")).unwrap()
    }

    fn at(time: &str, boot_id: &str, armed: Armed) -> Duty {
        of(armed, boot_id, humantime::parse_rfc3339(time).unwrap())
    }

    #[test]
    fn three_boots_are_counted_and_the_fourth_is_none() {
        let mut now = armed();
        for left in [2, 1, 0] {
            let boot = format!("boot {left}");
            let Duty::Watch(counted) = at("2026-11-21T10:00:00Z", &boot, now) else { panic!("{left}") };
            assert_eq!((counted.boots_left, counted.boot_id.as_str()), (left, boot.as_str()));
            assert_eq!(counted.until, armed().until, "it lasts no longer");
            assert!(left == 0 || matches!(at("2026-11-21T10:00:00Z", &boot, counted.clone()), Duty::Rest(_)));
            now = counted;
        }
        assert!(matches!(at("2026-11-21T10:00:00Z", "one more", now), Duty::Disarm(_)));
    }

    #[test]
    fn over_is_over_to_the_second_and_the_boot_of_the_arming_is_none() {
        assert!(matches!(at("2026-11-21T21:14:01Z", "another", armed()), Duty::Watch(_)));
        assert!(matches!(at("2026-11-21T21:14:02Z", "another", armed()), Duty::Disarm(_)));
        let own = armed().boot_id;
        assert!(matches!(at("2026-11-21T10:00:00Z", &own, armed()), Duty::Rest(_)));
        assert!(matches!(at("2026-11-21T10:00:00Z", "", armed()), Duty::Rest(_)), "a boot that nobody can tell");
    }

    #[test]
    fn clock_that_was_set_back_prolongs_nothing() {
        assert!(matches!(at("2026-11-21T09:14:01Z", "another", armed()), Duty::Rest(_)));
        assert!(matches!(at("1970-01-01T00:00:10Z", "another", armed()), Duty::Rest(_)));
        let Duty::Watch(later) = at("2026-11-21T20:00:00Z", "another", armed()) else { panic!() };
        assert!(matches!(at("2026-11-21T10:00:00Z", "a third", later), Duty::Rest(_)));
    }
}
