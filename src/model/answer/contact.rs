//! What came of an attempt to reach somebody.

use crate::model::stored::choice;

/// How far a connection attempt came. Not reaching a peer is an answer, not a failed look.
#[derive(Clone, Debug, PartialEq)]
pub enum Contact {
    /// TCP accepted, or an echo came back; for HTTP the status that came.
    Reached {
        status: Option<u16>,
        /// Whether its certificate was found good; nothing where none was asked for.
        verified: Option<bool>,
    },
    /// The peer answers and its certificate does not verify.
    BadCertificate {
        reason: String,
    },
    NotReached {
        reason: String,
    },
}

choice! {
    Contact: Self::NotReached { reason: String::new() };
    "reached" => Reached { status, verified: Sparse },
    "bad-certificate" => BadCertificate { reason },
    "not-reached" => NotReached { reason },
}

/// What a server says of itself before it is asked anything.
#[derive(Clone, Debug, PartialEq)]
pub enum Banner {
    /// Its first line, as it came, at most 255 bytes.
    Said(String),
    /// The connection stands, and nothing that is a line came.
    Silent {
        reason: String,
        /// The server closed or reset the connection.
        hung_up: bool,
    },
    NotReached {
        reason: String,
    },
}

choice! {
    Banner: Self::Said(String::new());
    "said" => Said(content),
    "silent" => Silent { reason, hung_up: Optional },
    "not-reached" => NotReached { reason },
}
