//! A URL, and how far whoever answers there is to be trusted.

use std::fmt;
use std::str::FromStr;

use crate::units::{AbsolutePath, Proxy};

/// Written as the URL and the words that differ from what is usual: `https://cloud.example ca=/etc/ssl/own.pem`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpTarget {
    pub url: String,
    /// A PEM file with authorities that count beside those of the host.
    pub ca_file: Option<AbsolutePath>,
    /// Any certificate will do.
    pub insecure: bool,
    /// `http://proxy.example:3128`
    pub proxy: Option<Proxy>,
}

impl From<&str> for HttpTarget {
    fn from(url: &str) -> Self {
        Self { url: url.to_owned(), ..Self::default() }
    }
}

impl fmt::Display for HttpTarget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.url)?;
        if let Some(file) = &self.ca_file {
            // A blank ends a word.
            write!(out, " ca={}", file.replace('%', "%25").replace(' ', "%20"))?;
        }
        if let Some(proxy) = &self.proxy {
            write!(out, " proxy={proxy}")?;
        }
        if self.insecure { out.write_str(" insecure") } else { Ok(()) }
    }
}

impl FromStr for HttpTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split(' ');
        let mut target = Self::from(words.next().unwrap_or_default());
        for word in words {
            match word.split_once('=') {
                Some(("ca", file)) => {
                    let file = file.replace("%20", " ").replace("%25", "%");
                    target.ca_file = Some(AbsolutePath::try_from(file)?);
                }
                Some(("proxy", proxy)) => target.proxy = Some(Proxy::try_from(proxy.to_owned())?),
                None if word == "insecure" => target.insecure = true,
                _ => return Err(format!("`{word}` says nothing about a URL")),
            }
        }
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let whole = "https://cloud.example/ ca=/etc/ssl/own.pem proxy=http://proxy.example:3128 insecure";
        let odd = "https://cloud.example ca=/etc/my%20own%2520.pem";
        for text in ["http://cloud.example/?a=b", whole, odd] {
            assert_eq!(text.parse::<HttpTarget>().map(|target| target.to_string()).as_deref(), Ok(text));
        }
        assert_eq!(odd.parse::<HttpTarget>().unwrap().ca_file.as_deref(), Some("/etc/my own%20.pem"));
        assert!("https://cloud.example ca=own.pem".parse::<HttpTarget>().is_err());
        assert!("https://cloud.example trusting".parse::<HttpTarget>().is_err());
    }
}
