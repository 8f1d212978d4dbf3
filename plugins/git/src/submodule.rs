//! Submodules: repositories whose addresses the code under test names.

use crate::checkout::{Checkout, Stopped};
use crate::name;
use crate::program::ended;
use crate::settings::Submodules;
use weir_plugin_sdk::Context;

/// What went wrong.
const FAILED: &str = "cannot update the submodules";

impl Checkout {
    /// Checks out the submodules of what is checked out.
    pub fn update_submodules(&self, cx: &mut Context, which: Submodules) -> Result<(), Stopped> {
        cx.summary("updating submodules")?;
        let recursive: &[&str] = if which == Submodules::Recursive { &["--recursive"] } else { &[] };
        // Their addresses may have changed since the build before.
        self.submodule(cx, &[&["submodule", "--quiet", "sync"], recursive].concat())?;
        let mut words = vec!["submodule", "update", "--init", "--force"];
        words.extend(recursive);
        let depth;
        if let Some(commits) = self.settings.depth {
            depth = format!("--depth={commits}");
            words.push(&depth);
        }
        self.submodule(cx, &words)?;
        let each = [&["submodule", "--quiet", "foreach"], recursive].concat();
        if let Some(flags) = self.settings.clean.flags() {
            self.submodule(cx, &[&each[..], &[&format!("git clean --quiet {flags}")]].concat())?;
        }
        if self.settings.lfs {
            self.submodule(
                cx,
                &[&each[..], &["git lfs install --local --skip-smudge --skip-repo --force && git lfs pull"]].concat(),
            )?;
        }
        Ok(())
    }

    /// Takes away what a build with other settings has checked out.
    pub fn leave_submodules(&self, cx: &mut Context) -> Result<(), Stopped> {
        if cx.stat(&self.inside(".git/modules"))?.is_none() {
            return Ok(());
        }
        self.submodule(cx, &["submodule", "--quiet", "deinit", "--all", "--force"])
    }

    /// A path of the worker's machine is followed only where the repository is one itself: what comes from elsewhere may not reach
    /// for the worker's files by the name of a submodule. Commands in disguise (`ext::`) are never followed, and git itself takes
    /// neither an address nor a path that looks like an option.
    fn submodule(&self, cx: &mut Context, words: &[&str]) -> Result<(), Stopped> {
        let is_local = name::is_local(&self.settings.repository);
        let files = if is_local { "protocol.file.allow=always" } else { "protocol.file.allow=never" };
        ended(cx.run(&self.command(&[files], words))?, FAILED)
    }
}
