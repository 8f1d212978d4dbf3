//! `[auth.jwt.*]` and `[auth.oidc.*]`: whose word is taken for who somebody is.

use super::read::{At, Node, Read, Reader, one_of, section, word};
use super::team::Secret;
use super::value::FilePath;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::{Host, Url};

section! {
    /// An issuer of tokens: a local key (`algorithm`, `key_file`) or somebody else's (`issuer`, `jwks_url` or `jwks_file`, `audience`,
    /// `algorithms`).
    struct RawJwt {
        /// What the local key signs with.
        algorithm = "algorithm": LocalAlgorithm, "\"EdDSA\"";
        /// The local key; made at first start.
        key_file = "key_file": FilePath, "`NAME.pem` in `state_dir`";
        /// The `iss` of the foreign issuer's tokens.
        issuer = "issuer": String;
        /// Where the foreign issuer's keys are.
        jwks_url = "jwks_url": At<Url>;
        /// A file with the foreign issuer's keys, instead of `jwks_url`.
        jwks_file = "jwks_file": FilePath;
        /// The `aud` that the foreign issuer's tokens must carry.
        audience = "audience": String;
        /// What the foreign issuer may sign with.
        algorithms = "algorithms": Vec<ForeignAlgorithm>;
        /// How far the clocks may differ.
        leeway = "leeway": Duration, "60s";
    }
}

section! {
    /// Where people sign in: a provider of OpenID Connect.
    struct RawOidc {
        /// The provider's issuer, under which its `/.well-known/openid-configuration` lies, exactly as that document says it.
        issuer = "issuer": IssuerUrl;
        /// What the provider knows this server as.
        client_id = "client_id": String;
        /// What the provider knows this server by; a public client has none.
        client_secret = "client_secret": Secret;
        /// What is asked for beside `openid`.
        scopes = "scopes": Vec<String>, "[\"profile\"]";
        /// The claim that names the person in pages and in the audit.
        name_claim = "name_claim": String, "\"preferred_username\"; `sub` where the provider does not say it";
        /// The words of the button.
        title = "title": String, "the name";
    }
}

/// Signatures that a foreign issuer may use: none that a shared secret makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignAlgorithm(pub &'static str);

/// An issuer of tokens.
#[derive(Debug)]
pub enum Issuer {
    /// Ours.
    Local(LocalKey),
    /// Somebody else's.
    Foreign(ForeignIssuer),
}

/// An issuer whose key is ours: it signs and checks our own tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalKey {
    /// Signs with this.
    pub algorithm: LocalAlgorithm,
    /// Absolute path; the key is made at first start, mode 0600.
    pub key_file: PathBuf,
}

/// Somebody else's issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignIssuer {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// Where its keys are.
    pub keys: KeySource,
    /// The `aud` of its tokens for us.
    pub audience: String,
    /// What it may sign with; never empty.
    pub algorithms: Vec<ForeignAlgorithm>,
    /// How far the clocks may differ.
    pub leeway: Duration,
}

/// Where an issuer's keys are: a JSON Web Key Set (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// Fetched, and kept.
    Url(Url),
    /// Absolute path.
    File(PathBuf),
}

/// Where people sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its `[auth.oidc.<name>]`.
    pub name: String,
    /// Its issuer, letter by letter as its tokens say it.
    pub issuer: String,
    /// What it knows us as.
    pub client_id: String,
    /// What it knows us by.
    pub client_secret: Option<Secret>,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that names the person.
    pub name_claim: Option<String>,
    /// The words of the button.
    pub title: String,
}

/// What a local key may sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalAlgorithm {
    /// Ed25519; the file is PKCS#8 PEM.
    EdDsa,
    /// HMAC with SHA-256; the file holds at least 32 random bytes in base64.
    Hs256,
}

