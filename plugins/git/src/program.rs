//! How git is called: what it may never do, where its output goes, and what its end means.

use crate::checkout::{Checkout, Stopped};
use crate::name;
use weir_plugin_sdk::{Command, Context, Error, Exit};

/// Answers of git that are read are this short.
pub const ANSWER_BYTES_MAX: usize = 4 << 10;
/// Reads a repository that belongs to another user. It must reach `upload-pack` itself, which trusts neither a repository's own
/// configuration nor one in the environment, and runs nothing of the repository. A part of a repository may be had of it.
pub const UPLOAD_PACK: &str = "git -c 'safe.directory=*' -c uploadpack.allowFilter=true upload-pack";
/// Ways to a repository that are commands in disguise: git's own defaults, held against a worker's configuration that loosens them.
const NEVER: [&str; 2] = ["protocol.ext.allow=never", "protocol.fd.allow=never"];

impl Checkout {
    /// A command of git in the place of the checkout, with these settings for this once.
    pub fn command(&self, settings: &[&str], words: &[&str]) -> Command {
        let mut all = vec!["git"];
        for setting in NEVER.iter().chain(settings) {
            all.extend(["-c", setting]);
        }
        let lazy;
        if self.settings.filter.is_some() && name::is_local(&self.settings.repository) {
            // What a partial clone left out is fetched by whatever needs it.
            lazy = ["remote.origin.uploadpack=", UPLOAD_PACK].concat();
            all.extend(["-c", &lazy]);
        }
        all.extend(words);
        Command::program(all).directory(self.directory.as_deref()).env("GIT_TERMINAL_PROMPT", "0")
    }

    /// Runs git with its output in the log.
    pub fn git(&self, cx: &mut Context, words: &[&str], failed: &str) -> Result<(), Stopped> {
        ended(cx.run(&self.command(&[], words))?, failed)
    }

    /// Runs git and reads its answer.
    pub fn ask(&self, cx: &mut Context, words: &[&str]) -> Result<String, Stopped> {
        let captured = cx.capture(&self.command(&[], words), ANSWER_BYTES_MAX)?;
        ended(captured.exit.clone(), &format!("cannot read {}", self.shown()))?;
        Ok(captured.text())
    }

    /// The repository as messages name it.
    pub fn shown(&self) -> String {
        name::shown(&self.settings.repository)
    }
}

/// What a command's end means for the step.
pub fn ended(exit: Exit, failed: &str) -> Result<(), Stopped> {
    match exit {
        Exit::Code(0) => Ok(()),
        Exit::Lost(why) => Err(Stopped::Step(Error::Retryable(why))),
        exit => Err(Stopped::Git(format!("{failed}: git {exit}"))),
    }
}
