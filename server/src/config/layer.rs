//! One layer of the configuration for figment: a file, a variable, the defaults.

use super::diagnostic::Diagnostic;
use super::locate::Text;
use super::path::KeyPath;
use super::source::{File, Kind};
use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider, Source};

/// What holds where nobody says otherwise.
const DEFAULTS: &str = r#"
[server]
title = "Weir"
listen = ["127.0.0.1:8010"]
state_dir = "state"
"#;

/// What variables of the configuration begin with.
const PREFIX: &str = "WEIR_";

/// Tables whose keys are names, and so stand whole in one file.
const NAMED: [&[&str]; 6] = [&["auth", "jwt"], &["auth", "oidc"], &["plugin"], &["worker"], &["team"], &["view"]];

/// What one file or variable says.
pub struct Layer {
    metadata: Metadata,
    dict: Dict,
}

impl Layer {
    /// What `file` says.
    pub fn file(file: &File, dict: Dict) -> Self {
        Self { metadata: Metadata::from("file", Source::File(file.shown.clone())), dict }
    }

    /// What the variable `name` says. Its parts are found in `below` whatever their case, because variables are written in capitals.
    pub fn variable(name: &str, text: &str, below: &Value) -> Self {
        let mut keys = Vec::new();
        let mut at = Some(below);
        for part in name[PREFIX.len()..].split("__") {
            let dict = at.and_then(Value::as_dict);
            let same = dict.and_then(|dict| dict.iter().find(|(key, _)| key.eq_ignore_ascii_case(part)));
            keys.push(same.map_or_else(|| part.to_ascii_lowercase(), |(key, _)| key.clone()));
            at = same.map(|(_, value)| value);
        }
        let value: Value = text.parse().unwrap_or_else(|never: std::convert::Infallible| match never {});
        let value = keys.into_iter().rev().fold(value, |value, key| Value::from(Dict::from([(key, value)])));
        let metadata = Metadata::from("environment variable", Source::Custom(name.to_owned()));
        Self { metadata, dict: value.into_dict().unwrap_or_default() }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}

/// Whether the variable `name` is configuration: `WEIR_SECTION__KEY`. One without a double underscore never is.
pub fn is_configuration(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| rest.contains("__") && rest.split("__").all(|part| !part.is_empty()))
}

/// The built-in defaults.
pub fn defaults() -> impl Provider {
    Toml::string(DEFAULTS)
}

/// Reads the text of `file` twice: its values by figment, their places by the spanned parse.
///
/// # Errors
/// Where its syntax is wrong.
pub fn parse(file: &File) -> Result<(Text, Dict), Box<Diagnostic>> {
    let text = Text::parse(file)?;
    let mut profiles = Toml::string(&file.text).data().map_err(|error| {
        Box::new(Diagnostic::of_file(&file.shown, file.team(), "toml-syntax", first_line(&error.to_string())))
    })?;
    Ok((text, profiles.remove(&Profile::Default).unwrap_or_default()))
}

/// The first line of a message of several.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

/// The keys of a team's file, as they stand under `[team.<name>]`.
pub fn under_team(name: &str, dict: Dict) -> Dict {
    Dict::from([("team".to_owned(), Value::from(Dict::from([(name.to_owned(), Value::from(dict))])))])
}

/// Takes the arrays of tables, which are appended, from what overrides.
pub fn split_tables(dict: Dict) -> (Dict, Dict) {
    let mut tables = Dict::new();
    let mut rest = Dict::new();
    for (key, value) in dict {
        match value {
            Value::Dict(tag, inner) => {
                let (inner_tables, inner_rest) = split_tables(inner);
                if !inner_tables.is_empty() {
                    tables.insert(key.clone(), Value::Dict(tag, inner_tables));
                }
                rest.insert(key, Value::Dict(tag, inner_rest));
            }
            Value::Array(tag, elements) if !elements.is_empty() && elements.iter().all(|e| e.as_dict().is_some()) => {
                tables.insert(key, Value::Array(tag, elements));
            }
            _ => {
                rest.insert(key, value);
            }
        }
    }
    (tables, rest)
}

/// Takes out of `layers` every named section that an earlier file declares, and says so.
pub fn refuse_twice(files: &[(File, Text)], layers: &mut [Dict]) -> Vec<Diagnostic> {
    let mut seen: Vec<(KeyPath, usize)> = Vec::new();
    let mut names: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    let mut diagnostics = Vec::new();
    for (i, layer) in layers.iter_mut().enumerate() {
        let (file, text) = &files[i];
        if let Kind::Team(name) = &file.kind {
            let path = KeyPath::of(&["team", name]);
            if names.contains_key(&path.to_string()) {
                let message = format!("the team name `{name}` is taken");
                let mut diagnostic = Diagnostic::of_file(&file.shown, file.team(), "name-taken", message);
                diagnostic.key = path.to_string();
                diagnostics.push(diagnostic.expected("another name for this file, or no [team] table of that name"));
                layer.clear();
            }
            names.insert(path.to_string(), i);
            continue;
        }
        for keys in NAMED {
            let Some(table) = at_mut(layer, keys) else { continue };
            let twice: Vec<String> = table
                .keys()
                .filter(|name| names.contains_key(&KeyPath::of(keys).key(name).to_string()))
                .cloned()
                .collect();
            for name in twice {
                table.remove(&name);
                let path = KeyPath::of(keys).key(&name);
                let (line, column, excerpt) = text.place(&path, true);
                let first = &files[names[&path.to_string()]].0;
                let message = format!("[{path}] is already declared in {}", first.shown.display());
                let mut diagnostic = Diagnostic::of_file(&file.shown, None, "declared-twice", message);
                diagnostic.place = super::diagnostic::Place::File { path: file.shown.clone(), line, column };
                diagnostic.key = path.to_string();
                diagnostic.excerpt = excerpt;
                diagnostics.push(diagnostic.expected("each named section whole in one file"));
            }
            seen.extend(table.keys().map(|name| (KeyPath::of(keys).key(name), i)));
        }
        names.extend(seen.drain(..).map(|(path, i)| (path.to_string(), i)));
    }
    diagnostics
}

/// The table at `keys`.
fn at_mut<'a>(dict: &'a mut Dict, keys: &[&str]) -> Option<&'a mut Dict> {
    keys.iter().try_fold(dict, |dict, key| match dict.get_mut(*key)? {
        Value::Dict(_, inner) => Some(inner),
        _ => None,
    })
}
