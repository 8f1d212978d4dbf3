//! Labels on builders that views select and group by; levels nest with a bar between them.

use super::glob::Glob;

/// Whether a view's entry selects a builder that has `category`. Category `a` includes `a|b`, and `*` takes everything.
pub fn selects(entry: &Glob, category: &str) -> bool {
    ancestors(category).any(|level| entry.matches(level))
}

/// Whether the plain name `wanted` (an argument `category=`) takes `category`: itself or one above it.
pub fn includes(wanted: &str, category: &str) -> bool {
    ancestors(category).any(|level| level == wanted)
}

/// The category itself, then each level above it.
fn ancestors(category: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(category), |c| c.rsplit_once('|').map(|(above, _)| above))
}

#[cfg(test)]
mod tests {
    use super::{Glob, includes, selects};

    #[test]
    fn a_category_includes_what_is_nested_in_it() {
        let glob = |p| Glob::new(p).unwrap();
        assert!(selects(&glob("release"), "release|2.4"));
        assert!(selects(&glob("release|2.*"), "release|2.4"));
        assert!(selects(&glob("*"), "a|b"));
        assert!(!selects(&glob("release|2.4"), "release"));
        assert!(!selects(&glob("rel"), "release"));
        assert!(includes("a", "a|b|c"));
        assert!(!includes("a|c", "a|b"));
    }
}
