//! Lines of a width that fits a console, and colours for those that have them.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};

pub const WIDTH: usize = 80;

pub struct Paint {
    pub color: bool,
}

impl Paint {
    pub fn red(&self, text: &str) -> String {
        self.paint(AnsiColor::Red, text)
    }

    pub fn yellow(&self, text: &str) -> String {
        self.paint(AnsiColor::Yellow, text)
    }

    pub fn green(&self, text: &str) -> String {
        self.paint(AnsiColor::Green, text)
    }

    fn paint(&self, color: AnsiColor, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let style = Style::new().bold().fg_color(Some(color.into()));
        format!("{style}{text}{style:#}")
    }
}

/// The first line of a finding.
pub fn entry(name: &str) -> String {
    paragraph("  ", name)
}

/// Names come from the host, and whoever can make a file can name it: no control character reaches a terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// Text wrapped at words, each line behind `indent`. A word that is longer than a line stays whole, so that
/// it can be copied.
pub fn paragraph(indent: &str, text: &str) -> String {
    let mut out = String::new();
    let mut line = String::new();
    for word in printable(text).split_whitespace().map(readable) {
        let would_be = indent.len() + line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && would_be > WIDTH {
            out.push_str(&format!("{indent}{line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    out.push_str(&format!("{indent}{line}\n"));
    out
}

/// A time among words, with what punctuation follows it, as a person reads it.
fn readable(word: &str) -> Cow<'_, str> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00Z";
    let fits = |(at, like): (&u8, &u8)| at == like || like == &b'0' && at.is_ascii_digit();
    match word.split_at_checked(SHAPE.len()) {
        Some((at, rest)) if at.as_bytes().iter().zip(SHAPE).all(fits) => Cow::Owned(time(at) + rest),
        _ => Cow::Borrowed(word),
    }
}

/// `2026-11-20 09:14 UTC`; what is no time in RFC 3339, as it is.
pub fn time(text: &str) -> String {
    match (text.get(..10), text.get(10..11), text.get(11..16), text.ends_with('Z')) {
        (Some(day), Some("T"), Some(minute), true) => format!("{day} {minute} UTC"),
        _ => text.to_owned(),
    }
}

/// How long it was from one time to another: `26 h`, `3 days`. None where that cannot be told.
pub fn span(from: &str, until: &str) -> Option<String> {
    let [from, until] = [from, until].map(|text| humantime::parse_rfc3339(text).ok());
    let minutes = until?.duration_since(from?).ok()?.as_secs() / 60;
    Some(match minutes {
        0..120 => format!("{minutes} min"),
        120..2880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    })
}

/// An argument vector as a person would type it.
pub fn command_line(argv: &[String]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,+@%".contains(c);
    // A lone `!`, as `find` takes it, is no history expansion.
    let quote = |word: &String| match !word.is_empty() && (word == "!" || word.chars().all(is_plain)) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    printable(&argv.iter().map(quote).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_within_a_console() {
        let text = "word ".repeat(60) + &"x".repeat(100);
        for line in paragraph("    ", &text).lines() {
            assert!(line.len() <= WIDTH || line.trim().len() == 100, "{line}");
        }
    }

    #[test]
    fn no_control_character_reaches_a_terminal() {
        let hostile = "a\x1b]0;pwned\x07b\u{9b}2J";
        for shown in [paragraph("", hostile), command_line(&[hostile.to_owned()])] {
            assert!(!shown.trim_end().chars().any(char::is_control), "{shown:?}");
        }
    }

    #[test]
    fn times_and_spans_are_read_at_a_glance() {
        assert_eq!(time("2026-11-20T09:14:02Z"), "2026-11-20 09:14 UTC");
        assert_eq!(time("yesterday"), "yesterday");
        let told = paragraph("", "taken at 2026-11-20T09:14:02Z, by 2026-11-20T09:14:02 or 2026-11-20T09:14:0xZ");
        assert_eq!(told, "taken at 2026-11-20 09:14 UTC, by 2026-11-20T09:14:02 or 2026-11-20T09:14:0xZ\n");
        for (until, shown) in [
            ("2026-11-20T09:14:02Z", Some("0 min")),
            ("2026-11-20T11:13:02Z", Some("119 min")),
            ("2026-11-21T11:14:02Z", Some("26 h")),
            ("2026-11-24T11:14:02Z", Some("4 days")),
            ("2026-11-19T11:14:02Z", None),
            ("tomorrow", None),
        ] {
            assert_eq!(span("2026-11-20T09:14:02Z", until).as_deref(), shown, "{until}");
        }
    }

    #[test]
    fn a_command_can_be_pasted() {
        let argv = ["find", "/var/log", "-name", "*.gz", "it's"].map(str::to_owned);
        assert_eq!(command_line(&argv), r"find /var/log -name '*.gz' 'it'\''s'");
    }
}
