//! The configuration, loaded from texts in the test, and what is said about them.

mod diff;
mod example;
mod expansion;
mod frozen;
mod hostile;
mod instance;
mod last_good_tests;
mod layers;
mod limits;
mod network;
mod placeholders;
mod reporter;
mod repositories;
mod reserved;
mod secrets;
mod syntaxes;
mod team;
mod team_folders;
mod views;

use super::load::Input;
use super::plugin::Plugin;
use super::server::Server;
use super::source::{File, Kind};
use super::team_texts::TeamTexts;
use super::{Described, Loaded, NotDescribed, PluginCatalogue, last_good};
use expect_test::Expect;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// Plugins for these tests: two that run steps and one that delivers.
pub struct TestCatalogue;

impl PluginCatalogue for TestCatalogue {
    fn describe(&self, name: &str, _: &Plugin, _: &Server) -> Result<Described, NotDescribed> {
        let command = json!({"anyOf": [{"type": "string", "format": "shell"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]});
        let (is_step, schema) = match name {
            "shell" => (
                true,
                json!({
                    "type": "object", "required": ["command"], "additionalProperties": false,
                    "properties": {"command": command, "env": {"type": "object"}, "workdir": {"type": "string"}, "jobs": {"type": "integer"}},
                }),
            ),
            "git" => (
                true,
                json!({
                    "type": "object", "required": ["repository"], "additionalProperties": false,
                    "properties": {
                        "repository": {"$ref": "#/$defs/Place"},
                        "branch": {"type": "string"},
                        "mode": {"enum": ["full", "incremental"]},
                        "depth": {"type": ["integer", "null"], "minimum": 1},
                    },
                    "$defs": {"Place": {"type": "string", "format": "path-or-url"}},
                }),
            ),
            "webhook" => (
                false,
                json!({
                    "type": "object", "required": ["url"], "additionalProperties": false,
                    "properties": {"url": {"type": "string"}, "token": {"type": "string"}},
                }),
            ),
            "bad" => return Err(NotDescribed::Broken("it wants another version of the contract".to_owned())),
            _ => return Err(NotDescribed::Unknown),
        };
        Ok(Described { is_step, settings_schema: Arc::new(schema) })
    }

    fn names(&self, _: &Server) -> Vec<String> {
        vec!["git".to_owned(), "shell".to_owned(), "webhook".to_owned()]
    }
}

/// Loads the files as if they lay in `/etc/weir`; the first is the main file.
pub fn load_texts(files: &[(&str, &str)], environment: &[(&str, &str)]) -> Loaded {
    load_texts_keeping(files, environment, &TeamTexts::new())
}

/// As [`load_texts`], with what teams fall back to.
pub fn load_texts_keeping(files: &[(&str, &str)], environment: &[(&str, &str)], texts: &TeamTexts) -> Loaded {
    let input = Input {
        dir: "/etc/weir".into(),
        files: in_memory(files),
        unreadable: Vec::new(),
        environment: variables(environment),
    };
    last_good::load(&input, &TestCatalogue, texts)
}

/// Files as if they lay in `/etc/weir`.
pub fn in_memory(files: &[(&str, &str)]) -> Vec<File> {
    let file = |(name, text): &(&str, &str)| File {
        shown: name.into(),
        path: Path::new("/etc/weir").join(name),
        kind: match name.split_once('/') {
            Some(("teams", rest)) => Kind::Team(rest.split(['/', '.']).next().unwrap().to_owned()),
            Some(_) => Kind::Fragment,
            None => Kind::Main,
        },
        text: (*text).to_owned(),
    };
    files.iter().map(file).collect()
}

/// An environment.
pub fn variables(environment: &[(&str, &str)]) -> Vec<(String, String)> {
    environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What is said, as it is printed.
pub fn said(loaded: &Loaded) -> String {
    loaded.diagnostics.iter().map(ToString::to_string).collect()
}

/// What is said of one main file.
pub fn check(main: &str, expected: Expect) {
    expected.assert_eq(&said(&load_texts(&[("weir.toml", main)], &[])));
}

/// What is said of one team's file beside a main file that declares nothing.
pub fn check_team(team: &str, expected: Expect) {
    expected.assert_eq(&said(&load_texts(&[("weir.toml", ""), ("teams/core.toml", team)], &[])));
}

/// A team's file with one builder, whose only step has these settings.
pub fn step(with: &str) -> String {
    format!("[[builder.a.step]]\n{with}\n")
}

/// A step that is right.
pub const SHELL: &str = "use = \"shell\"\nwith = { command = \"make\" }";
