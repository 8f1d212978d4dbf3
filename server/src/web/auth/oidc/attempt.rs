//! A sign-in that has begun, known by a cookie of the browser in which it began and by nothing on the server: so no crowd of strangers
//! can push out anybody's attempt, and a restart in between harms nobody.
//!
//! The cookie holds a random secret and where to go afterwards. `state`, `nonce` and PKCE's verifier are derived from the secret, each
//! for its purpose and provider: who sees one of them, as the provider sees `state`, learns nothing of the others.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngCore as _;

/// How long somebody may take to sign in at the provider, in seconds.
pub const LIFE_S: i64 = 15 * 60;
/// Longest place to go to afterwards; a longer one is forgotten.
const NEXT_BYTES_MAX: usize = 1024;

/// A sign-in that has begun.
pub struct Attempt {
    provider: String,
    secret: [u8; 32],
    next: String,
}

impl Attempt {
    /// A new one, at the provider of this name; `next` is a path of ours to go to afterwards.
    pub fn new(provider: &str, next: &str) -> Self {
        let mut secret = [0; 32];
        rand::rng().fill_bytes(&mut secret);
        let next = if next.len() > NEXT_BYTES_MAX { String::new() } else { next.to_owned() };
        Self { provider: provider.to_owned(), secret, next }
    }

    /// The one that the cookie's value tells of; none where it tells of none.
    pub fn of_cookie(provider: &str, value: &str) -> Option<Self> {
        let (secret, next) = value.split_once('.')?;
        let secret = URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?;
        let next = String::from_utf8(URL_SAFE_NO_PAD.decode(next).ok()?).ok()?;
        Some(Self { provider: provider.to_owned(), secret, next })
    }

    /// The cookie's value.
    pub fn cookie(&self) -> String {
        format!("{}.{}", URL_SAFE_NO_PAD.encode(self.secret), URL_SAFE_NO_PAD.encode(&self.next))
    }

    /// The name of the cookie of the attempt of this `state`: attempts in two tabs do not disturb each other.
    pub fn cookie_name(state: &str) -> String {
        let id: String = state.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
        format!("weir-sign-in-{id}")
    }

    /// What comes back with the answer: proves that this browser began.
    pub fn state(&self) -> String {
        self.derive("state")
    }

    /// What comes back in the ID token: proves that it was made for this attempt.
    pub fn nonce(&self) -> String {
        self.derive("nonce")
    }

    /// PKCE's verifier (RFC 7636): proves to the provider that who began asks for the tokens.
    pub fn verifier(&self) -> String {
        self.derive("verifier")
    }

    /// Where to go afterwards; may be empty, and was kept by the browser, so it is looked at again.
    pub fn next(&self) -> &str {
        &self.next
    }

    fn derive(&self, purpose: &str) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.secret);
        hasher.update(purpose.as_bytes()).update(b"\0").update(self.provider.as_bytes());
        URL_SAFE_NO_PAD.encode(hasher.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::Attempt;

    #[test]
    fn an_attempt_is_the_same_again_from_its_cookie_and_only_at_its_provider() {
        let begun = Attempt::new("main", "/view/all?x=1");
        let again = Attempt::of_cookie("main", &begun.cookie()).unwrap();
        assert_eq!((again.state(), again.next()), (begun.state(), "/view/all?x=1"));
        assert_eq!((again.nonce(), again.verifier()), (begun.nonce(), begun.verifier()));
        let elsewhere = Attempt::of_cookie("other", &begun.cookie()).unwrap();
        assert_ne!(elsewhere.state(), begun.state());
        let all = [begun.state(), begun.nonce(), begun.verifier(), Attempt::new("main", "").state()];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        assert!(begun.verifier().len() >= 43, "RFC 7636 wants 43 characters at least");
        assert!(Attempt::new("main", &"x".repeat(2000)).next().is_empty());
    }

    #[test]
    fn what_is_no_attempt_is_none() {
        let cookie = Attempt::new("main", "/").cookie();
        for value in ["", ".", "abc", "YQ.YQ", &cookie[1..], &cookie.replace('.', ""), "\u{e9}.\u{e9}"] {
            assert!(Attempt::of_cookie("main", value).is_none(), "{value}");
        }
        assert_eq!(Attempt::cookie_name("../;\r\n= abcdefghijk"), "weir-sign-in-abcdefgh");
    }
}
