//! Settings of steps and reporters, checked against the schema that the plugin carries.

use super::diagnostic::Diagnostic;
use super::path::KeyPath;
use super::placeholders;
use super::plugin::Plugin;
use super::read::{At, Reader, one_of};
use super::schema_parts::{alternatives, children};
use super::server::Server;
use super::settings_schema;
use super::team::TeamSecret;
use super::value::{Any, resolve};
use super::{NotDescribed, PluginCatalogue};
use jsonschema::error::ValidationErrorKind as Why;
use jsonschema::paths::{Location, LocationSegment};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// What a plugin is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It runs steps.
    Step,
    /// It delivers status.
    Reporter,
}

/// The plugins that are present, each asked once.
pub struct Plugins<'a> {
    catalogue: &'a dyn PluginCatalogue,
    tables: &'a BTreeMap<String, Plugin>,
    server: &'a Server,
    known: RefCell<BTreeMap<String, Rc<Known>>>,
}

/// What is known of one plugin.
enum Known {
    /// It can be used.
    Usable { is_step: bool, schema: Arc<Value>, validator: Box<jsonschema::Validator> },
    /// Nobody looked at it.
    NotAsked,
    /// There is none of that name.
    Unknown,
    /// It cannot be used; says why.
    Broken(String),
}

/// How deep settings and schemas are followed.
const DEPTH_MAX: usize = settings_schema::SETTINGS_DEPTH_MAX;

impl<'a> Plugins<'a> {
    /// The plugins of `catalogue`, used with these tables.
    pub fn new(catalogue: &'a dyn PluginCatalogue, tables: &'a BTreeMap<String, Plugin>, server: &'a Server) -> Self {
        Self { catalogue, tables, server, known: RefCell::default() }
    }

    /// Warns of tables whose plugin is not present, and says which present ones are broken.
    pub fn check_tables(&self, reader: &Reader<'_>) {
        for name in self.tables.keys() {
            let path = KeyPath::of(&["plugin", name]);
            match &*self.known(name) {
                Known::Usable { .. } | Known::NotAsked => {}
                Known::Unknown => {
                    let message = format!("plugin `{name}` is not present, so its table does nothing");
                    reader.note(self.unknown(reader.wrong_key(&path, "unknown-plugin", message), name).warning());
                }
                Known::Broken(why) => {
                    let message = format!("plugin `{name}` cannot be used: {why}");
                    reader.note(reader.wrong_key(&path, "broken-plugin", message));
                }
            }
        }
    }

