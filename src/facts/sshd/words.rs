//! How sshd takes a line of its configuration apart.

/// What a line holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Nothing, or a comment.
    Empty,
    Directive {
        keyword: String,
        arguments: Arguments,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// Not even a comment follows the keyword.
    Missing,
    /// A quote is opened and not closed.
    Unterminated,
    Words(Vec<String>),
}

const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// One line, without its line feed.
pub fn line(text: &str) -> Line {
    // To sshd a line is a C string.
    let text = text.split('\0').next().unwrap_or_default();
    let text = text.trim_end_matches([' ', '\t', '\r', '\n', '\x0c']).trim_start_matches([' ', '\t', '\r']);
    let Some((keyword, rest)) = keyword(text) else { return Line::Empty };
    if keyword.is_empty() || keyword.starts_with('#') {
        return Line::Empty;
    }
    let arguments = match words(rest) {
        _ if rest.is_empty() => Arguments::Missing,
        None => Arguments::Unterminated,
        Some(words) => Arguments::Words(words),
    };
    Line::Directive { keyword, arguments }
}

/// The first word, and what follows it: white space and at most one `=` stand between. `None` where the word opens a
/// quote and does not close it: such a line is passed over.
fn keyword(text: &str) -> Option<(String, &str)> {
    let Some(end) = text.find(|c| SPACE.contains(&c) || c == '"' || c == '=') else {
        return Some((text.to_owned(), ""));
    };
    let (before, after) = (&text[..end], &text[end + 1..]);
    if text[end..].starts_with('"') {
        let (quoted, rest) = after.split_once('"')?;
        return Some((format!("{before}{quoted}"), rest.trim_start_matches(SPACE)));
    }
    let rest = after.trim_start_matches(SPACE);
    match rest.strip_prefix('=') {
        Some(rest) if !text[end..].starts_with('=') => Some((before.to_owned(), rest.trim_start_matches(SPACE))),
        _ => Some((before.to_owned(), rest)),
    }
}

/// Words in single or double quotes or in none, up to a comment.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.chars().peekable();
    loop {
        while rest.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
        if rest.peek().is_none_or(|c| *c == '#') {
            return Some(words);
        }
        let mut word = String::new();
        let mut quote = None;
        while let Some(c) = rest.next_if(|c| quote.is_some() || !matches!(c, ' ' | '\t')) {
            match c {
                '\\' => {
                    let escaped = |c: &char| matches!(c, '\'' | '"' | '\\') || quote.is_none() && *c == ' ';
                    word.push(rest.next_if(escaped).unwrap_or('\\'));
                }
                '"' | '\'' if quote.is_none() => quote = Some(c),
                _ if quote == Some(c) => quote = None,
                _ => word.push(c),
            }
        }
        if quote.is_some() {
            return None;
        }
        words.push(word);
    }
}
