//! `Types:`, `URIs:`, `Suites:` …: a stanza for each group of sources, as in deb822(5).

use super::{Address, MOST, Malformed, Source, SourceFile, check_signed_by, check_uri, kind};

/// The fields that say what is listed; apt knows more.
#[derive(Default)]
struct Stanza {
    /// Where it begins; 0 where nothing was read yet.
    line: usize,
    /// Name in small letters, value with its further lines.
    fields: Vec<(String, String)>,
    /// A line that is no field swallows the field behind it; at the end of a stanza apt gives up.
    broken: Option<usize>,
}

/// The stanzas of a `.sources` file.
pub fn parse(text: &[u8]) -> SourceFile {
    let text = String::from_utf8_lossy(text);
    let mut file = SourceFile::default();
    let mut stanza = Stanza::default();
    let lines = text.split('\n').map(|line| line.trim_end_matches('\r')).chain([""]);
    for (index, line) in lines.enumerate() {
        if line.starts_with('#') {
            continue;
        }
        if !line.is_empty() {
            stanza.take(line, index + 1);
        } else if let Err(malformed) = std::mem::take(&mut stanza).finish(&mut file.sources) {
            file.malformed = Some(malformed);
            break;
        }
        if file.sources.len() > MOST {
            file.sources.truncate(MOST);
            file.goes_on = true;
            break;
        }
    }
    file
}

impl Stanza {
    fn take(&mut self, line: &str, number: usize) {
        if self.line == 0 {
            self.line = number;
        }
        let value_goes_on = line.starts_with([' ', '\t']);
        match (line.split_once(':'), self.fields.last_mut()) {
            (Some(_), _) if !value_goes_on && self.broken.take().is_some() => {}
            (Some((name, value)), _) if !value_goes_on => {
                self.fields.push((name.trim_end().to_ascii_lowercase(), value.trim().to_owned()));
            }
            (_, last) => {
                if let Some((_, value)) = last {
                    value.push('\n');
                    value.push_str(line.trim());
                }
                if !value_goes_on {
                    self.broken = Some(number);
                }
            }
        }
    }

    /// Of a field that is there twice the last counts.
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn words(&self, name: &str) -> Vec<&str> {
        self.field(name).unwrap_or_default().split_ascii_whitespace().collect()
    }

    fn finish(self, sources: &mut Vec<Source>) -> Result<(), Malformed> {
        let error = |message: String| Malformed::new(self.line, message);
        if let Some(line) = self.broken {
            return Err(Malformed::new(line, "not a field, a `:` is missing"));
        }
        if self.fields.is_empty() {
            return Ok(());
        }
        if self.field("types").is_none() {
            return Err(error("a stanza without `Types:`".to_owned()));
        }
        for word in self.words("types") {
            if sources.len() > MOST {
                break;
            }
            let has_packages = kind(word).map_err(error)?;
            self.list(has_packages, sources).map_err(error)?;
        }
        Ok(())
    }

    fn list(&self, has_packages: bool, sources: &mut Vec<Source>) -> Result<(), String> {
        let is_disabled = self.field("enabled").is_some_and(is_no);
        let uris: Vec<Address> = self.words("uris").into_iter().map(Address::new).collect();
        let suites = self.words("suites");
        let signed_by = self.field("signed-by").unwrap_or_default().trim();
        let checked = || -> Result<(), String> {
            if uris.is_empty() {
                return Err("a stanza without `URIs:`".to_owned());
            }
            if suites.is_empty() {
                return Err("a stanza without `Suites:`".to_owned());
            }
            uris.iter().try_for_each(check_uri)?;
            let has_components = !self.words("components").is_empty();
            let is_path = |suite: &&&str| suite.ends_with('/');
            match (suites.iter().find(is_path), has_components) {
                (Some(path), true) => return Err(format!("`Components:` beside the path {path}, which has none")),
                (_, false) if !suites.iter().all(|suite| suite.ends_with('/')) => {
                    return Err("a stanza without `Components:`, such as main".to_owned());
                }
                _ => {}
            }
            check_signed_by(signed_by)
        };
        // apt looks at nothing else of a stanza that is switched off.
        if !is_disabled {
            checked()?;
        }
        let all = uris.iter().flat_map(|uri| suites.iter().map(move |suite| (uri, suite)));
        // One more than is kept says that there are more.
        let room = (MOST + 1).saturating_sub(sources.len());
        sources.extend(all.take(room).map(|(uri, suite)| Source {
            line: self.line,
            uri: uri.clone(),
            suite: (*suite).to_owned(),
            components: self.words("components").into_iter().map(str::to_owned).collect(),
            signed_by: signed_by.to_owned(),
            has_packages,
            is_disabled,
        }));
        Ok(())
    }
}

/// apt's words for no; anything else is yes.
fn is_no(value: &str) -> bool {
    const NO: [&str; 5] = ["no", "false", "without", "off", "disable"];
    NO.iter().any(|word| value.eq_ignore_ascii_case(word)) || value == "0"
}
