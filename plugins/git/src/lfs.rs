//! Files that Git LFS keeps elsewhere.

use crate::checkout::{Checkout, Stopped};
use crate::program::ANSWER_BYTES_MAX;
use weir_plugin_sdk::{Context, Error};

impl Checkout {
    /// Says early and clearly where the program is missing: git itself calls it no command of its own.
    pub fn find_lfs(&self, cx: &mut Context) -> Result<(), Stopped> {
        let found = cx.capture(&self.command(&[], &["lfs", "version"]).directory(None::<&str>), ANSWER_BYTES_MAX)?;
        if found.exit.is_success() {
            return Ok(());
        }
        let message = "`lfs = true` needs the program `git-lfs` on the build's worker, and it is not there: install it, or leave \
                       `lfs` out to check out pointers instead of files";
        Err(Stopped::Step(Error::failed(message)))
    }

    /// Fetches the files of what is checked out and puts them in the place of their pointers: all at once, so checking out leaves
    /// pointers. No hooks: they are for those who push.
    pub fn pull_lfs(&self, cx: &mut Context) -> Result<(), Stopped> {
        cx.summary("fetching files of Git LFS")?;
        let failed = "cannot fetch the files of Git LFS";
        self.git(cx, &["lfs", "install", "--local", "--skip-smudge", "--skip-repo", "--force"], failed)?;
        self.git(cx, &["lfs", "pull"], failed)
    }
}
