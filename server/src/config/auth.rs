//! `[auth.*]`: who may be believed, and what their claims are worth.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// `[auth.*]`.
#[derive(Debug, Clone, Default)]
pub struct Auth {
    /// `[auth.jwt.<name>]` with a local key; foreign issuers are checked for shape only so far.
    pub local: BTreeMap<String, LocalKey>,
}

/// An issuer whose key is ours: it signs and checks our own tokens.
#[derive(Debug, Clone)]
pub struct LocalKey {
    /// Signs with this.
    pub algorithm: LocalAlgorithm,
    /// Absolute path; the key is made at first start, mode 0600.
    pub key_file: PathBuf,
}

/// What a local key may sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalAlgorithm {
    /// Ed25519; the file is PKCS#8 PEM.
    EdDsa,
    /// HMAC with SHA-256; the file holds at least 32 random bytes in base64.
    Hs256,
}
