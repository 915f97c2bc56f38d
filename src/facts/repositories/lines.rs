//! `deb [option=value] uri suite component …`, a line each.

use super::{Address, BY_UPGRADER, Malformed, Source, SourceFile, check_signed_by, check_uri, kind};

/// The lines of a `.list` file. What an upgrader commented out counts as disabled; other comments are comments.
pub fn parse(text: &[u8]) -> SourceFile {
    let text = String::from_utf8_lossy(text);
    let mut file = SourceFile::default();
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        let active = without_comment(line);
        if active.is_empty() {
            if let Some(source) = commented_out(line, number) {
                file.sources.push(source);
            }
            continue;
        }
        match entry(active, number) {
            Ok(source) => file.sources.push(source),
            Err(message) => {
                file.malformed = Some(Malformed::new(number, message));
                break;
            }
        }
    }
    file
}

/// A `#` between brackets belongs to an option.
fn without_comment(line: &str) -> &str {
    let mut depth = 0_usize;
    let end = line.find(|character| {
        match character {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == '#' && depth == 0
    });
    line[..end.unwrap_or(line.len())].trim_matches([' ', '\t', '\r'])
}

fn commented_out(line: &str, number: usize) -> Option<Source> {
    let commented = line.trim_start().trim_start_matches(['#', ' ', '\t']);
    let (entry_text, comment) = commented.split_once('#')?;
    if !comment.contains(BY_UPGRADER) {
        return None;
    }
    let source = entry(without_comment(entry_text), number).ok()?;
    Some(Source { is_disabled: true, ..source })
}

fn entry(line: &str, number: usize) -> Result<Source, String> {
    let Some((word, rest)) = line.split_once([' ', '\t', '\u{b}']) else {
        return Err(format!("`{line}` is no source: it ends after its first word"));
    };
    let has_packages = kind(word)?;
    let mut rest = rest.trim_start();
    let mut signed_by = String::new();
    if let Some(options) = rest.strip_prefix('[') {
        rest = take_options(options, &mut signed_by)?;
    }
    let uri = next_word(&mut rest).map(Address::new).ok_or("no address behind the type")?;
    let suite = next_word(&mut rest).ok_or("no suite behind the address")?;
    check_uri(&uri)?;
    let components: Vec<String> = std::iter::from_fn(|| next_word(&mut rest)).collect();
    match (suite.ends_with('/'), components.first()) {
        (true, Some(component)) => {
            return Err(format!("`{component}` behind the path {suite}: a path has no components"));
        }
        (false, None) => return Err(format!("no component, such as main, behind the suite {suite}")),
        _ => {}
    }
    check_signed_by(&signed_by)?;
    Ok(Source { line: number, uri, suite, components, signed_by, has_packages, is_disabled: false })
}

/// What follows the closing bracket.
fn take_options<'a>(options: &'a str, signed_by: &mut String) -> Result<&'a str, String> {
    let mut rest = options.trim_start();
    while !rest.starts_with(']') {
        let start = rest;
        let option = next_word(&mut rest).ok_or("an option without an end")?;
        if option.len() < 3 {
            return Err(format!("`{option}` is too short for an option"));
        }
        let option = match option.strip_suffix(']') {
            Some(option) => {
                // The bracket ends the options: what follows is read from there.
                rest = &start[start.find(']').unwrap_or_default()..];
                option.to_owned()
            }
            None => option,
        };
        match option.split_once('=') {
            None => return Err(format!("the option `{option}` has no `=`")),
            Some(("", _)) => return Err(format!("the option `{option}` has no name")),
            Some((name, "")) => return Err(format!("the option `{name}` has no value")),
            Some(("signed-by", value)) => value.clone_into(signed_by),
            Some(_) => {}
        }
    }
    Ok(rest[1..].trim_start())
}

/// The next word, quotes and `%20` resolved. Blanks between quotes or brackets do not end it. `None` at the end of
/// the line, and where a quote or a bracket is not closed.
fn next_word(rest: &mut &str) -> Option<String> {
    let text = rest.trim_start();
    let mut end = 0;
    while let Some(character) = text[end..].chars().next().filter(|character| !character.is_whitespace()) {
        end += match character {
            '"' => text[end + 1..].find('"')? + 2,
            '[' => text[end + 1..].find(']')? + 2,
            other => other.len_utf8(),
        };
    }
    if end == 0 {
        return None;
    }
    let (word, after) = text.split_at(end);
    *rest = after.trim_start();
    Some(resolved(word))
}

fn resolved(word: &str) -> String {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match (byte, hex.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(decoded)) => {
                bytes.push(decoded);
                rest = &after[2..];
                continue;
            }
            (b'"', _) => {}
            _ => bytes.push(byte),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
