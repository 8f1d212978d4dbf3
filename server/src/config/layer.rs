//! One layer of the configuration for figment: a file, a variable, the defaults.

use super::diagnostic::{Diagnostic, Place};
use super::found::Found;
use super::locate::{self, Text};
use super::operated::{self, Operated};
use super::path::KeyPath;
use super::source::{File, Syntax};
use super::tree::Problem;
use super::{json, yaml};
use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider, Source};
use std::collections::HashMap;

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

/// The same, in a team's own files.
const NAMED_OF_TEAM: [&str; 7] = ["secret", "source", "recipe", "builder", "scheduler", "reporter", "view"];

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

/// A file's text: its places, its values, and what may not stand in it.
pub struct Parsed {
    /// The places of its keys.
    pub text: Text,
    /// Its values.
    pub dict: Dict,
    /// What is wrong and still lets the rest be read.
    pub problems: Vec<Problem>,
}

/// Reads the text of `file` as the end of its name says: TOML twice (its values by figment, their places by the spanned parse), YAML
/// and JSON once.
///
/// # Errors
/// Where its syntax is wrong.
pub fn parse(file: &File) -> Result<Parsed, Box<Diagnostic>> {
    let read = match file.format() {
        Syntax::Toml => return parse_toml(file),
        Syntax::Yaml => yaml::parse(&file.text),
        Syntax::Json => json::parse(&file.text),
    };
    let (tree, problems) = read.map_err(|problem| Box::new(locate::diagnose(file, problem)))?;
    let dict = tree.value().into_dict().expect("a document is a table");
    Ok(Parsed { text: Text::of_tree(file, tree), dict, problems })
}

fn parse_toml(file: &File) -> Result<Parsed, Box<Diagnostic>> {
    let text = Text::parse_toml(file)?;
    let mut profiles = Toml::string(&file.text).data().map_err(|error| {
        Box::new(Diagnostic::of_file(&file.shown, file.team(), "toml-syntax", first_line(&error.to_string())))
    })?;
    let dict = profiles.remove(&Profile::Default).unwrap_or_default();
    Ok(Parsed { text, dict, problems: Vec::new() })
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
pub fn refuse_twice(files: &[(File, Text)], layers: &mut [Dict], found: &mut Found) {
    let mut names: HashMap<String, usize> = HashMap::new();
    // The operator's part of teams whose files lie elsewhere.
    let mut operated: HashMap<String, Operated> = HashMap::new();
    for (i, layer) in layers.iter_mut().enumerate() {
        let (file, text) = &files[i];
        let above = file.team().map_or_else(KeyPath::default, |team| KeyPath::of(&["team", team]));
        let beside = file.team().and_then(|team| operated.get(team));
        if let Some(team) = file.team()
            && beside.is_none()
            && names.contains_key(&above.to_string())
        {
            let message = format!("the team name `{team}` is taken");
            let diagnostic = Diagnostic::of_file(&file.shown, file.team(), "name-taken", message).about(&above);
            let expected =
                "another name for this file, or at most `quota` and `weight` in the [team] table of that name";
            found.add(diagnostic.expected(expected));
            layer.clear();
            continue;
        }
        let refused = beside.into_iter().flat_map(|part| part.refuse((file, text), &above, layer));
        refused.for_each(|diagnostic| found.add(diagnostic));
        if file.team().is_none() {
            operated.extend(operated::of_layer(layer));
            operated::refuse_beside_config((file, text), layer)
                .into_iter()
                .for_each(|diagnostic| found.add(diagnostic));
        }
        let of_team: Vec<&[&str]> = NAMED_OF_TEAM.iter().map(std::slice::from_ref).collect();
        let sections = if file.team().is_some() { of_team } else { NAMED.to_vec() };
        let mut seen = Vec::new();
        for keys in sections {
            let Some(table) = at_mut(layer, keys) else { continue };
            let inside = KeyPath::of(keys);
            let path = |name: &str| keys.iter().fold(above.clone(), |path, key| path.key(key)).key(name).to_string();
            let twice: Vec<String> = table.keys().filter(|name| names.contains_key(&path(name))).cloned().collect();
            for name in twice {
                table.remove(&name);
                let first = &files[names[&path(&name)]].0;
                found.add(match file.team().filter(|team| found.is_full(team)) {
                    Some(team) => Diagnostic::untold(team, "declared-twice"),
                    None => declared_twice((file, text), &inside.key(&name), &path(&name), first),
                });
            }
            seen.extend(table.keys().map(|name| (path(name), i)));
        }
        names.extend(seen);
    }
}

/// That the section at `inside` of a file, which is `path` of the whole configuration, is declared in `first` too.
fn declared_twice((file, text): (&File, &Text), inside: &KeyPath, path: &str, first: &File) -> Diagnostic {
    let (line, column, excerpt) = text.place(inside, true);
    let message = format!("[{path}] is already declared in {}", first.shown.display());
    let mut diagnostic = Diagnostic::of_file(&file.shown, file.team(), "declared-twice", message).about(path);
    diagnostic.place = Place::File { path: file.shown.clone(), line, column };
    diagnostic.excerpt = excerpt;
    diagnostic.expected("each named section whole in one file")
}

/// The table at `keys`.
fn at_mut<'a>(dict: &'a mut Dict, keys: &[&str]) -> Option<&'a mut Dict> {
    keys.iter().try_fold(dict, |dict, key| match dict.get_mut(*key)? {
        Value::Dict(_, inner) => Some(inner),
        _ => None,
    })
}
