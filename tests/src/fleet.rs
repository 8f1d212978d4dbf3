//! A real site as a configuration: the builders of CPython's own Buildbot (`tests/data/cpython-fleet.json`, read from
//! python/buildmaster-config at af48ad7, 2026-08-05; worker names replaced by numbers).

use crate::source::root;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The team that owns the fleet.
pub const TEAM: &str = "cpython";

/// One builder of the real site.
#[derive(Debug, Clone, Deserialize)]
pub struct FleetBuilder {
    /// As it is called there: blanks, dots and `+` included.
    pub name: String,
    /// The one worker that it runs on.
    pub worker: String,
    /// The branch that it builds; none for pull requests.
    pub branch: Option<String>,
    /// Branch, tier, stability and kinds.
    pub tags: Vec<String>,
}

/// Every builder, in the order of the data.
///
/// # Panics
/// Where the data is not there or no longer what it was.
pub fn builders() -> Vec<FleetBuilder> {
    let path = root().join("tests/data/cpython-fleet.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Names of the views: one for each branch, tier and kind. A tag is each of these; it is a category here.
pub fn views(builders: &[FleetBuilder]) -> BTreeSet<String> {
    builders.iter().flat_map(|builder| builder.tags.iter().cloned()).collect()
}

/// The fleet as lines of a main file: one team, an embedded worker for each of the site's, a view for each tag. Every builder
/// runs `command` under the shell.
pub fn toml(builders: &[FleetBuilder], command: &str) -> String {
    let mut toml = String::new();
    let mut add = |lines: String| toml.push_str(&lines);
    let workers: BTreeSet<&str> = builders.iter().map(|builder| builder.worker.as_str()).collect();
    for worker in workers {
        add(format!("[worker.{worker}]\nslots = 2\nlabels = [{}]\n\n", quoted(worker)));
    }
    for view in views(builders) {
        add(format!("[view.{}]\ncategories = [{}]\n\n", quoted(&view), quoted(&view)));
    }
    add(format!("[team.{TEAM}]\ntitle = \"CPython\"\n\n[[team.{TEAM}.recipe.test.step]]\n"));
    add(format!("use = \"shell\"\nname = \"test\"\nwith = {{ command = {} }}\n\n", quoted(command)));
    for builder in builders {
        let tags: Vec<String> = builder.tags.iter().map(|tag| quoted(tag)).collect();
        add(format!("[team.{TEAM}.builder.{}]\nrecipe = \"test\"\n", quoted(&builder.name)));
        add(format!("categories = [{}]\nlabels = [{}]\n", tags.join(", "), quoted(&builder.worker)));
        if let Some(branch) = &builder.branch {
            add(format!("properties = {{ branch = {} }}\n", quoted(branch)));
        }
        add("\n".to_owned());
    }
    toml
}

/// A string as TOML writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => write!(quoted, "\\u{:04x}", u32::from(c)).expect("a String takes all"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
