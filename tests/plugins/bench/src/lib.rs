//! A step that keeps the host busy in ways that can be measured: calls, lines, waiting.

use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;
use weir_plugin_sdk::command::OutputMode;
use weir_plugin_sdk::{Capability, Command, Context, Error, LineFilter, Outcome, Step};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Asks the host so often whether the build was stopped.
    #[serde(default)]
    calls: u32,
    /// Runs this command.
    #[serde(default)]
    command: Option<Vec<String>>,
    /// Reads the lines of the command that begin so, instead of letting them go to the log.
    #[serde(default)]
    prefix: Option<String>,
    /// Says `up` and waits until the build is stopped.
    #[serde(default)]
    wait: bool,
}

struct Bench;

impl Step for Bench {
    type Settings = Settings;
    const NAME: &'static str = "bench";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Keeps the host busy";
    const CAPABILITIES: &'static [Capability] = &[Capability::command("runs the command whose lines are measured")];

    fn run(cx: &mut Context, settings: Settings) -> Result<Outcome, Error> {
        for _ in 0..settings.calls {
            if cx.cancelled() {
                break;
            }
        }
        let mut n_lines = 0_u32;
        if let Some(words) = settings.command {
            let command = Command::program(words);
            match settings.prefix {
                None => drop(cx.run(&command)?),
                Some(prefix) => {
                    let command = command.output(OutputMode::Capture);
                    drop(cx.find_lines(&command, &LineFilter::prefixes([prefix]), |_| n_lines += 1)?);
                }
            }
        }
        if settings.wait {
            cx.summary("up")?;
            while !cx.cancelled() {
                cx.sleep(Duration::from_secs(3_600));
            }
        }
        Ok(Outcome::success(n_lines.to_string()))
    }
}

weir_plugin_sdk::export_step!(Bench);
