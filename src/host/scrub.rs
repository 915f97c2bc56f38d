//! Takes secrets out of what leaves the host.

use std::sync::LazyLock;

use regex_lite::Regex;
use serde_json::Value;

const MASK: &str = "***";

/// `scheme://user:password@host`
static USERINFO: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s@]+@").ok());

/// The words that name a secret.
const NAMES: &str = r"(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|private[_-]?key|credential|authorization)";

/// `password = "x"`, `api_key: x`, `?token=x`
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(r#"(?i)((?:^|[^\w/.-])[\w-]*{NAMES}[\w-]*\\?"?\s*[=:]\s*\\?"?)[^\s"'&,;\]}}\\]+"#)).ok()
});

/// OVSDB's `["db_password","x"]`
static PAIRED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&format!(r#"(?i)({NAMES}[\w-]*\\?"\s*,\s*\\?")[^"\\]+"#)).ok());

/// Passwords of GRUB's menu: `password root x`, `password_pbkdf2 root grub.pbkdf2.sha512.10000.…`
static GRUB: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?m)((?:^password\s+\S+\s+)|grub\.pbkdf2\.)[^\s\x22]+").ok());

/// A field that is called so.
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&format!("(?i){NAMES}")).ok());

/// PEM blocks of private keys.
static PRIVATE_KEY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)").ok()
});

/// The text with every secret that we know the shape of masked.
pub fn text(plain: &str) -> String {
    let mut scrubbed = plain.to_owned();
    for (pattern, replacement) in
        [(&USERINFO, "${1}***@"), (&NAMED, "${1}***"), (&PAIRED, "${1}***"), (&GRUB, "${1}***"), (&PRIVATE_KEY, MASK)]
    {
        scrubbed = match pattern.as_ref() {
            Some(pattern) => pattern.replace_all(&scrubbed, replacement).into_owned(),
            None => return MASK.to_owned(), // never let anything through unmasked
        };
    }
    scrubbed
}

/// Every string of a JSON value, in place; the keys, too, since a question may carry a URL.
pub fn value(json: &mut Value) {
    match json {
        Value::String(plain) => *plain = text(plain),
        Value::Array(items) => items.iter_mut().for_each(value),
        Value::Object(fields) => {
            let plain = std::mem::take(fields);
            fields.extend(plain.into_iter().map(|(key, inner)| field(&key, inner)));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn field(key: &str, mut inner: Value) -> (String, Value) {
    let is_secret = NAME.as_ref().is_none_or(|name| name.is_match(key));
    match &mut inner {
        Value::String(plain) if is_secret && !plain.is_empty() => MASK.clone_into(plain),
        other => value(other),
    }
    (text(key), inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_known_shapes_are_masked_and_the_rest_stays() {
        for (plain, scrubbed) in [
            ("https://joe:hunter2@host/path", "https://***@host/path"),
            ("password = \"hunter2\"", "password = \"***\""),
            ("https://h/x?token=abc&page=2", "https://h/x?token=***&page=2"),
            (
                r#"["map",[["db_password","hunter2"],["system-id","x"]]]"#,
                r#"["map",[["db_password","***"],["system-id","x"]]]"#,
            ),
            ("Authorization: Bearer", "Authorization: ***"),
            ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nafter", "***\nafter"),
            ("ssl:[::1]:6640 br-ex eth0", "ssl:[::1]:6640 br-ex eth0"),
            ("Package: passwd\nStatus: install ok installed", "Package: passwd\nStatus: install ok installed"),
            ("paths = { \"/var/lib/secrets\" = \"1GiB\" }", "paths = { \"/var/lib/secrets\" = \"1GiB\" }"),
            ("password_pbkdf2 root grub.pbkdf2.sha512.10000.AB12.CD34\n", "password_pbkdf2 root grub.pbkdf2.***\n"),
            ("x\npassword root hunter2\n", "x\npassword root ***\n"),
            ("Description: x\n password manager of GNOME\n", "Description: x\n password manager of GNOME\n"),
            ("Depends: passwd, libc6 (>= 2.34)", "Depends: passwd, libc6 (>= 2.34)"),
        ] {
            assert_eq!(text(plain), scrubbed);
        }
    }

    #[test]
    fn fields_and_keys_are_scrubbed_too() {
        let mut json = serde_json::json!({
            "http:https://h/?token=abc": {"api_key": "hunter2", "name": "br-ex", "list": ["password=x"]}
        });
        value(&mut json);
        let expected = serde_json::json!({
            "http:https://h/?token=***": {"api_key": "***", "name": "br-ex", "list": ["password=***"]}
        });
        assert_eq!(json, expected);
    }
}
