//! TLS over a connection that stands, and what became of the certificate.
//!
//! A handshake with a certificate that does not verify ends before a byte of HTTP, and so of a token, is sent.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use super::authorities::Authorities;
use super::crypto;
use super::fault;
use crate::host::live::transport::Timed;

/// Whose certificates count.
#[derive(Debug)]
pub enum Trust {
    Authorities(Authorities),
    /// Any certificate will do.
    Anybody,
}

/// Why there is no TLS.
#[derive(Debug)]
pub enum Failure {
    /// What does not verify, in words that follow on "its certificate does not verify:".
    Certificate(String),
    Tls(rustls::Error),
    Io(io::Error),
}

/// Shakes hands with the server of this name.
pub fn handshake(
    mut stream: Timed,
    name: ServerName<'static>,
    trust: Trust,
) -> Result<StreamOwned<ClientConnection, Timed>, Failure> {
    let provider = Arc::new(crypto::provider());
    let judge = Arc::new(Judge::new(trust, provider.clone()));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Failure::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(judge.clone())
        .with_no_client_auth();
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(Failure::Tls)?;
    while connection.is_handshaking() {
        match connection.complete_io(&mut stream) {
            Ok(_) => {}
            Err(error) => return Err(judge.failure(error)),
        }
    }
    Ok(StreamOwned::new(connection, stream))
}

/// Asks the verifier of the TLS library, and keeps in words what it turned down.
#[derive(Debug)]
pub(super) struct Judge {
    trust: Trust,
    verifier: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    turned_down: Mutex<Option<String>>,
}

impl Judge {
    pub(super) fn new(trust: Trust, provider: Arc<CryptoProvider>) -> Self {
        let verifier = match &trust {
            Trust::Anybody => None,
            // It cannot be built without any authority.
            Trust::Authorities(authorities) => {
                WebPkiServerVerifier::builder_with_provider(authorities.roots.clone(), provider.clone()).build().ok()
            }
        };
        Self { trust, verifier, provider, turned_down: Mutex::new(None) }
    }

    fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let Trust::Authorities(authorities) = &self.trust else { return Ok(()) };
        let unknown = Err(CertificateError::UnknownIssuer.into());
        let verified = self.verifier.as_ref().map_or(unknown, |verifier| {
            verifier.verify_server_cert(certificate, others, name, &[], now).map(|_: ServerCertVerified| ())
        });
        match verified {
            // `openssl req -x509` marks what it makes as an authority, servers use it so, and the verifier, which looked
            // at its dates before, turns that down. Who trusts this very certificate means this server.
            Err(rustls::Error::InvalidCertificate(error))
                if fault::is_authority_itself(&error) && authorities.certificates.contains(certificate) =>
            {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)
            }
            verified => verified,
        }
    }

    pub(super) fn failure(&self, error: io::Error) -> Failure {
        if let Some(reason) = self.turned_down.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Failure::Certificate(reason);
        }
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(inner) => Failure::Tls(inner.clone()),
            None => Failure::Io(error),
        }
    }

    /// Is the key of the certificate the server's own?
    fn signature(
        &self,
        verify: impl FnOnce(&WebPkiSupportedAlgorithms) -> Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if matches!(self.trust, Trust::Anybody) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let verified = verify(&self.provider.signature_verification_algorithms);
        if let Err(error) = &verified {
            self.turn_down(fault::of_signature(error));
        }
        verified
    }

    fn turn_down(&self, reason: String) {
        *self.turned_down.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.verify(certificate, others, name, now);
        if let Err(rustls::Error::InvalidCertificate(error)) = &verified {
            self.turn_down(fault::in_words(error, certificate, others, self.verifier.is_some()));
        }
        verified.map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(|algorithms| verify_tls12_signature(message, certificate, signed, algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(|algorithms| verify_tls13_signature(message, certificate, signed, algorithms))
    }

    /// More than can be verified: a server that has nothing else shall say who it is, and not just hang up.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.provider.signature_verification_algorithms.supported_schemes();
        schemes.extend([SignatureScheme::ECDSA_NISTP521_SHA512, SignatureScheme::RSA_PKCS1_SHA1]);
        schemes
    }
}
