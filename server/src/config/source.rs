//! Where values come from: built-in defaults, the main file, `conf.d/`, `teams/`, the environment, in that order.
//!
//! figment merges and hands out the values; `locate.rs` only finds their place in the files.

use super::diagnostic::{Diagnostic, Place};
use super::found::Found;
use super::layer::{self, Layer};
use super::locate::Text;
use super::operated;
use super::path::{KeyPath, Part};
use figment::value::{Dict, Tag, Value};
use figment::{Figment, Source};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// What a file is to the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// `weir.toml`, or `.yaml` or `.json`.
    Main,
    /// A file of `conf.d/`.
    Fragment,
    /// A file of `teams/`, or of a folder there, which declares the team of this name. A team may have several.
    Team(String),
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// `.toml`, and whatever else the operator names.
    Toml,
    /// `.yaml`, `.yml`.
    Yaml,
    /// `.json`.
    Json,
}

impl Syntax {
    /// As the end of the name says; none where it says nothing.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "toml" => Some(Self::Toml),
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// One file as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// As the operator named it, or beside what the operator named; what messages show.
    pub shown: PathBuf,
    /// Absolute.
    pub path: PathBuf,
    /// What it is to the configuration.
    pub kind: Kind,
    /// What stands in it.
    pub text: String,
}

impl File {
    /// The team that it declares; none for the instance's files.
    pub fn team(&self) -> Option<&str> {
        match &self.kind {
            Kind::Team(name) => Some(name),
            Kind::Main | Kind::Fragment => None,
        }
    }

    /// How it is written.
    pub fn format(&self) -> Syntax {
        Syntax::of(&self.path).unwrap_or(Syntax::Toml)
    }

    /// Its folder, in which its relative paths start.
    pub fn dir(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

/// Where an effective value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// A file, as messages show it.
    File(PathBuf),
    /// A variable of the environment.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("built-in default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "environment {name}"),
        }
    }
}

/// Everything that was written, merged.
pub struct Sources {
    /// The files in order, with their places.
    files: Vec<(File, Text)>,
    /// Tells the origin of a tag.
    figment: Figment,
    /// The merged value, every part tagged with its origin.
    root: Value,
    /// What stood in the variables that were used.
    variables: BTreeMap<String, String>,
    /// Where the main file lies; relative paths of variables start here.
    dir: PathBuf,
    /// Teams of which the instance's files only say the limits.
    limited: BTreeSet<String>,
    /// Whether a file of the instance could not be read, so that what refers to it cannot be judged.
    pub incomplete: bool,
}

impl Sources {
    /// Merges `files` and the variables of `environment`; says what is wrong with the texts and between the files.
    pub fn merge(
        dir: PathBuf,
        files: Vec<File>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> (Self, Found) {
        let mut found = Found::default();
        let mut layers = Vec::new();
        let mut texts = Vec::new();
        let mut incomplete = false;
        for file in files {
            let (text, dict) = match layer::parse(&file) {
                Ok(parsed) => {
                    for problem in parsed.problems {
                        found.add(match file.team().filter(|team| found.is_full(team)) {
                            Some(team) => Diagnostic::untold(team, problem.rule),
                            None => parsed.text.diagnose(&file, problem),
                        });
                    }
                    (parsed.text, parsed.dict)
                }
                Err(diagnostic) => {
                    incomplete |= file.team().is_none();
                    found.add(*diagnostic);
                    (Text::unreadable(&file.text), Dict::new())
                }
            };
            layers.push(dict);
            texts.push((file, text));
        }
        let of_instance = texts.iter().zip(&layers).filter(|((file, _), _)| file.team().is_none());
        let limited = of_instance.flat_map(|(_, layer)| operated::limited(layer)).cloned().collect();
        layer::refuse_twice(&texts, &mut layers, &mut found);

        let mut figment = Figment::from(layer::defaults());
        for ((file, _), dict) in texts.iter().zip(layers) {
            figment = match &file.kind {
                Kind::Main => figment.merge(Layer::file(file, dict)),
                Kind::Fragment => {
                    let (tables, rest) = layer::split_tables(dict);
                    figment.merge(Layer::file(file, rest)).admerge(Layer::file(file, tables))
                }
                Kind::Team(name) => {
                    let (tables, rest) = layer::split_tables(layer::under_team(name, dict));
                    figment.merge(Layer::file(file, rest)).admerge(Layer::file(file, tables))
                }
            };
        }
        let variables: BTreeMap<String, String> =
            environment.into_iter().filter(|(name, _)| layer::is_configuration(name)).collect();
        if !variables.is_empty() {
            let below = root_of(&figment);
            for (name, text) in &variables {
                figment = figment.merge(Layer::variable(name, text, &below));
            }
        }
        let root = root_of(&figment);
        (Self { files: texts, figment, root, variables, dir, limited, incomplete }, found)
    }

    /// The merged value.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// Every file that was read, in order.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter().map(|(file, _)| file)
    }

