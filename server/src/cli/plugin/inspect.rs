//! `weir plugin inspect`: what a component is, wants and would get.

use super::granted::Granted;
use super::table::settings_table;
use crate::clock::SystemClock;
use crate::config::plugin::{CommandGrant, Limits, Plugin};
use crate::config::server::Server;
use crate::model::size::Size;
use crate::plugins::Catalogue;
use crate::plugins::inspection::Inspection;
use crate::plugins::power::Powers;
use anyhow::Context;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  weir plugin inspect line_count.wasm
  weir plugin inspect line_count.wasm --config weir.toml    what it gets from this configuration
  weir plugin inspect line_count.wasm --json                everything, with the whole schema, for programs";

/// Says what a component is, what it wants and why, which settings it takes, and what it would get: from `--config`, from flags, or,
/// without both, what comes with the content of a bundled plugin. A file that cannot be used is refused as the server would.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Inspect {
    #[command(flatten)]
    granted: Granted,
    /// Everything as JSON.
    #[arg(long)]
    json: bool,
}

impl Inspect {
    /// Prints it.
    ///
    /// # Errors
    /// Where the component cannot be used, in the words of the loader.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (name, table) = (self.granted.name()?, self.granted.table()?);
        let inspection = look(&name, &table)?;
        let text = if self.json {
            format!("{:#}\n", as_json(&inspection, &table.limits))
        } else {
            as_text(&self.granted.file.display().to_string(), &name, &inspection, &table.limits)
        };
        std::io::stdout().lock().write_all(text.as_bytes()).context("printing")?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What its author wants to see of a component that was built just now: its name, and what it says of itself and wants, in a few lines.
///
/// # Errors
/// Where the component cannot be used, in the words of the loader.
pub fn summary(file: &Path) -> anyhow::Result<(String, String)> {
    let granted = Granted::of(file.to_owned());
    let (name, table) = (granted.name()?, granted.table()?);
    let said = look(&name, &table)?.descriptor;
    let mut text = format!("{} {}: {}", said.name, said.version, said.summary);
    for wanted in &said.capabilities {
        text.push_str(&format!("\n  wants {}: {}", wanted.kind, wanted.reason));
    }
    Ok((name, text))
}

fn look(name: &str, table: &Plugin) -> anyhow::Result<Inspection> {
    let empty = tempfile::tempdir().context("making a temporary folder")?;
    let weir = std::env::current_exe().context("finding this program's own file")?;
    let catalogue = Catalogue::new(weir, Arc::new(SystemClock)).context("preparing to look at plugins")?;
    // Nothing cached: how long it takes to compile is part of the answer.
    let server = Server { state_dir: empty.path().to_owned(), ..super::test::server(empty.path()) };
    Ok(catalogue.inspect(name, table, &server)?)
}

fn as_text(file: &str, name: &str, plugin: &Inspection, limits: &Limits) -> String {
    let mut text = String::new();
    write_text(&mut text, file, name, plugin, limits).expect("writing to a string never fails");
    text
}

fn write_text(
    text: &mut String,
    file: &str,
    name: &str,
    plugin: &Inspection,
    limits: &Limits,
) -> Result<(), std::fmt::Error> {
    let said = &plugin.descriptor;
    let kind = if said.is_step { "step" } else { "reporter" };
    writeln!(text, "{} {}, a {kind}: {}", said.name, said.version, said.summary)?;
    let (size, compiled, loaded) =
        (kibibytes(plugin.size_bytes), plugin.compiled_in.as_secs_f64(), plugin.loaded_in.as_secs_f64());
    writeln!(text, "  file      {file}, {size}")?;
    writeln!(text, "  sha256    {}", plugin.sha256)?;
    writeln!(text, "  compiled  in {compiled:.3} s; loaded from the cache in {:.1} ms", loaded * 1e3)?;
    if let Some(needs) = plugin.needs {
        let (memory, max) = (Size(needs.memory_bytes), limits.memory);
        writeln!(text, "  memory    {memory} from the start, of {max} (`memory`)")?;
    }
    writeln!(text, "\nwants beyond its sandbox, and would get as `[plugin.{name}]`{}", origin(plugin))?;
    if said.capabilities.is_empty() {
        writeln!(text, "  nothing")?;
    }
    for wanted in &said.capabilities {
        writeln!(text, "  {:<10} {}: {}", wanted.kind, granted(&wanted.kind, &plugin.powers), wanted.reason)?;
    }
    writeln!(text, "\nsettings (under `with`)")?;
    text.push_str(&settings_table(&said.settings_schema));
    writeln!(text, "\nimports   {}", plugin.imports.join("\n          "))?;
    writeln!(text, "exports   {}", plugin.exports.join("\n          "))
}

fn origin(plugin: &Inspection) -> &'static str {
    if plugin.is_bundled { " (its content came with this program, and grants with it)" } else { "" }
}