    /// The settings as the plugin gets them: checked, paths resolved from `dir`, secrets as `{"$secret": NAME}`.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is another thing: who uses what, how, and what it is checked against"
    )]
    pub fn settings(
        &self,
        kind: Kind,
        team: &str,
        plugin: &At<String>,
        settings: At<Any>,
        dir: &Path,
        secrets: &BTreeMap<String, TeamSecret>,
        reader: &Reader<'_>,
    ) -> Value {
        let At { value: Any(mut value), path } = settings;
        let name = &plugin.value;
        if !value.is_object() {
            reader.note(reader.wrong(&path, "wrong-type", "settings are a table").expected("`with = { ... }`"));
            return value;
        }
        check_secrets(&value, &path, secrets, reader, 0);
        let known = self.known(name);
        match &*known {
            Known::Usable { is_step, .. } if *is_step != (kind == Kind::Step) => {
                let message = format!("plugin `{name}` {}", if *is_step { "runs steps" } else { "delivers status" });
                let expected = if *is_step { "a plugin that delivers status" } else { "a plugin that runs steps" };
                reader.note(reader.wrong(&plugin.path, "wrong-plugin", message).expected(expected));
            }
            Known::Usable { schema, validator, .. } => {
                self.check_lent(team, plugin, reader);
                match settings_schema::too_much(&value) {
                    None => {
                        for error in validator.iter_errors(&value) {
                            note_error(&error, &value, &path, schema, reader);
                        }
                        if kind == Kind::Step {
                            placeholders::check(&value, &path, schema, reader);
                        }
                        resolve_paths(&mut value, schema, &[&**schema], dir, 0);
                    }
                    Some(why) => reader.note(reader.wrong(&path, "too-much", why).without_value()),
                }
            }
            Known::NotAsked => {}
            Known::Unknown => {
                let message = format!("unknown plugin `{name}`");
                let diagnostic = self.unknown(reader.wrong(&plugin.path, "unknown-plugin", message), name);
                reader.note(if kind == Kind::Reporter { diagnostic.warning() } else { diagnostic });
            }
            Known::Broken(why) => {
                let message = format!("plugin `{name}` cannot be used: {why}");
                reader.note(reader.wrong(&plugin.path, "broken-plugin", message));
            }
        }
        mark_secrets(&mut value, true);
        value
    }

    /// Whether there is a plugin of that name, as far as anybody looked.
    pub fn is_present(&self, plugin: &str) -> bool {
        !matches!(*self.known(plugin), Known::Unknown)
    }

    /// Says that a plugin is not lent to the team.
    fn check_lent(&self, team: &str, plugin: &At<String>, reader: &Reader<'_>) {
        let lent =
            self.tables.get(&plugin.value).is_none_or(|t| t.teams.is_empty() || t.teams.iter().any(|t| t == team));
        if !lent {
            let message = format!("team `{team}` may not use plugin `{}`", plugin.value);
            let expected = format!("a plugin that [plugin.{}] `teams` lends to this team", plugin.value);
            reader.note(reader.wrong(&plugin.path, "plugin-not-lent", message).expected(expected));
        }
    }

    /// What to use instead of an unknown plugin.
    fn unknown(&self, diagnostic: Diagnostic, name: &str) -> Diagnostic {
        let names = self.catalogue.names(self.server);
        let expected = match names.len() {
            0 => "a file `NAME.wasm` in `plugin_dir` or beside the binary; there is none".to_owned(),
            _ => format!("a plugin that is present: {}", one_of(names.iter().map(String::as_str))),
        };
        diagnostic.expected(expected).suggest(name, names.iter().map(String::as_str))
    }

    fn known(&self, name: &str) -> Rc<Known> {
        if let Some(known) = self.known.borrow().get(name) {
            return Rc::clone(known);
        }
        let known = Rc::new(self.ask(name));
        self.known.borrow_mut().insert(name.to_owned(), Rc::clone(&known));
        known
    }

    fn ask(&self, name: &str) -> Known {
        let default = Plugin::default();
        let table = self.tables.get(name).unwrap_or(&default);
        let described = match self.catalogue.describe(name, table, self.server) {
            Ok(described) => described,
            Err(NotDescribed::NotAsked) => return Known::NotAsked,
            Err(NotDescribed::Unknown) => return Known::Unknown,
            Err(NotDescribed::Broken(why)) => {
                // The plugin's name is said beside it.
                let why = why.strip_prefix(&format!("plugin `{name}`: ")).map_or_else(|| why.clone(), str::to_owned);
                return Known::Broken(why);
            }
        };
        match settings_schema::compile(&described.settings_schema) {
            Ok(validator) => Known::Usable {
                is_step: described.is_step,
                schema: described.settings_schema,
                validator: Box::new(validator),
            },
            Err(error) => Known::Broken(format!("the schema of its settings is none: {error}")),
        }
    }
}

