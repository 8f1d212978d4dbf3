//! What a plugin gets: by flags that are the keys of its table, or as a configuration says. Read by the code that reads configurations,
//! so that what works here works there.

use crate::cli::local;
use crate::config::document::from_toml;
use crate::config::plugin::Plugin;
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};

/// Which component, and what it gets.
#[derive(Debug, clap::Args)]
pub struct Granted {
    /// The component, as `weir plugin build` makes it.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What the site calls it: the NAME of `[plugin.NAME]`. Without this it is the file's name.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Gives it what `[plugin.NAME]` of this configuration says.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["grant", "command"])]
    pub config: Option<PathBuf>,
    /// Gives it one key of `[plugin.NAME]`: `--grant state`, `--grant http=example.org:443`, `--grant memory=128MiB`.
    #[arg(long, value_name = "KEY[=VALUE]")]
    pub grant: Vec<String>,
    /// Lets it run commands: any, or only these programs.
    #[arg(long, value_name = "PROGRAM", num_args = 0..)]
    pub command: Option<Vec<String>>,
}

impl Granted {
    /// A component that gets nothing.
    pub fn of(file: PathBuf) -> Self {
        Self { file, name: None, config: None, grant: Vec::new(), command: None }
    }

    /// The plugin's name in `[plugin.NAME]`.
    ///
    /// # Errors
    /// Where the file's name is no plugin's name.
    pub fn name(&self) -> anyhow::Result<String> {
        let stem = self.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let name = self.name.clone().unwrap_or(stem);
        crate::model::name::check_plain(&name).context("give it a name with `--name`")?;
        Ok(name)
    }

    /// Its table, with the file that was named.
    ///
    /// # Errors
    /// Where a key or a value fits no `[plugin.NAME]`, or the configuration cannot be used.
    pub fn table(&self) -> anyhow::Result<Plugin> {
        let name = self.name()?;
        let file = std::path::absolute(&self.file).with_context(|| format!("finding {}", self.file.display()))?;
        let table = match &self.config {
            Some(config) => local::config(config)?.plugins.get(&name).cloned().unwrap_or_default(),
            None => by_flags(&name, &self.lines())?,
        };
        Ok(Plugin { file: Some(file), ..table })
    }

    /// The flags as lines of TOML.
    fn lines(&self) -> Vec<String> {
        let command = self.command.as_ref().map(|programs| match programs.as_slice() {
            [] => "command = true".to_owned(),
            programs => format!("command = {}", list(programs.iter().map(String::as_str))),
        });
        command.into_iter().chain(self.grant.iter().map(|grant| line(grant))).collect()
    }
}

/// `KEY`, `KEY=VALUE` in TOML, or `KEY=VALUE` as one types it: bare words and lists with commas.
fn line(grant: &str) -> String {
    let Some((key, value)) = grant.split_once('=') else { return format!("{grant} = true") };
    let (key, value) = (key.trim(), value.trim());
    if from_toml(&format!("x = {value}")).is_ok() {
        return format!("{key} = {value}");
    }
    let is_list = matches!(key, "http" | "command" | "teams") || value.contains(',');
    let value = if is_list { list(value.split(',').map(str::trim)) } else { quoted(value) };
    format!("{key} = {value}")
}

fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", words.map(quoted).collect::<Vec<_>>().join(", "))
}

/// A JSON string is a TOML string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn by_flags(name: &str, lines: &[String]) -> anyhow::Result<Plugin> {
    let dir = tempfile::tempdir().context("making a temporary folder")?;
    let file = dir.path().join("weir.toml");
    let text = format!("[plugin.{}]\n{}\n", quoted(name), lines.join("\n"));
    std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
    let loaded = read(&file);
    let wrong: Vec<String> = loaded.diagnostics.iter().filter(|d| d.is_error()).map(|d| d.message.clone()).collect();
    match loaded.config {
        Some(config) if wrong.is_empty() => Ok(config.plugins.get(name).cloned().unwrap_or_default()),
        _ => bail!(
            "these flags make no `[plugin.{name}]`: {}\n  {}\n`weir plugin test --help` shows what they look like",
            wrong.join("; "),
            lines.join("\n  ")
        ),
    }
}

/// Without the environment: its `WEIR_` variables are of a server, and no server is asked here.
fn read(file: &Path) -> crate::config::Loaded {
    crate::config::load(file, [], &local::AnyPlugin)
}

#[cfg(test)]
mod tests {
    use super::{by_flags, line};
    use crate::config::plugin::CommandGrant;

    #[test]
    fn flags_are_the_keys_of_the_plugins_table() {
        let lines = ["command=make,cc", "http=example.org:443", "state", "memory=128MiB", "cpu=20s"].map(line);
        let table = by_flags("x.y", &lines).unwrap();
        let programs = CommandGrant::Programs(vec!["make".into(), "cc".into()]);
        assert_eq!(table.grants.command, Some(programs));
        assert_eq!((table.grants.http, table.grants.state), (vec!["example.org:443".parse().unwrap()], Some(true)));
        assert_eq!((table.limits.memory.0, table.limits.cpu.as_secs()), (128 << 20, 20));
        assert_eq!(by_flags("x", &[]).unwrap().grants, crate::config::plugin::Grants::default());
    }

    #[test]
    fn a_flag_that_is_no_key_is_refused_with_what_it_would_be() {
        let said = by_flags("x", &[line("comand=make")]).unwrap_err().to_string();
        assert!(said.contains("unknown key `comand`") && said.contains("comand = \"make\""), "{said}");
        let said = by_flags("x", &[line("memory=much")]).unwrap_err().to_string();
        assert!(said.contains("memory = \"much\""), "{said}");
    }
}
