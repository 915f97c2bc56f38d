//! What people promise until a day: waivers and attestations. Each is whole, names a check, and ends.

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

use super::Check;
use super::settings::Settings;
use super::source::{Source, SourceError};

struct Form {
    table: &'static str,
    /// What it is called in a sentence.
    name: &'static str,
    keys: [&'static str; 4],
    /// The key that says until when.
    day: &'static str,
}

const WAIVER: Form =
    Form { table: "waiver", name: "a waiver", keys: ["id", "subject", "reason", "expires"], day: "expires" };
const ATTESTATION: Form =
    Form { table: "attestation", name: "an attestation", keys: ["id", "what", "who", "until"], day: "until" };

impl Form {
    fn hint(&self) -> String {
        let [id, one, other, day] = self.keys;
        format!("write [[{}]] with {id}, {one}, {other} and {day} = 2026-12-31", self.table)
    }

    /// Every key is there, and the day is one.
    fn is_whole(&self, source: &Source<'_>, config: &DeTable<'_>) -> Result<(), SourceError> {
        let Some(DeValue::Array(items)) = config.get(self.table).map(Spanned::get_ref) else { return Ok(()) };
        for item in items.iter() {
            // What is no table is told by whoever reads it.
            let DeValue::Table(table) = item.get_ref() else { continue };
            for key in self.keys {
                match table.get(key).map(|value| (value.span(), value.get_ref())) {
                    None => {
                        let message = format!("{} without `{key}`", self.name);
                        return Err(source.error(item.span(), message, Some(self.hint())));
                    }
                    Some((span, DeValue::String(text))) if key == self.day => {
                        let message = format!("`{text}` is no date");
                        return Err(source.error(span, message, Some(self.no_quotes())));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }

    fn no_quotes(&self) -> String {
        format!("write {} = 2026-12-31, without quotes", self.day)
    }

    fn ends(&self, source: &Source<'_>, span: std::ops::Range<usize>, day: &Datetime) -> Result<(), SourceError> {
        let hint = format!("write a date, such as {} = 2026-12-31", self.day);
        match day.date {
            Some(_) => Ok(()),
            None => Err(source.error(span, format!("{} that ends on no day", self.name), Some(hint))),
        }
    }
}

/// What a parser would say of it without a word on how it is written. `config` is the table of `source`.
pub fn are_whole(source: &Source<'_>, config: &DeTable<'_>) -> Result<(), SourceError> {
    WAIVER.is_whole(source, config)?;
    ATTESTATION.is_whole(source, config)
}

/// They name what there is. `source` is where the settings stand.
pub fn check(source: &Source<'_>, settings: &Settings, checks: &[&Check]) -> Result<(), SourceError> {
    let known = |id: &str| checks.iter().find(|check| check.id == id);
    let unknown = |span, form: &Form, id: &str| {
        let hint = "`hostready explain` lists every check".to_owned();
        Err(source.error(span, format!("{} for `{id}`, which is no check", form.name), Some(hint)))
    };
    for waiver in &settings.waiver {
        let (span, waiver) = (waiver.span(), waiver.get_ref());
        WAIVER.ends(source, span.clone(), &waiver.expires)?;
        if known(&waiver.id).is_none() {
            return unknown(span, &WAIVER, &waiver.id);
        }
    }
    for attestation in &settings.attestation {
        let (span, attestation) = (attestation.span(), attestation.get_ref());
        ATTESTATION.ends(source, span.clone(), &attestation.until)?;
        match known(&attestation.id) {
            None => return unknown(span, &ATTESTATION, &attestation.id),
            Some(check) if !check.kind.can_be_attested() => {
                let of: Vec<&str> =
                    checks.iter().filter(|it| it.kind.can_be_attested()).map(|it| it.id.as_str()).collect();
                let message = format!("an attestation for `{}`, which is read from the host itself", attestation.id);
                let hint = format!("one can vouch for: {}; to accept a finding, write a [[waiver]]", of.join(", "));
                return Err(source.error(span, message, Some(hint)));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