/// Notes one violation of the schema, unless a placeholder stands there: what it becomes is known when the step runs.
fn note_error(
    error: &jsonschema::ValidationError<'_>,
    settings: &Value,
    path: &KeyPath,
    schema: &Value,
    reader: &Reader<'_>,
) {
    let at = error.instance_path();
    let instance = settings.pointer(at.as_str()).unwrap_or(settings);
    if is_open(instance) || (is_combined(error.kind()) && holds_open(instance, 0)) {
        return;
    }
    let here = under(path, at);
    match error.kind() {
        Why::AdditionalProperties { unexpected } | Why::UnevaluatedProperties { unexpected } => {
            let known = properties_of(schema, at);
            for key in unexpected {
                let message = format!("unknown setting `{key}`");
                let diagnostic = reader.wrong_key(&here.key(key), "bad-setting", message).without_value();
                let names = || known.iter().map(String::as_str);
                reader.note(diagnostic.expected(one_of(names())).suggest(key, names()));
            }
        }
        Why::Required { property } => {
            let key = property.as_str().unwrap_or_default();
            let diagnostic = reader.wrong_key(&here.key(key), "bad-setting", format!("setting `{key}` is missing"));
            reader.note(diagnostic.expected(format!("`{key}` among the settings")));
        }
        Why::Enum { options } => {
            // A setting that may be left out takes null, which nobody can write.
            let words: Vec<String> = options
                .as_array()
                .into_iter()
                .flatten()
                .filter(|option| !option.is_null())
                .map(|o| o.as_str().map_or(o.to_string(), str::to_owned))
                .collect();
            let diagnostic = reader.wrong(&here, "bad-setting", format!("{instance} is not known here"));
            let names = || words.iter().map(String::as_str);
            reader.note(diagnostic.expected(one_of(names())).suggest(instance.as_str().unwrap_or_default(), names()));
        }
        Why::AnyOf { context } | Why::OneOfNotValid { context } => {
            // What fits from the outside and is wrong inside was meant: its errors say more.
            let mut meant = context.iter().filter(|errors| errors.iter().all(|error| error.instance_path() != at));
            match (meant.next(), meant.next()) {
                (Some(errors), None) => {
                    errors.iter().for_each(|error| note_error(error, settings, path, schema, reader))
                }
                _ => {
                    let diagnostic = reader.wrong(&here, "bad-setting", "this is nothing that the plugin takes here");
                    reader.note(diagnostic.expected(types_of(schema, at)));
                }
            }
        }
        Why::Type { .. } => {
            let message = format!("{instance} has the wrong type");
            reader.note(reader.wrong(&here, "bad-setting", message).expected(types_of(schema, at)));
        }
        _ => reader.note(reader.wrong(&here, "bad-setting", error.to_string())),
    }
}

/// The types that the schema takes at `at`, in words.
fn types_of(schema: &Value, at: &Location) -> String {
    let mut words: Vec<String> = Vec::new();
    for part in alternatives(schema, &schemas_at(schema, at)) {
        let types = match part.get("type") {
            Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) => vec![one.as_str()],
            _ => Vec::new(),
        };
        let word = |one: &str| match one {
            "array" => "a list".to_owned(),
            "object" => "a table".to_owned(),
            "integer" => "a whole number".to_owned(),
            "boolean" => "`true` or `false`".to_owned(),
            other => format!("a {other}"),
        };
        words.extend(types.into_iter().filter(|one| *one != "null").map(word));
    }
    words.dedup();
    if words.is_empty() { "what the plugin's schema says".to_owned() } else { words.join(", or ") }
}

/// `path` and then the way `at`.
fn under(path: &KeyPath, at: &Location) -> KeyPath {
    at.into_iter().fold(path.clone(), |path, segment| match segment {
        LocationSegment::Property(key) => path.key(&key),
        LocationSegment::Index(index) => path.index(index),
    })
}

/// The schemas of what stands at `at`.
fn schemas_at<'s>(schema: &'s Value, at: &Location) -> Vec<&'s Value> {
    at.into_iter().fold(vec![schema], |here, segment| match segment {
        LocationSegment::Property(key) => children(schema, &here, Some(&key)),
        LocationSegment::Index(_) => children(schema, &here, None),
    })
}

/// Names of the properties that the schema knows at `at`.
fn properties_of(schema: &Value, at: &Location) -> Vec<String> {
    let mut names = Vec::new();
    for part in alternatives(schema, &schemas_at(schema, at)) {
        names.extend(
            part.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.clone()),
        );
    }
    names
}

