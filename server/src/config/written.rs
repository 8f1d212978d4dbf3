//! What was written where a configuration came from, kept whole, so that another program can tell what would follow from the files as
//! they are now: `state_dir/in_force.json` of a running server, or a former folder of files.

use super::diagnostic::Diagnostic;
use super::load::Input;
use super::source::{File, Kind};
use super::team_texts::TeamTexts;
use super::{Config, Loaded, PluginCatalogue, files, last_good, layer};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// What a server has in force.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Written {
    dir: PathBuf,
    files: Vec<File>,
    /// The variables that are configuration, and no others.
    environment: Vec<(String, String)>,
    texts: TeamTexts,
}

/// Where a server with this `state_dir` keeps what it has in force.
pub fn in_force_file(state_dir: &Path) -> PathBuf {
    state_dir.join("in_force.json")
}

impl Written {
    /// What made `input` to `config`. Of a team whose files are broken, what it is instead.
    pub fn of(input: &Input, config: &Config) -> Self {
        let is_kept = |file: &&File| !file.team().is_some_and(|team| config.kept_teams.contains(team));
        let mut files: Vec<File> = input.files.iter().filter(is_kept).cloned().collect();
        let texts = &config.team_texts;
        let kept = config.kept_teams.iter().filter_map(|team| Some((team, texts.get(team)?)));
        files.extend(kept.flat_map(|(team, text)| text.to_files(team)));
        let environment = input.environment.iter().filter(|(name, _)| layer::is_configuration(name)).cloned().collect();
        Self { dir: input.dir.clone(), files, environment, texts: texts.as_ref().clone() }
    }

    /// Keeps it in `state_dir`, whole or not at all, for its owner's eyes: addresses of databases hold passwords.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep(&self, state_dir: &Path) -> io::Result<()> {
        // Drafts are made for their owner only.
        let draft = tempfile::NamedTempFile::new_in(state_dir)?;
        serde_json::to_writer(io::BufWriter::new(draft.as_file()), self)?;
        draft.persist(in_force_file(state_dir))?;
        Ok(())
    }

    /// What a server keeps in `state_dir`.
    ///
    /// # Errors
    /// Where it is not there, or no server of this version wrote it.
    pub fn read(state_dir: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(in_force_file(state_dir))?)?)
    }

    /// Loads it again.
    pub fn load(&self, environment: Vec<(String, String)>, catalogue: &dyn PluginCatalogue) -> Loaded {
        let Self { dir, files, texts, .. } = self.clone();
        let environment = self.environment(environment);
        last_good::load(&Input { dir, files, unreadable: Vec::new(), environment }, catalogue, &texts)
    }

    /// `others` with the server's variables of configuration in the place of theirs.
    pub fn environment(&self, others: Vec<(String, String)>) -> Vec<(String, String)> {
        let others = others.into_iter().filter(|(name, _)| !layer::is_configuration(name));
        others.chain(self.environment.iter().cloned()).collect()
    }

    /// What broken teams fall back to.
    pub fn texts(&self) -> &TeamTexts {
        &self.texts
    }
}

/// Loads `former` and what lies beside it as if they lay where `main_file` lies: relative paths are the same in both.
pub fn load_former(
    former: &Path,
    main_file: &Path,
    environment: Vec<(String, String)>,
    catalogue: &dyn PluginCatalogue,
) -> Loaded {
    let (there, mut files, unreadable): (PathBuf, Vec<File>, Vec<Diagnostic>) = files::read(former);
    let (dir, now, _) = files::read(main_file);
    let main = now.into_iter().find(|file| file.kind == Kind::Main).map(|file| file.path);
    for file in &mut files {
        match (&file.kind, &main) {
            (Kind::Main, Some(main)) => file.path.clone_from(main),
            _ => file.path = file.path.strip_prefix(&there).map_or_else(|_| file.path.clone(), |path| dir.join(path)),
        }
    }
    last_good::load(&Input { dir, files, unreadable, environment }, catalogue, &TeamTexts::new())
}

#[cfg(test)]
mod tests {
    use super::{Written, in_force_file, load_former};
    use crate::config::diff::{diff, needs_restart};
    use crate::config::tests::{SHELL, TestCatalogue, load_texts, load_texts_keeping, step};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_is_in_force_is_kept_for_the_owner_only_and_is_the_same_when_it_is_loaded_again() {
        let good = step(SHELL);
        let variables = [("WEIR_SERVER__TITLE", "other"), ("TOKEN", "hidden")];
        let main = ("weir.toml", "[team.two]\n[team.three]\n");
        let before = load_texts(&[main, ("teams/one.toml", &good)], &variables).config.unwrap();
        let files = [main, ("teams/one.toml", "titel = 1")];
        let now = load_texts_keeping(&files, &variables, &before.team_texts);
        let config = now.config.unwrap();
        let dir = tempfile::tempdir().unwrap();
        Written::of(&now.input, &config).keep(dir.path()).unwrap();
        let file = in_force_file(dir.path());
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!std::fs::read_to_string(&file).unwrap().contains("hidden"));
        let again = Written::read(dir.path()).unwrap().load(Vec::new(), &TestCatalogue).config.unwrap();
        assert_eq!((again.server.title.as_str(), again.teams["one"].builders.len()), ("other", 1));
        assert!(diff(&config, &again).is_empty());
    }

    #[test]
    fn a_former_folder_is_read_as_if_it_lay_where_the_new_one_lies() {
        let dir = tempfile::tempdir().unwrap();
        for (folder, title) in [("old", "a"), ("new", "b")] {
            std::fs::create_dir_all(dir.path().join(folder).join("teams")).unwrap();
            std::fs::write(dir.path().join(folder).join("weir.toml"), format!("[server]\ntitle = \"{title}\"\n"))
                .unwrap();
            std::fs::write(dir.path().join(folder).join("teams/core.toml"), step(SHELL)).unwrap();
        }
        let (old, new) = (dir.path().join("old/weir.toml"), dir.path().join("new/weir.toml"));
        let former = load_former(&old, &new, Vec::new(), &TestCatalogue).config.unwrap();
        let now = crate::config::load(&new, [], &TestCatalogue).config.unwrap();
        assert!(diff(&former, &now).is_empty() && needs_restart(&former, &now).is_none());
        assert_eq!(former.server.title, "a");
    }
}
