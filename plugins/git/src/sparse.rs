//! A checkout of some directories only.

use crate::checkout::{Checkout, Stopped};
use crate::program::ended;
use weir_plugin_sdk::Context;

impl Checkout {
    /// Narrows the checkout to the wanted directories, or widens it again.
    pub fn narrow(&self, cx: &mut Context) -> Result<(), Stopped> {
        if let Some(directories) = &self.settings.sparse {
            // By standard input: what looks like an option is none there.
            let command = self.command(&[], &["sparse-checkout", "set", "--cone", "--stdin"]);
            let command = command.stdin(directories.join("\n") + "\n");
            return ended(cx.run(&command)?, "cannot narrow the checkout to the directories in `sparse`");
        }
        if cx.stat(&self.inside(".git/info/sparse-checkout"))?.is_some() {
            self.git(cx, &["sparse-checkout", "disable"], "cannot widen the checkout again")?;
            cx.capture(
                &weir_plugin_sdk::Command::program(["rm", "-f", "--", &self.inside(".git/info/sparse-checkout")]),
                0,
            )?;
        }
        Ok(())
    }
}
