//! Whom the host must reach, and how each is asked.

use crate::catalog::fields::{Fields, Table, table};
use crate::catalog::source::SourceError;
use crate::units::{AbsolutePath, Proxy, Target};

/// `[management]`
#[derive(Clone, Debug, Default)]
pub struct Management {
    /// What must answer before an upgrade: `https://…`, `http://…`, `icmp://host` or `host:port`.
    pub urls: Vec<Target>,
    pub way: Way,
}

/// `[network]`
#[derive(Clone, Debug, Default)]
pub struct Network {
    peers: Vec<Peer>,
}

table!(Network:; peers);

#[derive(Clone, Debug)]
pub struct Peer {
    pub address: Target,
    /// Only a required peer can block.
    pub required: bool,
    pub way: Way,
}

/// How a URL is asked where that differs from what is usual.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Way {
    /// A PEM file with authorities that count beside those of the host.
    pub ca_file: Option<AbsolutePath>,
    /// Any certificate will do.
    pub insecure: bool,
    pub proxy: Option<Proxy>,
}

impl Table for Management {
    const KEYS: &'static [&'static str] = &["urls", "ca_file", "insecure", "proxy"];

    fn of(fields: &Fields<'_>) -> Result<Self, SourceError> {
        let urls: Vec<Target> = fields.optional("urls")?;
        Ok(Self { way: Way::of(fields, &urls)?, urls })
    }
}

impl Table for Peer {
    const KEYS: &'static [&'static str] = &["address", "required", "ca_file", "insecure", "proxy"];

    fn of(fields: &Fields<'_>) -> Result<Self, SourceError> {
        let address: Target = fields.needed("address")?;
        let way = Way::of(fields, std::slice::from_ref(&address))?;
        Ok(Self { address, required: fields.optional("required")?, way })
    }
}

impl Network {
    pub fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter()
    }
}

impl Way {
    fn of(fields: &Fields<'_>, targets: &[Target]) -> Result<Self, SourceError> {
        let way = Self {
            ca_file: fields.optional("ca_file")?,
            insecure: fields.optional("insecure")?,
            proxy: fields.optional("proxy")?,
        };
        way.counts_for(targets).map_err(|what| fields.source.error(fields.span.clone(), what, None))?;
        Ok(way)
    }

    /// What is set and would change nothing is a mistake: somebody believes that it does.
    fn counts_for(&self, targets: &[Target]) -> Result<(), String> {
        let any = |schemes: &[&str]| targets.iter().any(|target| schemes.iter().any(|it| target.starts_with(it)));
        let none_of = |what: &str| match targets {
            [] => "no URL is named".to_owned(),
            [target] => format!("`{target}` is no {what} URL"),
            _ => format!("none of the URLs is an {what} one"),
        };
        let without_effect = |key: &str, what: &str| Err(format!("`{key}` has no effect here: {}", none_of(what)));
        match self {
            Self { ca_file: Some(_), .. } if !any(&["https://"]) => without_effect("ca_file", "https"),
            Self { insecure: true, .. } if !any(&["https://"]) => without_effect("insecure", "https"),
            Self { proxy: Some(_), .. } if !any(&["https://", "http://"]) => without_effect("proxy", "http or https"),
            Self { ca_file: Some(_), insecure: true, .. } => {
                Err("`ca_file` has no effect beside `insecure`: any certificate will do".to_owned())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::{Catalog, Layer, Source};
    use crate::model::Query;

    fn load(text: &str) -> Result<Catalog, String> {
        let config = Source { name: "config.toml", text, layer: Layer::Config };
        Catalog::load(&[config], &[]).map_err(|error| error.to_string())
    }

    fn questions(text: &str) -> Vec<String> {
        let settings = load(text).unwrap().settings;
        let urls = settings.management.urls.iter().map(|url| settings.management.contact(url));
        urls.chain(settings.network.peers().map(|peer| peer.contact())).map(|it| it.to_string()).collect()
    }

    #[test]
    fn each_target_is_asked_in_its_own_way() {
        let management = "[management]\nurls = [\"https://a/x\", \"http://b\", \"c:22\", \"icmp://d\"]\n\
            ca_file = \"/etc/ssl/own.pem\"\nproxy = \"http://p:3128\"\n";
        let expected = [
            "http:https://a/x ca=/etc/ssl/own.pem proxy=http://p:3128",
            "http:http://b proxy=http://p:3128",
            "tcp:c:22",
            "ping:d",
        ];
        assert_eq!(questions(management), expected);
        let peers = "[network]\npeers = [{ address = \"https://[2001:db8::1]:8443\", insecure = true }, { address = \"icmp://::1\" }]\n";
        assert_eq!(questions(peers), ["http:https://[2001:db8::1]:8443 insecure", "ping:::1"]);
        for key in questions(management).iter().chain(&questions(peers)) {
            assert_eq!(key.parse::<Query>().unwrap().to_string(), *key);
        }
    }

    #[test]
    fn what_would_have_no_effect_is_an_error_with_its_place() {
        for (text, expected) in [
            (
                "[management]\nurls = [\"h:22\"]\nca_file = \"/x\"",
                "1:1: `ca_file` has no effect here: `h:22` is no https URL",
            ),
            ("\n[management]\nproxy = \"http://p:1\"", "2:1: `proxy` has no effect here: no URL is named"),
            (
                "[management]\nurls = [\"h:22\", \"http://h\"]\ninsecure = true",
                "1:1: `insecure` has no effect here: none of the URLs is an https one",
            ),
            (
                "[management]\nurls = [\"https://h\"]\nca_file = \"/x\"\ninsecure = true",
                "1:1: `ca_file` has no effect beside",
            ),
            (
                "[network]\npeers = [\n  { address = \"h:22\" },\n  { address = \"icmp://h\", proxy = \"http://p:1\" },\n]",
                "4:3: `proxy` has no effect here: `icmp://h` is no http or https URL",
            ),
            ("[[network.peers]]\naddress = \"http://h\"\ninsecure = true", "1:1: `insecure` has no effect here"),
            ("[management]\nproxy = \"https://p:1\"", "2:9: `https://p:1` is no proxy: write http://host:port"),
            ("[management]\nproxy = \"http://u:p@h:1\"", "2:9: this is no proxy"),
            ("[network]\npeers = [{ address = \"h\" }]", "2:22: `h` is no target"),
            ("[network]\npeers = [{ address = \"h:1\", requird = true }]", "2:29: unknown field `requird`"),
        ] {
            let error = load(text).unwrap_err();
            assert!(error.starts_with(&format!("config.toml:{expected}")), "{error}");
        }
    }
}
