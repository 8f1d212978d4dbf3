//! Somebody else's issuer of tokens: a real HTTP service that publishes a key set, and signs what a test wants signed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use weir::clock::{Clock as _, SystemClock};

/// Runs until it is dropped.
pub struct Issuer {
    address: SocketAddr,
    served: Arc<Mutex<Served>>,
    task: JoinHandle<()>,
}

/// What it answers with, and what it was asked.
struct Served {
    status: &'static str,
    head: String,
    body: String,
    n_asked: usize,
}

/// One of its keys, from `tests/data/keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestKey {
    /// RSA, 2048 bits.
    Rsa,
    /// On the curve P-256.
    P256,
    /// On the curve P-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// Another Ed25519.
    Other,
}

impl TestKey {
    fn pem(self) -> &'static [u8] {
        match self {
            Self::Rsa => include_bytes!("../data/keys/rsa.pem"),
            Self::P256 => include_bytes!("../data/keys/p256.pem"),
            Self::P384 => include_bytes!("../data/keys/p384.pem"),
            Self::Ed25519 => include_bytes!("../data/keys/ed25519.pem"),
            Self::Other => include_bytes!("../data/keys/ed25519-other.pem"),
        }
    }

    /// What it signs with.
    ///
    /// # Panics
    /// Never: the keys are good.
    pub fn encoding(self) -> EncodingKey {
        let key = match self {
            Self::Rsa => EncodingKey::from_rsa_pem(self.pem()),
            Self::P256 | Self::P384 => EncodingKey::from_ec_pem(self.pem()),
            Self::Ed25519 | Self::Other => EncodingKey::from_ed_pem(self.pem()),
        };
        key.expect("a good key")
    }

    /// Its public half, called `kid`.
    ///
    /// # Panics
    /// Never: the keys are good.
    pub fn jwk(self, kid: &str) -> Value {
        let algorithm = match self {
            Self::Rsa => Algorithm::RS256,
            Self::P256 => Algorithm::ES256,
            Self::P384 => Algorithm::ES384,
            Self::Ed25519 | Self::Other => Algorithm::EdDSA,
        };
        let mut jwk = Jwk::from_encoding_key(&self.encoding(), algorithm).expect("a good key");
        jwk.common.key_id = Some(kid.to_owned());
        let mut jwk = serde_json::to_value(jwk).expect("a key is JSON");
        // An RSA key serves several algorithms.
        jwk.as_object_mut().expect("a key is an object").remove("alg");
        jwk
    }
}

impl Issuer {
    /// Listens on a free port of 127.0.0.1 and publishes these keys at `/jwks.json`.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn start(keys: &[Value]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let served = Served { status: "200 OK", head: String::new(), body: String::new(), n_asked: 0 };
        let served = Arc::new(Mutex::new(served));
        let shared = Arc::clone(&served);
        let task = tokio::task::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Who hangs up in the middle asks again.
                drop(answer(stream, &shared).await);
            }
        });
        let issuer = Self { address, served, task };
        issuer.publish(keys);
        issuer
    }

    /// The `iss` of its tokens.
    pub fn name(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Where anything of it is.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A table of `[auth.jwt]` for it.
    pub fn table(&self, name: &str, algorithms: &[&str]) -> String {
        format!(
            "[auth.jwt.{name}]\nissuer = \"{}\"\njwks_url = \"{}\"\naudience = \"weir\"\nalgorithms = {algorithms:?}\nleeway = \"5s\"\n",
            self.name(),
            self.url("/jwks.json")
        )
    }

    /// Publishes these keys from now on.
    pub fn publish(&self, keys: &[Value]) {
        self.answer("200 OK", "", &json!({ "keys": keys }).to_string());
    }

    /// Answers whatever it is asked with this from now on; `head` are lines that end in `\r\n`.
    ///
    /// # Panics
    /// Never.
    pub fn answer(&self, status: &'static str, head: &str, body: &str) {
        let mut served = self.served.lock().expect("no holder panics");
        served.status = status;
        head.clone_into(&mut served.head);
        body.clone_into(&mut served.body);
    }

    /// How often it was asked.
    ///
    /// # Panics
    /// Never.
    pub fn n_asked(&self) -> usize {
        self.served.lock().expect("no holder panics").n_asked
    }

    /// Good claims of a token for Weir, changed by `change`; null takes a claim away.
    ///
    /// # Panics
    /// Where `change` is no object.
    pub fn claims(&self, change: &Value) -> Value {
        let now = SystemClock.now().timestamp();
        let mut claims = json!({"iss": self.name(), "sub": "ada", "aud": "weir", "exp": now + 600, "iat": now - 5, "jti": "f-1",
                                "groups": ["python-core"]});
        let claims_of = claims.as_object_mut().expect("claims are an object");
        claims_of.extend(change.as_object().expect("an object").clone());
        claims_of.retain(|_, value| !value.is_null());
        claims
    }

    /// A good token, but for `change`.
    pub fn token(&self, key: TestKey, algorithm: Algorithm, kid: &str, change: &Value) -> String {
        let head = json!({ "alg": algorithm, "kid": kid, "typ": "JWT" });
        signed(&head, &self.claims(change), algorithm, &key.encoding())
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Any header and any claims, signed with any key.
///
/// # Panics
/// Where the key does not fit the algorithm.
pub fn signed(head: &Value, claims: &Value, algorithm: Algorithm, key: &EncodingKey) -> String {
    let message = format!("{}.{}", BASE64.encode(head.to_string()), BASE64.encode(claims.to_string()));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).expect("the key fits");
    format!("{message}.{signature}")
}

async fn answer(mut stream: TcpStream, served: &Mutex<Served>) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    }
    let text = {
        let mut served = served.lock().expect("no holder panics");
        served.n_asked += 1;
        let (status, head, body) = (served.status, &served.head, &served.body);
        format!("HTTP/1.1 {status}\r\n{head}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    stream.write_all(text.as_bytes()).await
}
