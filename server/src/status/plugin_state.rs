//! What plugins keep from one call to the next: a few keys with versions for each use. The use is the host's to say, so no plugin
//! reaches what another one keeps. What a builder kept that left the configuration stays: it may come back.

use super::{Error, Result, Status};
use crate::model::size::Size;
use crate::store::DbConnection;
use crate::store::plugin_state;

pub use plugin_state::UseKey;

/// Characters of a key at most.
const KEY_MAX: usize = 200;
/// Keys of one use at most.
const KEYS_MAX: usize = 10_000;

/// A value and which one it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// What was put.
    pub value: Vec<u8>,
    /// Opaque; each put makes another.
    pub version: String,
}

/// What must be there for a put to go ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// Whatever it is.
    Anything,
    /// Nothing.
    Absent,
    /// The value of this version.
    Version(String),
}

/// What one use of a plugin keeps; [`Status::plugin_state`] makes it.
pub struct PluginState {
    status: Status,
    used: UseKey,
}

impl Status {
    /// What this use of a plugin keeps.
    pub fn plugin_state(&self, used: UseKey) -> PluginState {
        PluginState { status: self.clone(), used }
    }
}

impl PluginState {
    /// What stands under a key.
    ///
    /// # Errors
    /// `Invalid` where it is no key, or where the database cannot be read.
    pub async fn get(&self, key: &str) -> Result<Option<Versioned>> {
        let (used, key) = (self.used.clone(), checked(key)?);
        let row = self.status.0.store.read(move |c| Ok::<_, Error>(plugin_state::get(c, &used, &key)?)).await?;
        Ok(row.map(|row| Versioned { value: row.value, version: row.id.to_string() }))
    }

    /// Puts a value under a key where `expected` is there, in one step that nobody comes between; durable when this returns. Returns
    /// its version.
    ///
    /// # Errors
    /// `Invalid` where it is no key, `Conflict` where something else is there, `Limit` where keys and values would be more than
    /// `bytes_max` or the keys too many, or where the database cannot be written.
    pub async fn put(&self, key: &str, value: Vec<u8>, expected: Expectation, bytes_max: Size) -> Result<String> {
        let (used, key, at) = (self.used.clone(), checked(key)?, self.status.now());
        let write = move |c: &mut DbConnection| {
            let old = plugin_state::version(c, &used, &key)?;
            let conflict = || Error::Conflict(format!("something else stands under `{key}` than was expected"));
            match &expected {
                Expectation::Anything => {}
                Expectation::Absent if old.is_none() => {}
                Expectation::Version(version) if old.is_some_and(|(id, _)| id.to_string() == *version) => {}
                Expectation::Absent | Expectation::Version(_) => return Err(conflict()),
            }
            check_room(c, &used, old, plugin_state::size_bytes(&key, &value), bytes_max)?;
            // Compare-and-set also between replicas: who comes second finds that the row has gone, or that one is there.
            if let Some((version, _)) = old
                && !plugin_state::delete_version(c, version)?
            {
                return Err(conflict());
            }
            let version = plugin_state::insert(c, &used, &key, &value, at)?.ok_or_else(conflict)?;
            Ok(version.to_string())
        };
        self.status.0.store.write(write).await
    }

    /// Takes a key away; one that is not there is fine.
    ///
    /// # Errors
    /// `Invalid` where it is no key, or where the database cannot be written.
    pub async fn delete(&self, key: &str) -> Result<()> {
        let (used, key) = (self.used.clone(), checked(key)?);
        self.status.0.store.write(move |c| Ok::<_, Error>(plugin_state::delete(c, &used, &key)?)).await
    }

    /// Keys that begin so, sorted by their bytes, at most `max`.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn keys(&self, prefix: &str, max: usize) -> Result<Vec<String>> {
        // What no key begins with is asked of no database: PostgreSQL takes no zero byte.
        if prefix.chars().any(char::is_control) {
            return Ok(Vec::new());
        }
        let (used, from) = (self.used.clone(), prefix.to_owned());
        let limit = i64::try_from(max.min(KEYS_MAX)).unwrap_or(i64::MAX);
        let read = move |c: &mut DbConnection| Ok::<_, Error>(plugin_state::list_keys(c, &used, &from, limit)?);
        let keys = self.status.0.store.read(read).await?;
        // Those that begin so stand together, first of all from there on.
        Ok(keys.into_iter().take_while(|key| key.starts_with(prefix)).collect())
    }
}

/// A key, where it is one.
fn checked(key: &str) -> Result<String> {
    let n = key.chars().count();
    if (1..=KEY_MAX).contains(&n) && !key.chars().any(char::is_control) {
        return Ok(key.to_owned());
    }
    Err(Error::invalid("key", format!("a key has 1 to {KEY_MAX} printable characters")))
}

/// Whether there is room for `size_bytes` in the place of what is there.
fn check_room(
    c: &mut DbConnection,
    used: &UseKey,
    old: Option<(i64, i64)>,
    size_bytes: i64,
    bytes_max: Size,
) -> Result<()> {
    let sizes = plugin_state::sizes(c, used)?;
    if old.is_none() && sizes.len() >= KEYS_MAX {
        return Err(Error::Limit { what: "the number of keys of one use".to_owned(), max: KEYS_MAX.to_string() });
    }
    let before = old.map_or(0, |(_, size)| size);
    let after = sizes.iter().sum::<i64>() - before + size_bytes;
    // What shrinks is always let through: the limit may have been lowered.
    if after > i64::try_from(bytes_max.0).unwrap_or(i64::MAX) && size_bytes > before {
        let what = "the state of one use, keys and values,".to_owned();
        return Err(Error::Limit {
            what,
            max: format!("{bytes_max} (`state_bytes`); this would make it {after} bytes"),
        });
    }
    Ok(())
}
