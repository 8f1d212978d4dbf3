//! A small state that outlives the call: one for each step of a builder, and for each reporter of a team. Needs `state`.

use crate::error::HostError;
use crate::host::Host;
use crate::outside::Outside;

/// A value and which one it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// What was put.
    pub value: Vec<u8>,
    /// Opaque; compare only for equality.
    pub version: String,
}

/// What must be there for [`State::put`] to go ahead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Expect {
    /// Whatever it is.
    #[default]
    Anything,
    /// Nothing.
    Absent,
    /// The value of this version.
    Version(String),
}

/// The state of this use of the plugin; [`Outside::state`] makes it. Keys have 1 to 200 printable characters.
///
/// ```
/// use weir_plugin_sdk::{Context, Error, state::Expect};
///
/// /// How often this step of this builder has run.
/// fn count(cx: &mut Context) -> Result<u32, Error> {
///     let old = cx.state().get("runs")?;
///     let runs = old.as_ref().and_then(|v| std::str::from_utf8(&v.value).ok()?.parse().ok()).unwrap_or(0) + 1;
///     let expected = old.map_or(Expect::Absent, |v| Expect::Version(v.version));
///     cx.state().put("runs", runs.to_string().as_bytes(), &expected)?;
///     Ok(runs)
/// }
/// # let script = weir_plugin_sdk::testing::Script::new();
/// # assert_eq!((count(&mut script.context()), count(&mut script.context())), (Ok(1), Ok(2)));
/// ```
pub struct State<'a> {
    outside: &'a mut Outside,
}

impl Outside {
    /// The state of this use of the plugin.
    pub fn state(&mut self) -> State<'_> {
        State { outside: self }
    }
}

impl State<'_> {
    /// What stands under a key.
    ///
    /// # Errors
    /// Where it is not granted, or cannot be read.
    pub fn get(&mut self, key: &str) -> Result<Option<Versioned>, HostError> {
        self.outside.host().state_get(key)
    }

    /// Puts a value under a key, durable when this returns. Returns its version.
    ///
    /// # Errors
    /// Where something else is there than was expected ([`crate::Refusal::Conflict`]), there is no room, or it is not granted.
    pub fn put(&mut self, key: &str, value: &[u8], expected: &Expect) -> Result<String, HostError> {
        self.outside.host().state_put(key, value, expected)
    }

    /// Takes a key away; one that is not there is fine.
    ///
    /// # Errors
    /// Where it is not granted, or cannot be written.
    pub fn delete(&mut self, key: &str) -> Result<(), HostError> {
        self.outside.host().state_delete(key)
    }

    /// Keys that begin so, sorted, at most `max`.
    ///
    /// # Errors
    /// Where it is not granted, or cannot be read.
    pub fn keys(&mut self, prefix: &str, max: u32) -> Result<Vec<String>, HostError> {
        self.outside.host().state_keys(prefix, max)
    }
}
