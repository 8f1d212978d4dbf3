//! Status, as the plugin's team may see it: the documents of the JSON API. Needs `builds`.

use crate::error::HostError;
use crate::host::Host;
use crate::outside::Outside;
use serde_json::Value;

/// Asks for status; [`Outside::builds`] makes it.
pub struct Builds<'a> {
    outside: &'a mut Outside,
}

impl Outside {
    /// Status of builders and builds.
    ///
    /// ```
    /// use weir_plugin_sdk::{Context, Error};
    ///
    /// /// Whether the build before was good.
    /// fn was_good(cx: &mut Context) -> Result<bool, Error> {
    ///     let (builder, number) = (cx.build().builder.clone(), cx.build().number);
    ///     let before = cx.builds().build(&builder, number - 1)?;
    ///     Ok(before["results"] == 0)
    /// }
    /// # use weir_plugin_sdk::{Build, testing::Script};
    /// # let build = Build { builder: "linux".into(), number: 8, ..Build::default() };
    /// # let script = Script::new().build(build).status("linux/7", serde_json::json!({ "results": 0 }));
    /// # assert_eq!(was_good(&mut script.context()), Ok(true));
    /// ```
    pub fn builds(&mut self) -> Builds<'_> {
        Builds { outside: self }
    }
}

impl Builds<'_> {
    /// A builder: `name` of the own team, or `team/name`.
    ///
    /// # Errors
    /// Where it is not granted, or there is none that the team may see.
    pub fn builder(&mut self, name: &str) -> Result<Value, HostError> {
        self.outside.host().builder_status(name)
    }

    /// A build with its steps.
    ///
    /// # Errors
    /// Where it is not granted, or there is none that the team may see.
    pub fn build(&mut self, builder: &str, number: u32) -> Result<Value, HostError> {
        self.outside.host().build_status(builder, number)
    }

    /// A builder's newest builds, finished and running, newest first; at most 100.
    ///
    /// # Errors
    /// Where it is not granted, or there is none that the team may see.
    pub fn recent(&mut self, builder: &str, max: u32) -> Result<Vec<Value>, HostError> {
        self.outside.host().recent_builds(builder, max)
    }

    /// A view: `{view, builders}`.
    ///
    /// # Errors
    /// Where it is not granted, or there is none that the team may see.
    pub fn view(&mut self, name: &str) -> Result<Value, HostError> {
        self.outside.host().view_status(name)
    }
}