impl RawJwt {
    /// The issuer as it is used.
    pub fn freeze(self, name: &str, state_dir: &Path, reader: &Reader<'_>) -> Option<Issuer> {
        let is_foreign = self.issuer.is_some()
            || self.jwks_url.is_some()
            || self.jwks_file.is_some()
            || self.audience.is_some()
            || self.algorithms.is_some();
        if !is_foreign {
            return Some(Issuer::Local(LocalKey {
                algorithm: self.algorithm.unwrap_or(LocalAlgorithm::EdDsa),
                key_file: self.key_file.map_or_else(|| state_dir.join(format!("{name}.pem")), |path| path.0),
            }));
        }
        if self.algorithm.is_some() || self.key_file.is_some() {
            let message = format!("`{name}` is both a local key and somebody else's issuer");
            let diagnostic = reader.wrong_key(&self.at, "ambiguous", message);
            reader.note(
                diagnostic.expected("`algorithm` and `key_file`, or `issuer`, `jwks_url`, `audience` and `algorithms`"),
            );
        }
        let issuer = reader.required(&self.at, "issuer", self.issuer);
        let audience = reader.required(&self.at, "audience", self.audience);
        let algorithms = reader.required(&self.at, "algorithms", self.algorithms);
        if algorithms.as_ref().is_some_and(Vec::is_empty) {
            let diagnostic = reader.wrong(&self.at.key("algorithms"), "empty-list", "no algorithm is allowed");
            reader.note(diagnostic.expected(format!("at least {}", ForeignAlgorithm::expected())));
        }
        let keys = match (self.jwks_url, self.jwks_file) {
            (Some(url), Some(_)) => {
                let diagnostic = reader.wrong(&url.path, "ambiguous", "the keys come from two places");
                reader.note(diagnostic.expected("`jwks_url` or `jwks_file`"));
                None
            }
            (None, Some(file)) => Some(KeySource::File(file.0)),
            (url, None) => {
                let url = reader.required(&self.at, "jwks_url", url);
                url.filter(|url| check_url(url, "keys cannot be fetched", reader)).map(|url| KeySource::Url(url.value))
            }
        };
        let leeway = self.leeway.unwrap_or(LEEWAY);
        Some(Issuer::Foreign(ForeignIssuer {
            issuer: issuer?,
            keys: keys?,
            audience: audience?,
            algorithms: algorithms?,
            leeway,
        }))
    }
}

/// How far the clocks of a foreign issuer may differ where nobody says.
const LEEWAY: Duration = Duration::from_secs(60);

impl RawOidc {
    /// The provider as it is used.
    pub fn freeze(self, name: &str, reader: &Reader<'_>) -> Option<Provider> {
        let issuer = reader.required(&self.at, "issuer", self.issuer);
        let client_id = reader.required(&self.at, "client_id", self.client_id);
        Some(Provider {
            name: name.to_owned(),
            issuer: issuer?.0,
            client_id: client_id?,
            client_secret: self.client_secret,
            scopes: self.scopes.unwrap_or_else(|| vec!["profile".to_owned()]),
            name_claim: self.name_claim,
            title: self.title.unwrap_or_else(|| name.to_owned()),
        })
    }
}

/// The issuer of a provider: a URL, and yet compared letter by letter, so its text is kept.
#[derive(Debug, Clone)]
pub struct IssuerUrl(pub String);

impl Read for IssuerUrl {
    fn expected() -> Cow<'static, str> {
        Url::expected()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        let value = Url::read(node, reader)?;
        let at = At { value, path: node.path.clone() };
        let text = node.value.as_str().unwrap_or_default().to_owned();
        check_url(&at, "nobody can be signed in", reader).then_some(Self(text))
    }
}

/// Whether `url` may be fetched from.
fn check_url(url: &At<Url>, what: &str, reader: &Reader<'_>) -> bool {
    let is_good = matches!(url.value.scheme(), "https" | "http");
    if !is_good {
        let diagnostic = reader.wrong(&url.path, "bad-url", format!("{what} from `{}`", url.value));
        reader.note(diagnostic.expected("an `https://` URL"));
    } else if url.value.scheme() == "http" && !is_here(&url.value) {
        let message =
            "plain `http://`: whoever is on the way can put keys and names of their own there, and be anybody";
        let diagnostic = reader.wrong(&url.path, "plain-http", message).expected("the same with `https://`").warning();
        let has_password = url.value.password().is_some();
        reader.note(if has_password { diagnostic.without_value() } else { diagnostic });
    }
    is_good
}

/// Whether it is on this machine: there is no way on which somebody could stand.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

impl Read for LocalAlgorithm {
    fn expected() -> Cow<'static, str> {
        "one of `EdDSA`, `HS256`".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        word(node, reader, &[("EdDSA", Self::EdDsa), ("HS256", Self::Hs256)])
    }
}

/// What a foreign issuer may sign with.
const FOREIGN: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

impl Read for ForeignAlgorithm {
    fn expected() -> Cow<'static, str> {
        one_of(FOREIGN).into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        word(node, reader, &FOREIGN.map(|word| (word, word))).map(Self)
    }
}
