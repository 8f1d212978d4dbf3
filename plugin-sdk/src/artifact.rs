//! Files that outlive the work directory.

use crate::context::Context;
use crate::error::HostError;
use crate::host::Host;

/// A file that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its name in the build.
    pub name: String,
    /// Its size; what is larger says `u32::MAX`.
    pub size_bytes: u32,
    /// Of its content, lower-case hex.
    pub sha256: String,
    /// Where people and programs fetch it.
    pub url: String,
}

impl Context {
    /// Copies a file of the work directory into the store, from the worker and not through the plugin. The name may hold slashes
    /// and is unique in the build. Needs `artifacts` and `command`.
    ///
    /// ```
    /// use weir_plugin_sdk::{Context, Error};
    ///
    /// fn keep(cx: &mut Context) -> Result<(), Error> {
    ///     for path in cx.glob("dist/*.tar.gz", 10)? {
    ///         let stored = cx.store_file(&path, &path)?;
    ///         cx.link(&stored.name, &stored.url)?;
    ///     }
    ///     Ok(())
    /// }
    /// # let script = weir_plugin_sdk::testing::Script::new().file("dist/a.tar.gz", "x");
    /// # keep(&mut script.context()).unwrap();
    /// # assert_eq!(script.artifact("dist/a.tar.gz"), Some(b"x".to_vec()));
    /// ```
    ///
    /// # Errors
    /// Where it is not granted, there is no such file, the name is taken or none, or there is no room.
    pub fn store_file(&mut self, path: &str, name: &str) -> Result<Artifact, HostError> {
        self.host().store_file(path, name)
    }

    /// Stores bytes that the plugin made. Needs `artifacts`.
    ///
    /// # Errors
    /// Where it is not granted, the name is taken or none, or there is no room.
    pub fn store_bytes(&mut self, name: &str, content: &[u8]) -> Result<Artifact, HostError> {
        self.host().store_bytes(name, content)
    }
}
