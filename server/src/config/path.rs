//! Where a key stands: `team.core.builder."full-{{version}}".step[0].use`.

use std::fmt;
use std::rc::Rc;

/// The way from the top to a key. Cheap to extend and to clone: paths share what they have in common.
#[derive(Clone, Default)]
pub struct KeyPath(Option<Rc<Link>>);

struct Link {
    above: KeyPath,
    part: Part,
}

/// One part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A key of a table.
    Key(String),
    /// An element of an array, from 0.
    Index(usize),
}

impl KeyPath {
    /// The key `key` under this one.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with(Part::Key(key.to_owned()))
    }

    /// The element `index` of this one.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Part::Index(index))
    }

    /// `part` under this one.
    #[must_use]
    pub fn with(&self, part: Part) -> Self {
        Self(Some(Rc::new(Link { above: self.clone(), part })))
    }

    /// The path of `keys`, from the top.
    pub fn of(keys: &[&str]) -> Self {
        keys.iter().fold(Self::default(), |path, key| path.key(key))
    }

    /// The path that this one extends.
    pub fn above(&self) -> Option<&Self> {
        self.0.as_ref().map(|link| &link.above)
    }

    /// Its parts, from the top.
    pub fn parts(&self) -> Vec<&Part> {
        let mut parts = Vec::new();
        let mut at = self;
        while let Some(link) = &at.0 {
            parts.push(&link.part);
            at = &link.above;
        }
        parts.reverse();
        parts
    }

    /// The team that it leads into.
    pub fn team(&self) -> Option<&str> {
        match self.parts().as_slice() {
            [Part::Key(teams), Part::Key(team), ..] if teams == "team" => Some(team),
            _ => None,
        }
    }

    /// The last key, where it ends in one.
    pub fn last_key(&self) -> Option<&str> {
        match self.0.as_deref() {
            Some(Link { part: Part::Key(key), .. }) => Some(key),
            _ => None,
        }
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.parts().into_iter().enumerate() {
            match part {
                Part::Index(index) => write!(f, "[{index}]")?,
                Part::Key(key) => write!(f, "{}{}", if i == 0 { "" } else { "." }, quoted(key))?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A key as TOML writes it: bare where it may be.
fn quoted(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if bare { key.to_owned() } else { format!("{key:?}") }
}

#[cfg(test)]
mod tests {
    use super::KeyPath;

    #[test]
    fn paths_are_written_as_toml_writes_them() {
        let path = KeyPath::of(&["team", "core", "builder", "full-{{version}}", "step"]).index(0).key("use");
        assert_eq!(path.to_string(), r#"team.core.builder."full-{{version}}".step[0].use"#);
        assert_eq!(KeyPath::default().to_string(), "");
    }
}
