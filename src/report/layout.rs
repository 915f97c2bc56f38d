//! Lines of a width that fits a console, and colours for those that have them.

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
    for word in printable(text).split_whitespace() {
        let would_be = indent.len() + line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && would_be > WIDTH {
            out.push_str(&format!("{indent}{line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    out.push_str(&format!("{indent}{line}\n"));
    out
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
    fn a_command_can_be_pasted() {
        let argv = ["find", "/var/log", "-name", "*.gz", "it's"].map(str::to_owned);
        assert_eq!(command_line(&argv), r"find /var/log -name '*.gz' 'it'\''s'");
    }
}
