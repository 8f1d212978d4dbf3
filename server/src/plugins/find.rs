//! Where plugins lie: the file that the operator names, the site's folder, beside the binary.

use crate::config::plugin::{CommandGrant, Grants, Plugin};
use crate::config::server::Server;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Folders of bundled plugins, seen from the binary's own: as `cargo xtask build` leaves them, and as packages install them.
const BESIDE: [&str; 3] = ["plugins", "../plugins", "../share/weir/plugins"];
/// The list of digests and grants in such a folder.
const LIST: &str = "bundled.json";

/// What came with the binary. Its list of grants is trusted because it lies where the binary lies: who can change it there could
/// as well change the binary. No list of any other folder is read.
#[derive(Debug, Clone, Default)]
pub struct Bundled {
    dirs: Vec<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct List {
    plugins: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    sha256: String,
    #[serde(default)]
    grants: ListedGrants,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedGrants {
    command: Option<ListedCommand>,
    state: Option<bool>,
    trigger: Option<bool>,
    artifacts: Option<bool>,
    builds: Option<bool>,
}

/// `true`, or a list of programs; an empty one grants the files of the work directory and no program.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ListedCommand {
    Any(bool),
    Programs(Vec<String>),
}

impl ListedGrants {
    fn grants(self) -> Grants {
        let command = self.command.map(|command| match command {
            ListedCommand::Any(true) => CommandGrant::Any,
            ListedCommand::Any(false) => CommandGrant::Nothing,
            ListedCommand::Programs(programs) => CommandGrant::Programs(programs),
        });
        let Self { state, trigger, artifacts, builds, .. } = self;
        Grants { command, state, trigger, artifacts, builds, ..Grants::default() }
    }
}

impl Bundled {
    /// What lies beside this binary.
    pub fn beside(weir: &Path) -> Self {
        let Some(own) = weir.parent() else { return Self::default() };
        Self { dirs: BESIDE.iter().map(|dir| own.join(dir)).filter(|dir| dir.is_dir()).collect() }
    }

    /// Grants that belong to this content, whatever its name and wherever it lies; none where it did not come with the binary.
    pub fn grants(&self, sha256: &str) -> Option<Grants> {
        self.dirs.iter().find_map(|dir| {
            let path = dir.join(LIST);
            let text = std::fs::read_to_string(&path).ok()?;
            let list: List = serde_json::from_str(&text)
                .inspect_err(|error| tracing::warn!("{} grants nothing: {error}", path.display()))
                .ok()?;
            let listed = list.plugins.into_iter().find(|listed| listed.sha256 == sha256)?;
            Some(listed.grants.grants())
        })
    }

    /// The file of the plugin `name`; none where there is none.
    pub fn find(&self, name: &str, table: &Plugin, server: &Server) -> Option<PathBuf> {
        // A name is a file's name, never a way to one.
        crate::model::name::check_plain(name).ok()?;
        if let Some(file) = &table.file {
            return Some(file.clone());
        }
        let file = format!("{name}.wasm");
        self.dirs_with(server).map(|dir| dir.join(&file)).find(|path| path.is_file())
    }

    /// Names of every plugin that is there.
    pub fn names(&self, server: &Server) -> Vec<String> {
        let mut names = BTreeSet::new();
        for dir in self.dirs_with(server) {
            let Ok(entries) = std::fs::read_dir(dir) else { continue };
            for path in entries.flatten().map(|entry| entry.path()) {
                if path.extension().is_some_and(|e| e == "wasm")
                    && let Some(name) = path.file_stem().and_then(|name| name.to_str())
                    && crate::model::name::check_plain(name).is_ok()
                {
                    names.insert(name.to_owned());
                }
            }
        }
        names.into_iter().collect()
    }

    fn dirs_with<'a>(&'a self, server: &'a Server) -> impl Iterator<Item = &'a Path> {
        server.plugin_dir.iter().chain(&self.dirs).map(PathBuf::as_path)
    }
}
