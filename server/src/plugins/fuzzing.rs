//! What fuzzing does with any bytes (`fuzz/`, and an ordinary test): everything that reads what a plugin's author or a team has written.

use super::bindings::metadata;
use super::component;
use super::descriptor::Descriptor;
use super::schema;
use crate::config::load::Input;
use crate::config::plugin::Plugin;
use crate::config::server::Server;
use crate::config::source::{File, Kind};
use crate::config::team_texts::TeamTexts;
use crate::config::{Described, NotDescribed, PluginCatalogue, last_good};
use serde_json::Value;
use std::sync::Arc;

/// Between the parts of an input of [`settings`].
const BETWEEN: &str = "\n---\n";

/// The loader, up to where a component would be compiled: whatever the bytes are, it says what it thinks of them.
pub fn component(bytes: &[u8]) {
    let Ok(outside) = component::inspect(bytes) else { return };
    for wasi_compat in [false, true] {
        if let Err(why) = outside.check(wasi_compat) {
            assert!(!why.is_empty(), "a refusal says why");
        }
    }
    assert!(bytes.len() <= component::FILE_BYTES_MAX, "what is too large is refused");
    // Whoever claims nothing hides every granted interface that he imports.
    if let Ok(descriptor) = describe("{}") {
        let claims = component::check_descriptor(&outside, &descriptor);
        assert!(!(claims.is_ok() && outside.wants("command")), "a hidden import is refused");
    }
}

/// Settings and what describes them: a schema, settings as JSON, a configuration as TOML, with `---` on a line between them.
pub fn settings(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(3, BETWEEN);
    let mut next = || parts.next().unwrap_or_default();
    let (schema, settings, toml) = (next(), next(), next());
    let Ok(descriptor) = describe(schema) else { return };
    let schema = Arc::clone(&descriptor.settings_schema);
    // It was compiled when it was described: it compiles again.
    let validator = schema::compile(&schema).expect("a schema that was accepted compiles");
    if let Ok(settings) = serde_json::from_str::<Value>(settings) {
        walk(&schema, "", &settings);
        if let Some(why) = schema::misfit(&validator, &settings) {
            assert!(!why.is_empty(), "what does not fit is told");
        }
    }
    let kept = serde_json::to_vec(&descriptor).expect("a descriptor is kept as JSON");
    let read: Descriptor = serde_json::from_slice(&kept).expect("what was kept is read");
    assert_eq!(read, descriptor, "a descriptor comes back as it was");
    configuration(toml, schema);
}

/// What a plugin says of itself, with this schema.
fn describe(schema: &str) -> Result<Descriptor, String> {
    Descriptor::from_guest(metadata::Descriptor {
        name: "fuzzed".to_owned(),
        version: "0.1.0".to_owned(),
        kind: "step".to_owned(),
        summary: String::new(),
        settings_schema: schema.to_owned(),
        capabilities: Vec::new(),
        extra: Vec::new(),
    })
}

/// Asks for the format of every string in the settings.
fn walk(schema: &Value, pointer: &str, settings: &Value) {
    let name = |key: &str| format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
    match settings {
        Value::Object(object) => object.iter().for_each(|(key, value)| walk(schema, &name(key), value)),
        Value::Array(array) => {
            array.iter().enumerate().for_each(|(n, value)| walk(schema, &name(&n.to_string()), value))
        }
        _ => drop(schema::has_format(schema, pointer, "shell")),
    }
}

/// A configuration in which every plugin has this schema.
fn configuration(toml: &str, schema: Arc<Value>) {
    let main =
        File { shown: "weir.toml".into(), path: "/etc/weir/weir.toml".into(), kind: Kind::Main, text: toml.to_owned() };
    let (dir, unreadable, environment) = ("/etc/weir".into(), Vec::new(), Vec::new());
    let input = Input { dir, files: vec![main], unreadable, environment };
    let loaded = last_good::load(&input, &Same(schema), &TeamTexts::new());
    for diagnostic in &loaded.diagnostics {
        assert!(!diagnostic.to_string().is_empty(), "a diagnostic says something");
    }
}

/// Every plugin is there, and the same.
struct Same(Arc<Value>);

impl PluginCatalogue for Same {
    fn describe(&self, _: &str, _: &Plugin, _: &Server) -> Result<Described, NotDescribed> {
        Ok(Described { is_step: true, settings_schema: Arc::clone(&self.0) })
    }

    fn names(&self, _: &Server) -> Vec<String> {
        vec!["fuzzed".to_owned()]
    }
}
