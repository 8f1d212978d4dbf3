//! What a plugin implements.

use crate::capability::Capability;
use crate::context::Context;
use crate::error::Error;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// One kind of step. Each call gets a fresh instance of the component: nothing is kept from one call to the next, but what is put
/// into [`crate::state`].
///
/// A step that makes documentation, and whose result is `warnings` where the tool warned:
///
/// ```
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use weir_plugin_sdk::{Capability, CommandLine, Context, Error, LineFilter, Outcome, Step};
///
/// /// What the configuration says under `with`.
/// #[derive(Deserialize, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Settings {
///     /// What makes the documentation.
///     command: CommandLine,
/// }
///
/// struct Docs;
///
/// impl Step for Docs {
///     type Settings = Settings;
///     const NAME: &'static str = "docs";
///     const VERSION: &'static str = "0.1.0";
///     const SUMMARY: &'static str = "Makes documentation and counts what is wrong with it";
///     const CAPABILITIES: &'static [Capability] = &[Capability::command("runs what makes the documentation")];
///
///     fn run(cx: &mut Context, settings: Settings) -> Result<Outcome, Error> {
///         let mut n_warnings = 0;
///         let wanted = LineFilter::patterns(["^warning: (.*)"]);
///         let exit = cx.find_lines(&settings.command.command(), &wanted, |_| n_warnings += 1)?;
///         cx.statistic("warnings", f64::from(n_warnings))?;
///         Ok(match settings.command.failure(&exit, &[0])? {
///             Some(failure) => failure,
///             None if n_warnings > 0 => Outcome::warnings(format!("{n_warnings} warnings")),
///             None => Outcome::success("made"),
///         })
///     }
/// }
///
/// weir_plugin_sdk::export_step!(Docs);
///
/// use weir_plugin_sdk::testing::Script;
/// let script = Script::new().prints(["mkdocs"], "one\nwarning: dead link\n");
/// let settings = serde_json::from_str(r#"{ "command": ["mkdocs", "build"] }"#).unwrap();
/// assert_eq!(Docs::run(&mut script.context(), settings).unwrap(), Outcome::warnings("1 warnings"));
/// assert_eq!(script.statistic("warnings"), Some(1.0));
/// ```
pub trait Step {
    /// What stands under `with` in the configuration. Derive `JsonSchema` and deny unknown fields: a misspelt setting is then found
    /// by `weir check`. `#[schemars(extend("format" = "shell"))]` marks lines for the shell, `"path-or-url"` repositories.
    type Settings: DeserializeOwned + JsonSchema;
    /// What the plugin calls itself.
    const NAME: &'static str;
    /// The plugin's version.
    const VERSION: &'static str;
    /// One sentence.
    const SUMMARY: &'static str;
    /// What it wants to do; whatever it uses without naming it here refuses the load.
    const CAPABILITIES: &'static [Capability];
    /// The JSON Schema of the settings as text, from a file (`Some(include_str!("settings.json"))`) that a test holds against
    /// [`settings_schema`]. Without it the component makes its schema when it is asked, and the code for that nearly doubles it.
    const SETTINGS_SCHEMA: Option<&'static str> = None;

    /// Runs the step.
    ///
    /// # Errors
    /// Where the plugin could not do its work; a red build is [`Outcome::failure`].
    fn run(cx: &mut Context, settings: Self::Settings) -> Result<Outcome, Error>;
}

/// What a step found. Exception, retry and cancelled are the server's to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All good.
    Success,
    /// Good, with something to look at.
    Warnings,
    /// The thing under test is broken.
    Failure,
    /// There was nothing to do.
    Skipped,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What it found.
    pub verdict: Verdict,
    /// A few words for people; at most 4 KiB.
    pub summary: String,
}

impl Outcome {
    /// All good.
    pub fn success(summary: impl Into<String>) -> Self {
        Self { verdict: Verdict::Success, summary: summary.into() }
    }

    /// Good, with something to look at.
    pub fn warnings(summary: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warnings, summary: summary.into() }
    }

    /// The thing under test is broken.
    pub fn failure(summary: impl Into<String>) -> Self {
        Self { verdict: Verdict::Failure, summary: summary.into() }
    }

    /// There was nothing to do.
    pub fn skipped(summary: impl Into<String>) -> Self {
        Self { verdict: Verdict::Skipped, summary: summary.into() }
    }
}

/// The JSON Schema of a step's settings, as the descriptor carries it.
pub fn settings_schema<S: Step>() -> Value {
    schema_of::<S::Settings>()
}

/// A JSON Schema in one piece.
pub(crate) fn schema_of<T: JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}
