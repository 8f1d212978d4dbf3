//! Write Weir plugins in Rust: implement [`Step`] (or [`Reporter`], for telling others what happened), export it, build for
//! `wasm32-unknown-unknown`.
//!
//! ```
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//! use weir_plugin_sdk::{Capability, Command, Context, Error, Outcome, Step};
//!
//! /// What the configuration says under `with`.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Settings {
//!     /// The target to make.
//!     target: String,
//! }
//!
//! struct Make;
//!
//! impl Step for Make {
//!     type Settings = Settings;
//!     const NAME: &'static str = "make";
//!     const VERSION: &'static str = "0.1.0";
//!     const SUMMARY: &'static str = "Runs make";
//!     const CAPABILITIES: &'static [Capability] = &[Capability::command("runs make on the build's worker")];
//!
//!     fn run(cx: &mut Context, settings: Settings) -> Result<Outcome, Error> {
//!         let exit = cx.run(&Command::program(["make", "--", &settings.target]))?;
//!         Ok(if exit.is_success() { Outcome::success("made") } else { Outcome::failure(format!("make {exit}")) })
//!     }
//! }
//!
//! weir_plugin_sdk::export_step!(Make);
//!
//! // The same step against a scripted host, natively:
//! use weir_plugin_sdk::testing::Script;
//! let script = Script::new().exits(["make"], 2);
//! let outcome = Make::run(&mut script.context(), Settings { target: "all".into() }).unwrap();
//! assert_eq!(outcome, Outcome::failure("make exited with 2"));
//! assert_eq!(script.commands(), ["make -- all"]);
//! ```
//!
//! What a step may ask for, and where it stands:
//!
//! | to | use | needs granted |
//! |---|---|---|
//! | run a command, its output straight in the log | [`Context::run`] with a [`Command`], or a [`CommandLine`] from the settings | `command` |
//! | read what a command prints | [`Context::capture`]; [`Context::find_lines`] for the lines that fit, found by the host | `command` |
//! | touch files of the work directory | [`Context::upload`], [`Context::download`], [`Context::glob`] ... in [`workspace`] | `command` |
//! | say something | [`Outside::log`], [`Context::append`] to a log of its own, [`Context::summary`], [`Context::link`] | |
//! | keep a number or test results | [`Context::statistic`], [`Context::report_tests`] | |
//! | read and set properties | [`Context::property`], [`Context::set_property`] | |
//! | keep files | [`Context::store_file`], [`Context::store_bytes`] | `artifacts` |
//! | pass on a secret of the settings | [`Secret`] in the settings; [`Text`] where either will do | |
//! | call a service | [`Outside::send`] with a [`http::Request`] | `http`, host by host |
//! | ask for status | [`Outside::builds`] | `builds` |
//! | start other builds, wait for them | [`Context::trigger`], [`Context::wait_for`] | `trigger` |
//! | remember something | [`Outside::state`] | `state` |
//! | wait, tell the time, roll dice | [`Outside::sleep`], [`Outside::now`], [`Outside::random_bytes`] | |
//!
//! A plugin can do nothing by itself: everything goes through [`Context`], and what it uses of that must stand in
//! [`Step::CAPABILITIES`] and be granted by the operator. Only what is used is imported, so unused capabilities need no grant.
//! The contract itself is the WIT package beside this crate, in `wit/`.

// The generated code names this crate by its name, also from within.
extern crate self as weir_plugin_sdk;

/// What a step implements.
pub mod step;

/// What a reporter implements.
pub mod reporter;

/// What a plugin says it wants to do.
pub mod capability;
/// What a step may ask for, in Rust clothes.
pub mod context;
/// The part of it that every kind of plugin has.
pub mod outside;

/// Files that outlive the work directory.
pub mod artifact;
/// Status, as the plugin's team may see it.
pub mod builds;
/// What runs on the build's worker.
pub mod command;
/// A command as settings write it.
pub mod command_line;
/// Calls of services.
pub mod http;
/// Lines of a command's output, found by the host.
pub mod lines;
/// Names of a regular expression's groups.
pub mod pattern;
/// Secrets that the settings hand over.
pub mod secret;
/// A small state that outlives the call.
pub mod state;
/// What tests said.
pub mod test_results;
/// Builds of other builders.
pub mod trigger;
/// Files of the work directory.
pub mod workspace;

/// Why a step could not do its work.
pub mod error;
/// The seam between a plugin and whoever runs it.
pub mod host;
/// A scripted host for native unit tests.
#[cfg(not(target_family = "wasm"))]
pub mod testing;

/// Bindings and the real host; only inside a component.
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod guest;

pub use artifact::Artifact;
pub use capability::Capability;
pub use command::{Captured, Channel, Command, Exit};
pub use command_line::CommandLine;
pub use context::{Build, Context};
pub use error::{Error, HostError, Refusal};
pub use host::Level;
pub use lines::{Line, LineFilter, Lines};
pub use outside::Outside;
pub use reporter::{ReportContext, Reporter};
pub use secret::{Secret, Text};
pub use step::{Outcome, Step, Verdict, settings_schema};
pub use test_results::{TestCase, TestOutcome};
pub use workspace::FileStat;

/// Makes a component of a [`Step`]: `weir_plugin_sdk::export_step!(MyStep);`, once in the crate. Does nothing natively.
#[macro_export]
macro_rules! export_step {
    ($step:ty) => {
        #[cfg(target_family = "wasm")]
        #[doc(hidden)]
        mod __weir_component {
            pub struct Component;
            impl $crate::guest::bindings::exports::weir::plugin::metadata::Guest for Component {
                fn describe() -> $crate::guest::bindings::exports::weir::plugin::metadata::Descriptor {
                    $crate::guest::describe::<$step>()
                }
            }
            impl $crate::guest::bindings::exports::weir::plugin::step_handler::Guest for Component {
                fn run(
                    context: $crate::guest::bindings::exports::weir::plugin::step_handler::Context,
                ) -> Result<
                    $crate::guest::bindings::exports::weir::plugin::step_handler::Outcome,
                    $crate::guest::bindings::weir::plugin::types::PluginError,
                > {
                    $crate::guest::run::<$step>(context)
                }
            }
            use super::*;
            $crate::guest::bindings::export!(Component with_types_in $crate::guest::bindings);
        }
    };
}
