//! `[source.*]`: where changes come from. Read and checked for shape; what brings changes in comes later.

use super::read::{At, Reader, section};
use super::team::Secret;
use std::time::Duration;

section! {
    /// Where a team's changes come from.
    struct RawSource {
        /// What brings them in, for instance `git-poll` or `github`.
        plugin = "use": At<String>;
        /// The repository to look at: a path or a URL.
        repository = "repository": String;
        /// Branches that count, as patterns.
        branches = "branches": Vec<crate::model::glob::Glob>, "all";
        /// How often to look.
        every = "every": Duration, "60s";
        /// What a hook's sender signs with.
        secret = "secret": Secret;
        /// The project that its changes belong to.
        project = "project": String;
    }
}

impl RawSource {
    /// Says what is wrong with the section.
    pub fn check(self, reader: &Reader<'_>) {
        reader.required(&self.at, "use", self.plugin);
    }
}
