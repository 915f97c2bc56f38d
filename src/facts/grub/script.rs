//! A GRUB script as commands with their words, blocks and branches.

use std::iter::Peekable;
use std::str::CharIndices;

/// A word as it is written, its quotes and variables in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'a>(&'a str);

/// One command. `menuentry` has a block, `if` has branches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command<'a> {
    pub words: Vec<Word<'a>>,
    pub block: Vec<Command<'a>>,
    /// A condition, which `else` has not, and what is done where it holds.
    pub branches: Vec<(Option<Command<'a>>, Vec<Command<'a>>)>,
}

impl<'a> Word<'a> {
    pub fn text(&self) -> &'a str {
        self.0
    }

    /// The word without its quotes and with its variables; none where one of those is not known, or where it would be
    /// longer than `longest`.
    pub fn expand(&self, longest: usize, value: impl Fn(&str) -> Option<String>) -> Option<String> {
        let mut expanded = String::new();
        let mut rest = self.0.char_indices().peekable();
        let mut quote = None;
        while let Some((at, c)) = rest.next() {
            match (c, quote) {
                ('\'', None) | ('"', None) => quote = Some(c),
                (c, Some(open)) if c == open => quote = None,
                ('\\', None | Some('"')) => expanded.extend(rest.next().map(|(_, c)| c)),
                ('$', None | Some('"')) => match self.variable(at, &mut rest) {
                    Some(name) => expanded.push_str(&value(name)?),
                    None => expanded.push('$'),
                },
                (c, _) => expanded.push(c),
            }
            if expanded.len() > longest {
                return None;
            }
        }
        Some(expanded)
    }

    /// The name after a `$`, with or without braces.
    fn variable(&self, dollar: usize, rest: &mut Peekable<CharIndices<'_>>) -> Option<&'a str> {
        let after = &self.0[dollar + 1..];
        let (name, length) = match after.strip_prefix('{') {
            Some(inner) => {
                let end = inner.find('}')?;
                (&inner[..end], end + 2)
            }
            None if after.starts_with('?') => (&after[..1], 1),
            None => {
                let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        while rest.next_if(|(at, _)| *at < dollar + 1 + length).is_some() {}
        (!name.is_empty()).then_some(name)
    }
}

/// The commands of a script; none where a block does not end, or ends twice.
pub fn commands(text: &str) -> Option<Vec<Command<'_>>> {
    let mut lines = split(text)?.into_iter().peekable();
    let commands = sequence(&mut lines, 0)?;
    lines.next().is_none().then_some(commands)
}

type Lines<'a> = Peekable<std::vec::IntoIter<Vec<Word<'a>>>>;

/// More levels than this are no menu.
const DEEPEST: usize = 32;

/// Up to what ends it: `}`, `fi`, another branch, or the end of the file.
fn sequence<'a>(lines: &mut Lines<'a>, depth: usize) -> Option<Vec<Command<'a>>> {
    if depth > DEEPEST {
        return None;
    }
    let mut commands = Vec::new();
    while let Some(words) = lines.peek() {
        let first = words.first().map(Word::text).unwrap_or_default();
        if matches!(first, "}" | "fi" | "else" | "elif" | "done") {
            break;
        }
        let mut words = lines.next()?;
        let mut command = Command::default();
        if first == "if" {
            command.branches = branches(words[1..].to_vec(), lines, depth)?;
        } else if matches!(first, "for" | "while" | "until") {
            // What a loop does is not followed.
            sequence(lines, depth + 1)?;
            lines.next_if(|words| words[0].text() == "done")?;
            continue;
        } else if words.last().map(Word::text) == Some("{") {
            words.pop();
            command.block = sequence(lines, depth + 1)?;
            lines.next_if(|words| words[0].text() == "}")?;
        }
        if first == "function" {
            continue; // nothing happens before somebody calls it
        }
        command.words = words;
        commands.push(command);
    }
    Some(commands)
}

type Branch<'a> = (Option<Command<'a>>, Vec<Command<'a>>);

fn branches<'a>(condition: Vec<Word<'a>>, lines: &mut Lines<'a>, depth: usize) -> Option<Vec<Branch<'a>>> {
    let mut condition = Some(Command { words: condition, ..Command::default() });
    let mut branches = Vec::new();
    loop {
        let body = sequence(lines, depth + 1)?;
        branches.push((condition.take(), body));
        let words = lines.next()?;
        match words.first()?.text() {
            "elif" => condition = Some(Command { words: words[1..].to_vec(), ..Command::default() }),
            "else" => {}
            "fi" => return Some(branches),
            _ => return None,
        }
    }
}

/// Words, command by command. Keywords that begin a command of their own stand alone; none where a quote does not end.
fn split(text: &str) -> Option<Vec<Vec<Word<'_>>>> {
    let mut lines: Vec<Vec<Word<'_>>> = Vec::new();
    let mut line: Vec<Word<'_>> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r']);
        rest = rest.strip_prefix("\\\n").unwrap_or(rest);
        let ends = rest.is_empty() || rest.starts_with(['\n', ';', '#']);
        if ends && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        match rest.chars().next() {
            None => return Some(lines),
            Some('\n' | ';') => rest = &rest[1..],
            Some('#') => rest = rest.find('\n').map_or("", |end| &rest[end..]),
            Some(' ' | '\t' | '\r') => {}
            Some(_) => {
                let length = word(rest)?;
                let (written, after) = rest.split_at(length);
                rest = after;
                match (written, line.is_empty()) {
                    // What follows on the same line is a command of its own.
                    ("then" | "do", true) => {}
                    ("else" | "fi" | "done", true) => lines.push(vec![Word(written)]),
                    ("}", _) => {
                        lines.extend((!line.is_empty()).then(|| std::mem::take(&mut line)));
                        lines.push(vec![Word(written)]);
                    }
                    ("{", _) => {
                        line.push(Word(written));
                        lines.push(std::mem::take(&mut line));
                    }
                    _ => line.push(Word(written)),
                }
            }
        }
    }
}

/// The length of the word that a text starts with.
fn word(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => drop(chars.next()?),
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (' ' | '\t' | '\r' | '\n' | ';', None) => return Some(at),
            _ => {}
        }
    }
    quote.is_none().then_some(text.len())
}
