//! The keys of a foreign issuer (JSON Web Key Set, RFC 7517): fetched from the one place that the configuration names, kept, fetched
//! again from time to time and when a token names a key that is not among them, but not more often than a bound, whoever asks. While
//! the issuer cannot be reached its last keys go on, for a day.
//!
//! Where keys are is never learnt from a token, and no redirect is followed: somebody who could choose would bring keys of their own.

use crate::config::issuer::{ForeignIssuer, KeySource};
use crate::config::open::read_text;
use crate::model::time::Time;
use crate::outbound;
use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::StatusCode;
use reqwest::header::ACCEPT;
use serde::Deserialize;
use serde_json::Value;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use url::Url;

/// Bytes of a key set at most.
const SET_BYTES_MAX: usize = 256 << 10;
/// Keys of a set that are looked at.
const KEYS_MAX: usize = 100;
/// A whole fetch ends within this time.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Keys older than this are fetched again.
const FRESH: TimeDelta = TimeDelta::minutes(5);
/// After a failure it is tried again no sooner.
const RETRY: TimeDelta = TimeDelta::seconds(30);
/// Keys of an issuer that cannot be reached are believed no longer.
const KEPT: TimeDelta = TimeDelta::hours(24);
/// Fetches for tokens that name an unknown key: so many at once, and one more each time this passes.
const UNKNOWN_BURST: u32 = 3;
const UNKNOWN_EVERY: TimeDelta = TimeDelta::seconds(20);
/// Bits of an RSA key: fewer are no protection, more take too long.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The issuer has none of that name for that algorithm.
    Unknown,
    /// The issuer's keys cannot be had now.
    Unavailable,
}

