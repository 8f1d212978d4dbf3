//! `[scheduler.*]`: when builders build. Read and checked for shape; what acts on it comes later.

use super::read::{At, Reader, section, words};
use crate::model::glob::Glob;
use std::time::Duration;

section! {
    /// When builders build.
    struct RawScheduler {
        /// What starts it.
        on = "on": At<On>;
        /// The builders that it starts, as patterns.
        builders = "builders": Vec<At<Glob>>;
        /// Branches of changes that count, as patterns.
        branches = "branches": Vec<Glob>, "all";
        /// Categories of changes that count, as patterns.
        categories = "categories": Vec<Glob>, "all";
        /// Wait until no change came for so long.
        quiet = "quiet": Duration, "0s";
        /// When, in five fields: minute, hour, day of month, month, day of week.
        cron = "cron": At<String>;
        /// The builders after whose good builds it starts, as patterns.
        after = "after": Vec<Glob>;
    }
}

words! {
    /// What starts a scheduler.
    enum On {
        /// A change arrived.
        Change = "change",
        /// The time has come.
        Time = "time",
        /// Another builder is done.
        After = "after",
    }
}

impl RawScheduler {
    /// Says what is wrong with the section; `builders` are the names of the team's builders in order, none where they cannot be judged.
    pub fn check(self, builders: Option<&[&str]>, reader: &Reader<'_>) {
        let on = reader.required(&self.at, "on", self.on);
        if let Some(cron) = &self.cron
            && !is_cron(&cron.value)
        {
            let diagnostic =
                reader.wrong(&cron.path, "bad-cron", format!("`{}` is no time in five fields", cron.value));
            reader.note(diagnostic.expected("minute, hour, day of month, month, day of week, such as `0 3 * * *`"));
        }
        match on.map(|on| on.value) {
            Some(On::Time) => drop(reader.required(&self.at, "cron", self.cron)),
            Some(On::After) => drop(reader.required(&self.at, "after", self.after)),
            Some(On::Change) | None => {}
        }
        let Some(globs) = reader.required(&self.at, "builders", self.builders) else { return };
        let Some(builders) = builders else { return };
        let fits = |glob: &Glob| match glob.is_plain() {
            true => builders.binary_search(&glob.as_str()).is_ok(),
            false => builders.iter().any(|builder| glob.matches(builder)),
        };
        if !globs.iter().any(|glob| fits(&glob.value)) {
            let message = "this scheduler starts no builder of the team";
            reader.note(reader.wrong(&self.at.key("builders"), "selects-nothing", message).warning());
        }
    }
}

/// Whether `text` has five fields of numbers, names, `*`, `,`, `-` and `/`.
fn is_cron(text: &str) -> bool {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let good = |field: &&str| field.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '*' | ',' | '-' | '/'));
    fields.len() == 5 && fields.iter().all(good)
}
