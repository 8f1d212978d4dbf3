//! The step plugin `git`: checks out the source into the work directory and keeps it between builds.

/// What git is asked to do.
mod checkout;
/// What is fetched.
mod fetch;
/// Files that Git LFS keeps elsewhere.
mod lfs;
/// Names that could be taken for something else.
mod name;
/// How git is called.
mod program;
/// What the configuration says.
mod settings;
/// A checkout of some directories only.
mod sparse;
/// Submodules.
mod submodule;
#[cfg(test)]
mod tests;

use checkout::Checkout;
use settings::Settings;
use weir_plugin_sdk::{Capability, Context, Error, Outcome, Step};

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