/// One key of an issuer.
pub struct PublicKey {
    kid: String,
    kind: Kind,
    /// The one algorithm that the issuer says it is for, where it says so.
    alg: Option<String>,
    pub(super) decoding: DecodingKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// The keys of one issuer.
pub struct KeySet {
    /// What it was made for; another configuration is another set.
    pub(super) issuer: ForeignIssuer,
    name: String,
    known: Mutex<Known>,
    /// One fetches at a time; the others wait for what that one brings.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    keys: Vec<Arc<PublicKey>>,
    fetched_at: Option<Time>,
    tried_at: Option<Time>,
    /// Counts fetches, good or not.
    n_tries: u64,
    /// Fetches for unknown keys that are left, and since when.
    left: Option<(u32, Time)>,
}

impl KeySet {
    /// Of the issuer `name`; nothing is fetched yet.
    pub fn new(name: &str, issuer: ForeignIssuer) -> Self {
        Self { issuer, name: name.to_owned(), known: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// The key `kid`, for `algorithm`.
    ///
    /// # Errors
    /// See [`Missing`].
    pub async fn key(
        &self,
        kid: &str,
        algorithm: Algorithm,
        http: &reqwest::Client,
        now: Time,
    ) -> Result<Arc<PublicKey>, Missing> {
        let n_tries = {
            let known = self.lock();
            match known.find(kid, algorithm, now) {
                Some(key) => return Ok(key),
                None => known.n_tries,
            }
        };
        let _turn = self.turn.lock().await;
        // Whoever had the turn meanwhile asked for all that wait.
        if self.lock().n_tries == n_tries {
            if !self.lock().take(now) {
                return Err(self.lock().missing(now));
            }
            self.fetch(http, now).await;
        }
        let known = self.lock();
        known.find(kid, algorithm, now).ok_or_else(|| known.missing(now))
    }

    /// Fetches the keys where that is due.
    pub async fn refresh(&self, http: &reqwest::Client, now: Time) {
        let is_due = {
            let known = self.lock();
            known.fetched_at.is_none_or(|at| now - at >= FRESH) && known.tried_at.is_none_or(|at| now - at >= RETRY)
        };
        if is_due {
            let _turn = self.turn.lock().await;
            self.fetch(http, now).await;
        }
    }

    /// Fetches the keys; where that fails those that are known go on.
    async fn fetch(&self, http: &reqwest::Client, now: Time) {
        let fetched = tokio::time::timeout(FETCH_TIMEOUT, fetch(&self.issuer.keys, http)).await;
        let fetched = fetched.unwrap_or_else(|_| Err(anyhow::anyhow!("no whole answer within {FETCH_TIMEOUT:?}")));
        let read = fetched.and_then(|bytes| parse(&bytes));
        let mut known = self.lock();
        known.n_tries += 1;
        known.tried_at = Some(now);
        match read {
            Ok(keys) => {
                known.keys = keys;
                known.fetched_at = Some(now);
            }
            Err(error) => tracing::warn!(
                "the keys of [auth.jwt.{}] cannot be had, {}: {error:#}",
                self.name,
                if known.is_usable(now) { "the last ones go on" } else { "so its tokens are refused" }
            ),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().expect("no holder of the keys panics")
    }
}

impl Known {
    fn is_usable(&self, now: Time) -> bool {
        self.fetched_at.is_some_and(|at| now - at < KEPT)
    }

    fn find(&self, kid: &str, algorithm: Algorithm, now: Time) -> Option<Arc<PublicKey>> {
        let fits = |key: &&Arc<PublicKey>| key.kid == kid && key.is_for(algorithm);
        self.is_usable(now).then(|| self.keys.iter().find(fits).cloned()).flatten()
    }

    /// What it means that a key was not found: without the last fetch being good, nobody can say that there is none.
    fn missing(&self, now: Time) -> Missing {
        let was_good = self.fetched_at.is_some() && self.fetched_at == self.tried_at;
        if was_good && self.is_usable(now) { Missing::Unknown } else { Missing::Unavailable }
    }

    /// Takes one of the fetches for unknown keys, where one is left.
    fn take(&mut self, now: Time) -> bool {
        let (mut left, mut since) = self.left.unwrap_or((UNKNOWN_BURST, now));
        let n_more = ((now - since).num_milliseconds() / UNKNOWN_EVERY.num_milliseconds()).max(0);
        if n_more > 0 {
            left = left.saturating_add(u32::try_from(n_more).unwrap_or(u32::MAX)).min(UNKNOWN_BURST);
            since = now;
        }
        let is_left = left > 0;
        self.left = Some((left.saturating_sub(1), since));
        is_left
    }
}

impl PublicKey {
    /// Whether it checks what is signed by `algorithm`: a key is of one kind and never lent to another.
    fn is_for(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
        let kind = match algorithm {
            RS256 | RS384 | RS512 | PS256 | PS384 | PS512 => Kind::Rsa,
            ES256 => Kind::P256,
            ES384 => Kind::P384,
            EdDSA => Kind::Ed25519,
            // None that a shared secret makes.
            _ => return false,
        };
        self.kind == kind && self.alg.as_deref().is_none_or(|alg| alg.parse() == Ok(algorithm))
    }
}

/// The bytes of a key set.
async fn fetch(source: &KeySource, http: &reqwest::Client) -> anyhow::Result<Vec<u8>> {
    match source {
        KeySource::Url(url) => fetch_url(url, http).await,
        KeySource::File(file) => {
            let path = file.clone();
            let read = tokio::task::spawn_blocking(move || read_text(&path, None, SET_BYTES_MAX)).await?;
            Ok(read.map_err(io::Error::from).with_context(|| format!("cannot read {}", file.display()))?.into_bytes())
        }
    }
}

async fn fetch_url(url: &Url, http: &reqwest::Client) -> anyhow::Result<Vec<u8>> {
    let request =
        http.get(url.clone()).header(ACCEPT, "application/jwk-set+json, application/json").timeout(FETCH_TIMEOUT);
    // The address may hold a password.
    let answer = request.send().await.map_err(reqwest::Error::without_url).context("no answer")?;
    match answer.status() {
        StatusCode::OK => outbound::read(answer, SET_BYTES_MAX).await,
        status if status.is_redirection() => {
            bail!("it answered {status}, and no redirect is followed; write the address where the keys are")
        }
        status => bail!("it answered {status}"),
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// What is read of a key. Private halves and certificates are left unread.
#[derive(Deserialize)]
struct Raw {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The keys of a set that check signatures. Of a kind that nobody here knows there may be others beside them.
fn parse(bytes: &[u8]) -> anyhow::Result<Vec<Arc<PublicKey>>> {
    let set: Set = serde_json::from_slice(bytes).context("it is no JSON Web Key Set")?;
    if set.keys.len() > KEYS_MAX {
        bail!("the set holds {} keys; at most {KEYS_MAX} are looked at", set.keys.len());
    }
    let keys = set.keys.into_iter().filter_map(|key| Raw::deserialize(key).ok()?.key().map(Arc::new));
    Ok(keys.collect())
}

impl Raw {
    fn key(self) -> Option<PublicKey> {
        let signs = self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        let kid = self.kid.filter(|kid| signs && !kid.is_empty())?;
        let bytes =
            |text: &Option<String>, n: usize| BASE64.decode(text.as_deref()?).ok().filter(|bytes| bytes.len() == n);
        let (kind, decoding) = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => {
                let n = BASE64.decode(self.n?).ok()?;
                let n_bits = n.iter().skip_while(|byte| **byte == 0).count() * 8;
                let e = BASE64.decode(self.e?).ok()?;
                let key = RSA_BITS.contains(&n_bits).then(|| DecodingKey::from_rsa_raw_components(&n, &e))?;
                (Kind::Rsa, key)
            }
            ("EC", Some(crv @ ("P-256" | "P-384"))) => {
                let (kind, n) = if crv == "P-256" { (Kind::P256, 32) } else { (Kind::P384, 48) };
                // An uncompressed point (SEC 1, 2.3.3); that it lies on the curve is checked with each signature.
                let point = [vec![4], bytes(&self.x, n)?, bytes(&self.y, n)?].concat();
                (kind, DecodingKey::from_ec_der(&point))
            }
            ("OKP", Some("Ed25519")) => (Kind::Ed25519, DecodingKey::from_ed_der(&bytes(&self.x, 32)?)),
            _ => return None,
        };
        Some(PublicKey { kid, kind, alg: self.alg, decoding })
    }
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, FRESH, KEPT, KeySet, Missing, Time, TimeDelta, UNKNOWN_EVERY, parse};
    use crate::config::issuer::{ForeignAlgorithm, ForeignIssuer, KeySource};
    use serde_json::{Value, json};
    use std::path::Path;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn okp(kid: &str) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": X, "kid": kid})
    }

    fn kids(keys: Value) -> Vec<String> {
        let keys = parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
        keys.iter().map(|key| key.kid.clone()).collect()
    }

    #[test]
    fn keys_that_check_signatures_are_taken_and_all_others_left() {
        let with = |name: &str, value: Value| {
            let mut key = okp(name);
            key[name] = value;
            key
        };
        let modulus = |n_bytes: usize| base64::Engine::encode(&super::BASE64, vec![0xc5; n_bytes]);
        let rsa = |kid: &str, n_bytes| json!({"kty": "RSA", "kid": kid, "n": modulus(n_bytes), "e": "AQAB"});
        let keys = json!([
            okp("good"), with("use", json!("sig")), with("key_ops", json!(["verify"])), rsa("large", 256), rsa("larger", 512),
            with("use", json!("enc")), with("key_ops", json!(["encrypt"])), with("crv", json!("X25519")), with("x", json!("AAAA")),
            with("kty", json!("oct")), {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"}, {"kty": "OKP", "crv": "Ed25519", "x": X},
            rsa("small", 128), rsa("huge", 1024), {"kty": "EC", "crv": "P-256", "kid": "half", "x": X}, {"kid": 5}, "nonsense",
        ]);
        assert_eq!(kids(keys), ["good", "use", "key_ops", "large", "larger"]);
        for text in ["", "[]", "{}", r#"{"keys": {}}"#] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        let many: Vec<Value> = (0..101).map(|_| okp("k")).collect();
        assert!(parse(json!({ "keys": many }).to_string().as_bytes()).is_err());
    }

    #[test]
    fn a_key_is_for_its_own_algorithms_only() {
        let mut bound = okp("bound");
        bound["alg"] = json!("ES256");
        let keys = parse(json!({"keys": [okp("free"), bound]}).to_string().as_bytes()).unwrap();
        assert!(keys[0].is_for(Algorithm::EdDSA));
        for algorithm in [Algorithm::HS256, Algorithm::RS256, Algorithm::ES256, Algorithm::PS512] {
            assert!(!keys[0].is_for(algorithm), "{algorithm:?}");
        }
        assert!(!keys[1].is_for(Algorithm::EdDSA), "the issuer says that it is for another");
    }

    fn at(seconds: i64) -> Time {
        Time::from_timestamp(1_000_000 + seconds, 0).unwrap()
    }

    fn set(file: &Path) -> KeySet {
        let issuer = ForeignIssuer {
            issuer: "https://id.example.org/".to_owned(),
            keys: KeySource::File(file.to_owned()),
            audience: "weir".to_owned(),
            algorithms: vec![ForeignAlgorithm("EdDSA")],
            leeway: std::time::Duration::ZERO,
        };
        KeySet::new("forge", issuer)
    }

    #[tokio::test]
    async fn a_new_key_is_found_at_once_and_unknown_ones_are_not_asked_for_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys.json");
        let write = |kids: &[&str]| {
            let keys: Vec<Value> = kids.iter().map(|kid| okp(kid)).collect();
            std::fs::write(&file, json!({ "keys": keys }).to_string()).unwrap();
        };
        let (set, http) = (set(&file), crate::outbound::client().unwrap());
        let key = async |kid: &str, s: i64| set.key(kid, Algorithm::EdDSA, &http, at(s)).await.map(|_| ());
        assert_eq!(key("a", 0).await, Err(Missing::Unavailable));
        write(&["a"]);
        assert_eq!(key("a", 0).await, Ok(()));
        write(&["a", "b"]);
        assert_eq!(key("b", 1).await, Ok(()));
        write(&["a", "b", "c"]);
        assert_eq!(key("c", 2).await, Err(Missing::Unknown), "the three fetches of now are used up");
        for s in 3..13 {
            assert_eq!(key("c", s).await, Err(Missing::Unknown));
        }
        assert_eq!(set.lock().n_tries, 3);
        assert_eq!(key("c", UNKNOWN_EVERY.num_seconds() + 1).await, Ok(()));
        // A key that its issuer took back goes with the next fetch.
        write(&["c"]);
        set.refresh(&http, at(60)).await;
        assert_eq!(key("a", 60).await, Ok(()), "nothing is due yet");
        set.refresh(&http, at(60) + FRESH).await;
        assert_eq!(key("a", 60 + FRESH.num_seconds()).await, Err(Missing::Unknown));
    }

    #[tokio::test]
    async fn the_last_keys_outlive_an_outage_but_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys.json");
        std::fs::write(&file, json!({"keys": [okp("a")]}).to_string()).unwrap();
        let (set, http) = (set(&file), crate::outbound::client().unwrap());
        let key = async |kid: &str, time: Time| set.key(kid, Algorithm::EdDSA, &http, time).await.map(|_| ());
        set.refresh(&http, at(0)).await;
        for broken in ["nonsense".to_owned(), "x".repeat(300 << 10)] {
            std::fs::write(&file, broken).unwrap();
            set.refresh(&http, at(600)).await;
            assert_eq!(key("a", at(600)).await, Ok(()));
        }
        std::fs::remove_file(&file).unwrap();
        assert_eq!(key("b", at(700)).await, Err(Missing::Unavailable), "it may be a new one");
        let later = at(0) + KEPT - TimeDelta::seconds(1);
        set.refresh(&http, later).await;
        assert_eq!(key("a", later).await, Ok(()));
        assert_eq!(key("a", at(0) + KEPT).await, Err(Missing::Unavailable));
    }
}