    /// Teams that have files of their own, in order.
    pub fn teams(&self) -> impl Iterator<Item = &str> {
        let names: BTreeSet<&str> =
            self.files().filter_map(File::team).filter(|team| !self.is_of_instance(team)).collect();
        names.into_iter()
    }

    /// The own files of a team; none of a team that the instance's files declare.
    pub fn files_of<'s>(&'s self, team: &str) -> impl Iterator<Item = &'s File> {
        let is_of_instance = self.is_of_instance(team);
        self.files().filter(move |file| !is_of_instance && file.team() == Some(team))
    }

    /// Whether the instance's files declare this team: they do not where they name a repository for it, or only say its limits.
    pub fn is_of_instance(&self, team: &str) -> bool {
        let is_declared = self.declared_in(&KeyPath::of(&["team", team])).is_some_and(|file| file.team().is_none());
        is_declared && !self.has_repository(team) && !self.limited.contains(team)
    }

    /// Whether nothing is said of this team but its limits, in the instance's files or variables: it has no files, and is none.
    pub fn has_only_limits(&self, team: &str) -> bool {
        let table = || self.value(&KeyPath::of(&["team", team])).and_then(Value::as_dict);
        let is_elsewhere = self.is_of_instance(team) || self.files_of(team).next().is_some();
        !is_elsewhere && (self.limited.contains(team) || table().is_some_and(operated::is_limits))
    }

    /// Whether the instance's files say that this team's files lie in a repository.
    pub fn has_repository(&self, team: &str) -> bool {
        let config = KeyPath::of(&["team", team, "config"]);
        self.files.iter().any(|(file, text)| file.team().is_none() && text.has(&config))
    }

    /// Every team whose files lie in a repository.
    pub fn with_repository(&self) -> Vec<String> {
        let teams = self.value(&KeyPath::of(&["team"])).and_then(Value::as_dict);
        teams.into_iter().flat_map(Dict::keys).filter(|team| self.has_repository(team)).cloned().collect()
    }

    /// The effective value of a key and where it comes from; `None` where nobody wrote it and nothing is built in.
    pub fn effective(&self, path: &KeyPath) -> Option<(&Value, Origin)> {
        let value = self.value(path)?;
        Some((value, self.origin(value.tag())))
    }

    /// The value at `path`.
    pub fn value(&self, path: &KeyPath) -> Option<&Value> {
        path.parts().into_iter().try_fold(&self.root, |value, part| match part {
            Part::Key(key) => value.as_dict()?.get(key),
            Part::Index(index) => value.as_array()?.get(*index),
        })
    }

    /// Where what carries `tag` comes from.
    pub fn origin(&self, tag: Tag) -> Origin {
        match self.figment.get_metadata(tag).and_then(|metadata| metadata.source.as_ref()) {
            Some(Source::File(path)) => Origin::File(path.clone()),
            Some(Source::Custom(name)) => Origin::Variable(name.clone()),
            _ => Origin::Default,
        }
    }

    /// Whether what carries `tag` comes from `file`.
    fn is_from(&self, tag: Tag, file: &File) -> bool {
        let source = self.figment.get_metadata(tag).and_then(|metadata| metadata.source.as_ref());
        matches!(source, Some(Source::File(path)) if *path == file.shown)
    }

    /// The text of the variable that wrote what carries `tag`; `None` where it is not from the environment.
    pub fn variable(&self, tag: Tag) -> Option<&str> {
        match self.origin(tag) {
            Origin::Variable(name) => self.variables.get(&name).map(String::as_str),
            Origin::Default | Origin::File(_) => None,
        }
    }

    /// The folder in which a relative path that carries `tag` starts.
    pub fn dir_of(&self, tag: Tag) -> &Path {
        match self.origin(tag) {
            Origin::File(shown) => self.file(&shown).map_or(&self.dir, |(file, _)| file.dir()),
            Origin::Default | Origin::Variable(_) => &self.dir,
        }
    }

    /// The file that declares the named section at `path`; the main file where it is only in the environment.
    pub fn declared_in(&self, path: &KeyPath) -> Option<&File> {
        self.files.iter().find(|(file, text)| in_file(file, path).is_some_and(|p| text.has(&p))).map(|(file, _)| file)
    }

    /// A diagnostic about `path`, with its place and excerpt: about the key where `at_key`, else about the value.
    pub fn diagnose(&self, path: &KeyPath, at_key: bool, rule: &'static str, message: impl Into<String>) -> Diagnostic {
        let mut diagnostic = Diagnostic::of_file(Path::new("weir"), None, rule, message).about(path);
        let (existing, whole) = self.nearest(path);
        if let Some(Origin::Variable(name)) = self.value(&existing).map(|value| self.origin(value.tag()))
            && whole
        {
            diagnostic.place = Place::Variable(name);
            return diagnostic;
        }
        if let Some((file, text, inside)) = self.home(&existing) {
            let (line, column, excerpt) = text.place(&inside, at_key || !whole);
            diagnostic.team = file.team().map(str::to_owned);
            diagnostic.place = Place::File { path: file.shown.clone(), line, column };
            diagnostic.excerpt = excerpt;
        }
        diagnostic
    }

    /// The longest part of `path` that has a value, and whether that is all of it.
    fn nearest(&self, path: &KeyPath) -> (KeyPath, bool) {
        let mut at = path.clone();
        while self.value(&at).is_none() {
            at = at.above().cloned().unwrap_or_default();
        }
        let whole = at.parts().len() == path.parts().len();
        (at, whole)
    }

    /// The file that wrote what stands at `path`, and its path in there.
    fn home(&self, path: &KeyPath) -> Option<(&File, &Text, KeyPath)> {
        let own = match self.value(path).map(|value| self.origin(value.tag())) {
            Some(Origin::File(shown)) => self.file(&shown),
            _ => None,
        };
        // A merged table carries the tag of who wrote to it last, which may be the environment.
        let candidates = own.into_iter().chain(self.files.iter().map(|(file, text)| (file, text)));
        let fits = |(file, text): (&'_ File, &'_ Text)| {
            // First whether it is that file's at all.
            in_file(file, path)?;
            let inside = in_file(file, &self.within_file(path, file))?;
            text.has(&inside).then_some(inside)
        };
        let mut candidates = candidates.map(|(f, t)| (f, t, fits((f, t))));
        candidates.find_map(|(f, t, inside)| Some((f, t, inside?))).or_else(|| {
            let (file, text) = own.or_else(|| self.files.first().map(|(f, t)| (f, t)))?;
            Some((file, text, in_file(file, path)?))
        })
    }

    /// `path` with the positions that array elements have in `file`: arrays of tables of several files are appended.
    fn within_file(&self, path: &KeyPath, file: &File) -> KeyPath {
        let mut value = Some(&self.root);
        let mut inside = KeyPath::default();
        for part in path.parts() {
            let part = match (part, value.and_then(Value::as_array)) {
                (Part::Index(index), Some(elements)) => {
                    let others = elements.iter().take(*index);
                    let foreign = others.filter(|element| !self.is_from(element.tag(), file)).count();
                    value = elements.get(*index);
                    Part::Index(index - foreign)
                }
                (part, _) => {
                    value = match (part, value) {
                        (Part::Key(key), Some(value)) => value.as_dict().and_then(|dict| dict.get(key)),
                        _ => None,
                    };
                    part.clone()
                }
            };
            inside = inside.with(part);
        }
        inside
    }

    fn file(&self, shown: &Path) -> Option<(&File, &Text)> {
        self.files.iter().find(|(file, _)| file.shown == shown).map(|(file, text)| (file, text))
    }
}

/// `path` as it stands in `file`: a team's file leaves out `team.<name>`. None where the path is outside that team.
fn in_file(file: &File, path: &KeyPath) -> Option<KeyPath> {
    let Kind::Team(name) = &file.kind else { return Some(path.clone()) };
    match path.parts().as_slice() {
        [Part::Key(team), Part::Key(named), rest @ ..] if team == "team" && named == name => {
            Some(rest.iter().fold(KeyPath::default(), |path, part| path.with((*part).clone())))
        }
        _ => None,
    }
}

/// What figment has merged so far.
fn root_of(figment: &Figment) -> Value {
    figment.find_value("").unwrap_or_else(|_| Value::from(Dict::new()))
}
