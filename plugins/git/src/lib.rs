//! The step plugin `git`: checks out the source into the work directory and keeps it between builds.

/// What git is asked to do.
mod checkout;
/// Names that could be taken for something else.
mod name;
#[cfg(test)]
mod tests;

use checkout::Checkout;
use schemars::JsonSchema;
use serde::Deserialize;
use weir_plugin_sdk::{Capability, Context, Error, Outcome, Step};

/// What stands under `with`. An empty string is as good as none, so that `{{branch}}` may be empty.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the code is: a URL, or a path (relative to the configuration file).
    #[schemars(length(min = 1), extend("format" = "path-or-url"))]
    pub repository: String,
    /// Branch (or tag) to check out; none is the build's, then the repository's default branch.
    pub branch: Option<String>,
    /// Exact revision to check out; none is the build's, then the branch's newest.
    pub revision: Option<String>,
    /// Tag to check out, whatever branch and revision the build has.
    pub tag: Option<String>,
    /// Folder in the work directory; none is the work directory itself.
    pub directory: Option<String>,
    /// Remove what is not under version control, ignored files too, as `git clean -ffdx` does.
    #[serde(default = "yes")]
    pub clean: bool,
    /// Fetch only so many commits of history.
    #[schemars(range(min = 1))]
    pub depth: Option<u32>,
    /// Check out submodules, recursively.
    #[serde(default)]
    pub submodules: bool,
    /// Follow the build's own branch and revision; false for a second repository that has nothing to do with them.
    #[serde(default = "yes")]
    pub source_stamp: bool,
}

fn yes() -> bool {
    true
}

/// The step.
pub struct Git;

impl Step for Git {
    type Settings = Settings;
    const NAME: &'static str = "git";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Checks out source code with git";
    const CAPABILITIES: &'static [Capability] =
        &[Capability::command("runs git"), Capability::workspace("looks whether there is a clone already")];
    const SETTINGS_SCHEMA: Option<&'static str> = Some(include_str!("settings.json"));

    fn run(cx: &mut Context, settings: Settings) -> Result<Outcome, Error> {
        let checkout = Checkout::new(cx.build(), settings)?;
        let done = match checkout.run(cx) {
            Ok(done) => done,
            Err(checkout::Stopped::Step(error)) => return Err(error),
            Err(checkout::Stopped::Git(summary)) => return Ok(Outcome::failure(summary)),
        };
        cx.set_property("got_revision", done.revision.clone())?;
        Ok(Outcome::success(done.summary()))
    }
}

weir_plugin_sdk::export_step!(Git);
