//! What sshd is started with besides its configuration: `SSHD_OPTS` of /etc/default/ssh.

use super::arguments::port;
use super::listen::Family;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `-f`: another file than the usual one.
    pub file: Option<String>,
    /// `-p`: these ports, and none of the file's.
    pub ports: Vec<u16>,
    /// `-4`, `-6`
    pub family: Option<Family>,
    /// `-o`: lines that stand before the file's, and so win.
    pub directives: Vec<String>,
}

/// The letters of sshd(8) that take an argument.
const WITH_ARGUMENT: &str = "CEbcfghkopu";

impl Options {
    /// From a file for systemd's `EnvironmentFile=`.
    pub fn of_environment(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let mut assigned =
            text.lines().rev().filter_map(|line| line.trim().strip_prefix("SSHD_OPTS")?.trim_start().strip_prefix('='));
        // The last one counts.
        let value = assigned.next().unwrap_or_default().trim();
        let unquoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        Self::parse(unquoted.unwrap_or(value).split_ascii_whitespace())
    }

    /// From the words behind the name of the program.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut options = Self::default();
        let mut words = words.into_iter();
        while let Some(letters) = words.next().and_then(|word| word.strip_prefix('-')) {
            for (at, letter) in letters.char_indices() {
                if WITH_ARGUMENT.contains(letter) {
                    let own = &letters[at + letter.len_utf8()..];
                    let argument = if own.is_empty() { words.next().unwrap_or_default() } else { own };
                    options.take(letter, argument);
                    break;
                }
                options.take(letter, "");
            }
        }
        options
    }

    fn take(&mut self, letter: char, argument: &str) {
        match letter {
            '4' => self.family = Some(Family::V4),
            '6' => self.family = Some(Family::V6),
            'f' => self.file = Some(argument.to_owned()),
            'o' => self.directives.push(argument.to_owned()),
            'h' => self.directives.push(format!("HostKey {argument}")),
            'p' => self.ports.extend(port(argument).ok().flatten()),
            _ => {}
        }
    }
}