/// Makes strings absolute where the schema says `path-or-url`.
fn resolve_paths(value: &mut Value, root: &Value, parts: &[&Value], dir: &Path, depth: usize) {
    if depth > DEPTH_MAX {
        return;
    }
    match value {
        Value::String(text) => {
            let is_path = alternatives(root, parts)
                .iter()
                .any(|part| part.get("format").and_then(Value::as_str) == Some("path-or-url"));
            if is_path && is_relative_path(text) {
                *text = resolve(dir, Path::new(text)).display().to_string();
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                resolve_paths(field, root, &children(root, parts, Some(key)), dir, depth + 1);
            }
        }
        Value::Array(elements) => {
            let below = children(root, parts, None);
            for element in elements {
                resolve_paths(element, root, &below, dir, depth + 1);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether it is a path to be resolved: no URL, nothing like `host:path`, not absolute, not begun by a placeholder.
fn is_relative_path(text: &str) -> bool {
    let before_slash = text.split('/').next().unwrap_or_default();
    !text.is_empty() && !before_slash.contains(':') && !text.starts_with('/') && !text.starts_with("{{")
}

/// Whether what stands here is known only when the step runs.
fn is_open(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{"),
        _ => secret_of(value).is_some(),
    }
}

/// Whether it holds something that is known only when the step runs.
fn holds_open(value: &Value, depth: usize) -> bool {
    let inside = |value: &Value| depth < DEPTH_MAX && holds_open(value, depth + 1);
    is_open(value)
        || match value {
            Value::Array(elements) => elements.iter().any(inside),
            Value::Object(fields) => fields.values().any(inside),
            _ => false,
        }
}

/// Whether the violation is of several schemas at once, so that it may lie deeper than it says.
fn is_combined(why: &Why) -> bool {
    matches!(
        why,
        Why::AnyOf { .. }
            | Why::OneOfNotValid { .. }
            | Why::OneOfMultipleValid { .. }
            | Why::Not { .. }
            | Why::Contains
    )
}

/// The name in `{ secret = "NAME" }`.
fn secret_of(value: &Value) -> Option<&str> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    fields.get("secret").and_then(Value::as_str)
}

/// Says which secrets the team does not have.
fn check_secrets(
    value: &Value,
    path: &KeyPath,
    secrets: &BTreeMap<String, TeamSecret>,
    reader: &Reader<'_>,
    depth: usize,
) {
    if depth > 0
        && let Some(name) = secret_of(value)
    {
        if !secrets.contains_key(name) {
            let path = path.key("secret");
            let diagnostic = reader.wrong(&path, "unknown-secret", format!("the team has no secret `{name}`"));
            let names = || secrets.keys().map(String::as_str);
            let expected = if secrets.is_empty() { "a name under [secret]".to_owned() } else { one_of(names()) };
            reader.note(diagnostic.expected(expected).suggest(name, names()));
        }
        return;
    }
    if depth > DEPTH_MAX {
        return;
    }
    match value {
        Value::Object(fields) => {
            // The plugin would get what only a checked `{ secret = ... }` hands over.
            if fields.contains_key("$secret") {
                let path = path.key("$secret");
                let diagnostic = reader.wrong_key(&path, "bad-secret", "`$secret` is what the plugin sees of a secret");
                reader.note(diagnostic.expected("`{ secret = \"NAME\" }`"));
            }
            for (key, value) in fields {
                check_secrets(value, &path.key(key), secrets, reader, depth + 1);
            }
        }
        Value::Array(elements) => {
            for (i, value) in elements.iter().enumerate() {
                check_secrets(value, &path.index(i), secrets, reader, depth + 1);
            }
        }
        _ => {}
    }
}

/// Writes `{ secret = "NAME" }` as the plugin sees it: `{"$secret": "NAME"}`.
pub fn mark_secrets(value: &mut Value, is_top: bool) {
    if !is_top && let Some(name) = secret_of(value) {
        *value = serde_json::json!({ "$secret": name });
        return;
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|value| mark_secrets(value, false)),
        Value::Array(elements) => elements.iter_mut().for_each(|value| mark_secrets(value, false)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::is_relative_path;

    #[test]
    fn only_relative_paths_are_resolved() {
        for path in ["repos/cpython.git", "./x", "../x", "a/b:c", "x/{{branch}}"] {
            assert!(is_relative_path(path), "{path}");
        }
        for other in
            ["", "/srv/x.git", "https://example.org/x.git", "git@example.org:x.git", "host:path", "{{repository}}"]
        {
            assert!(!is_relative_path(other), "{other}");
        }
    }
}