/// What of a capability is granted, for people; the key of the table where it is not.
fn granted(kind: &str, powers: &Powers) -> String {
    let flag = |is_granted: bool, key: &str| {
        if is_granted { "granted".to_owned() } else { format!("not granted (`{key} = true` would)") }
    };
    match kind {
        "command" | "workspace" => match &powers.command {
            Some(CommandGrant::Any) => "granted, any program".to_owned(),
            Some(CommandGrant::Programs(programs)) => format!("granted, only {}", programs.join(", ")),
            _ => "not granted (`command = true` would, or a list of programs)".to_owned(),
        },
        "http" if powers.http.is_empty() => "not granted (`http = [\"HOST:PORT\"]` would)".to_owned(),
        "http" => format!("granted, {}", powers.http.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        "state" => flag(powers.state, "state"),
        "trigger" => flag(powers.trigger, "trigger"),
        "artifacts" => flag(powers.artifacts, "artifacts"),
        "builds" => flag(powers.builds, "builds"),
        "secret-reveal" => flag(powers.reveal, "reveal"),
        _ => "unknown to this server".to_owned(),
    }
}

fn kibibytes(bytes: usize) -> String {
    format!("{} KiB ({bytes} bytes)", bytes.div_ceil(1024))
}

fn as_json(plugin: &Inspection, limits: &Limits) -> Value {
    let said = &plugin.descriptor;
    let capabilities: Vec<Value> = said
        .capabilities
        .iter()
        .map(|wanted| json!({ "kind": wanted.kind, "reason": wanted.reason, "granted": granted(&wanted.kind, &plugin.powers) }))
        .collect();
    json!({
        "name": said.name,
        "version": said.version,
        "kind": if said.is_step { "step" } else { "reporter" },
        "summary": said.summary,
        "capabilities": capabilities,
        "settings_schema": *said.settings_schema,
        "imports": plugin.imports,
        "exports": plugin.exports,
        "size_bytes": plugin.size_bytes,
        "sha256": plugin.sha256,
        "bundled": plugin.is_bundled,
        "granted": powers_json(&plugin.powers),
        "needs": plugin.needs.map(|needs| json!({ "memory_bytes": needs.memory_bytes, "table_elements": needs.table_elements })),
        "limits": { "memory_bytes": limits.memory.0, "table_elements": limits.table_elements },
        "compiled_in_s": plugin.compiled_in.as_secs_f64(),
        "loaded_in_s": plugin.loaded_in.as_secs_f64(),
    })
}

fn powers_json(powers: &Powers) -> Value {
    let command = match &powers.command {
        Some(CommandGrant::Any) => json!(true),
        Some(CommandGrant::Programs(programs)) => json!(programs),
        _ => json!(false),
    };
    json!({
        "command": command,
        "http": powers.http.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "state": powers.state,
        "trigger": powers.trigger,
        "artifacts": powers.artifacts,
        "builds": powers.builds,
        "reveal": powers.reveal,
    })
}
