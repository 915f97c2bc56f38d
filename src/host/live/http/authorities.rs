//! Whose signature counts: the authorities that this host trusts, and those of a file.

use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error as PemError, PemObject, SectionKind};

/// Authorities, and the certificates that they were taken from.
#[derive(Clone, Debug)]
pub struct Authorities {
    pub roots: Arc<RootCertStore>,
    pub certificates: Arc<Vec<CertificateDer<'static>>>,
}

impl Default for Authorities {
    fn default() -> Self {
        Self { roots: Arc::new(RootCertStore::empty()), certificates: Arc::default() }
    }
}

/// What the host trusts: some 150 certificates, read when the first server asks for it and then shared.
#[derive(Clone, Debug, Default)]
pub struct HostAuthorities(Arc<OnceLock<Authorities>>);

impl HostAuthorities {
    /// What of it cannot be read is passed over; without any, the handshake tells (`SSL_CERT_FILE` is heard).
    pub fn get(&self) -> Authorities {
        let read = || {
            let mut roots = RootCertStore::empty();
            let certificates = rustls_native_certs::load_native_certs().certs;
            roots.add_parsable_certificates(certificates.iter().cloned());
            Authorities { roots: Arc::new(roots), certificates: Arc::new(certificates) }
        };
        self.0.get_or_init(read).clone()
    }
}

impl Authorities {
    /// These, and those of a PEM file beside them. The error says what is wrong in the file, and on which line.
    pub fn with_pem(&self, file: &[u8]) -> Result<Self, String> {
        let mut roots = RootCertStore::clone(&self.roots);
        let mut certificates = Vec::clone(&self.certificates);
        let before = certificates.len();
        let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(file);
        for (number, section) in sections.enumerate() {
            let at = |what: &str| match line_of_section(file, number) {
                Some(line) => format!("line {line}: {what}"),
                None => what.to_owned(),
            };
            let (kind, bytes) = section.map_err(|error| at(what_is_wrong(&error)))?;
            if kind == SectionKind::Certificate {
                let certificate = CertificateDer::from(bytes);
                roots.add(certificate.clone()).map_err(|_| at("this is no certificate that can be read"))?;
                certificates.push(certificate);
            }
        }
        if certificates.len() == before {
            return Err(match file {
                [] => "it is empty".to_owned(),
                [0x30, ..] => {
                    "it is not PEM text: convert it with `openssl x509 -inform der -in FILE -out FILE.pem`".to_owned()
                }
                _ => "it holds no certificate: one begins with -----BEGIN CERTIFICATE-----".to_owned(),
            });
        }
        Ok(Self { roots: Arc::new(roots), certificates: Arc::new(certificates) })
    }
}

fn what_is_wrong(error: &PemError) -> &'static str {
    match error {
        PemError::MissingSectionEnd { .. } => "the section that begins here has no end",
        PemError::IllegalSectionStart { .. } => "a section begins with a line that is not whole",
        PemError::Base64Decode(_) => "the section that begins here is no Base64",
        _ => "the section that begins here cannot be read",
    }
}

fn line_of_section(file: &[u8], number: usize) -> Option<usize> {
    let begins = |line: &&[u8]| line.starts_with(b"-----BEGIN");
    let lines = file.split(|byte| *byte == b'\n').enumerate();
    lines.filter(|(_, line)| begins(line)).nth(number).map(|(line, _)| line + 1)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn pem() -> String {
        CertificateParams::new(Vec::new()).unwrap().self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    fn wrong(file: &str) -> String {
        Authorities::default().with_pem(file.as_bytes()).unwrap_err()
    }

    #[test]
    fn every_certificate_of_a_file_counts() {
        let key = KeyPair::generate().unwrap().serialize_pem();
        let file = format!("# ours\n{}{key}\n{}", pem().replace('\n', "\r\n"), pem());
        let authorities = Authorities::default().with_pem(file.as_bytes()).unwrap();
        assert_eq!((authorities.roots.len(), authorities.certificates.len()), (2, 2));
        let more = authorities.with_pem(pem().as_bytes()).unwrap();
        assert_eq!((more.roots.len(), authorities.roots.len()), (3, 2));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        assert_eq!(wrong(""), "it is empty");
        assert!(wrong("no PEM\n").starts_with("it holds no certificate"));
        assert!(wrong(&KeyPair::generate().unwrap().serialize_pem()).starts_with("it holds no certificate"));
        let first = pem();
        let next = first.lines().count() + 1;
        let cut = first.split("-----END").next().unwrap();
        assert_eq!(wrong(&format!("{first}{cut}")), format!("line {next}: the section that begins here has no end"));
        let no_base64 = first.replace("MII", "M%I").replacen("-\nM", "-\n%", 1);
        assert_eq!(wrong(&no_base64), "line 1: the section that begins here is no Base64");
        let other = first.replace(first.lines().nth(1).unwrap(), "AAAA");
        assert_eq!(wrong(&format!("\n\n{other}")), "line 3: this is no certificate that can be read");
        let der = Authorities::default().with_pem(&[0x30, 0x82, 1]).unwrap_err();
        assert!(der.contains("openssl x509 -inform der"), "{der}");
    }
}
