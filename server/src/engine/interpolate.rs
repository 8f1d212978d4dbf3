//! Fills the placeholders of step settings from a build's properties.
//!
//! What stands in a value is never looked at again: a value that holds `{{x}}` stays as it is. In a line for the shell each value
//! becomes one quoted word; anywhere else, also in each entry of a list, it is inserted as it is.

use crate::model::alike;
use crate::model::placeholder::{self, Piece};
use crate::model::property::Properties;
use crate::model::shell;
use serde_json::Value;
use std::collections::BTreeSet;

/// Filled settings may be this large altogether, in bytes of text.
const FILLED_BYTES_MAX: usize = 1 << 20;

/// Names that every build knows: empty where nobody gave them.
const ALWAYS_KNOWN: [&str; 9] =
    ["branch", "revision", "got_revision", "repository", "project", "codebase", "owner", "reason", "scheduler"];

/// A setting that refers to a secret is an object with this key only; it is left alone.
const SECRET_KEY: &str = "$secret";

/// Where values come from.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// The build's properties.
    pub properties: &'a Properties,
    /// Names that the builder declares (force parameters and the like): empty where nobody gave them.
    pub declared: &'a BTreeSet<String>,
}

impl Values<'_> {
    /// Replaces every placeholder in the strings of `settings`; keys stay untouched. `is_shell_line` tells by JSON pointer which
    /// strings are lines for the shell.
    ///
    /// # Errors
    /// A sentence that names the unknown property and the nearest known one, or the broken placeholder, and where it stands.
    pub fn fill(&self, settings: &Value, is_shell_line: &(dyn Fn(&str) -> bool + Sync)) -> Result<Value, String> {
        let mut filling = Filling { values: *self, is_shell_line, n_bytes: 0 };
        filling.value(settings, &mut String::new())
    }

    /// The text of `name`; none where it is not known at all.
    fn text(&self, name: &str) -> Option<String> {
        if let Some(value) = self.properties.get(name) {
            return Some(text_of(value));
        }
        if let Some(value) = self.inside(name) {
            return Some(text_of(value));
        }
        (ALWAYS_KNOWN.contains(&name) || self.declared.contains(name)).then(String::new)
    }

    /// `a.b.0`: inside of the property `a`.
    fn inside(&self, path: &str) -> Option<&Value> {
        let (name, rest) = path.split_once('.')?;
        rest.split('.').try_fold(self.properties.get(name)?, |value, key| match value {
            Value::Object(map) => map.get(key),
            Value::Array(list) => list.get(key.parse::<usize>().ok()?),
            _ => None,
        })
    }

    fn unknown(&self, name: &str) -> String {
        let known = self.properties.0.keys().map(String::as_str);
        // First what every build knows: of very many names not all are compared.
        let known = ALWAYS_KNOWN.into_iter().chain(self.declared.iter().map(String::as_str)).chain(known);
        let nearest = alike::compared(name, known)
            .map(|known| (strsim::damerau_levenshtein(known, name), known))
            .filter(|(distance, _)| *distance <= 1 + name.len() / 3)
            .min();
        match nearest {
            Some((_, nearest)) => format!("there is no property `{name}` in this build; nearest is `{nearest}`"),
            None => format!("there is no property `{name}` in this build"),
        }
    }
}

/// A value as text: strings as they are, nothing for null, anything else as compact JSON.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

struct Filling<'a> {
    values: Values<'a>,
    is_shell_line: &'a (dyn Fn(&str) -> bool + Sync),
    n_bytes: usize,
}

impl Filling<'_> {
    fn value(&mut self, value: &Value, pointer: &mut String) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(
                self.text(text, (self.is_shell_line)(pointer)).map_err(|why| format!("{}: {why}", place(pointer)))?,
            ),
            Value::Array(list) => {
                let filled = list.iter().enumerate().map(|(i, entry)| self.below(entry, pointer, &i.to_string()));
                Value::Array(filled.collect::<Result<_, _>>()?)
            }
            Value::Object(map) if map.len() == 1 && map.contains_key(SECRET_KEY) => value.clone(),
            Value::Object(map) => {
                let mut filled = serde_json::Map::new();
                for (key, entry) in map {
                    filled.insert(key.clone(), self.below(entry, pointer, key)?);
                }
                Value::Object(filled)
            }
            other => other.clone(),
        })
    }

    fn below(&mut self, value: &Value, pointer: &mut String, key: &str) -> Result<Value, String> {
        let len = pointer.len();
        pointer.push('/');
        pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
        let filled = self.value(value, pointer);
        pointer.truncate(len);
        filled
    }

    fn text(&mut self, text: &str, is_shell_line: bool) -> Result<String, String> {
        placeholder::check(text, is_shell_line).map_err(|e| e.to_string())?;
        let mut filled = String::new();
        for piece in placeholder::parse(text).map_err(|e| e.to_string())? {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Name(name) | Piece::BareName(name) => {
                    let value = self.values.text(name).ok_or_else(|| self.values.unknown(name))?;
                    if value.contains('\0') {
                        return Err(format!("the property `{name}` holds a NUL byte, which no command can take"));
                    }
                    filled.push_str(&if is_shell_line { shell::quote(&value) } else { value });
                }
            }
            if self.n_bytes + filled.len() > FILLED_BYTES_MAX {
                return Err(format!("with its properties filled in, the settings grow over {FILLED_BYTES_MAX} bytes"));
            }
        }
        self.n_bytes += filled.len();
        Ok(filled)
    }
}

/// A JSON pointer for people: `/env/PATH` is `env.PATH`.
fn place(pointer: &str) -> String {
    let keys: Vec<_> = pointer.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~")).collect();
    if keys.is_empty() { "settings".to_owned() } else { keys.join(".") }
}

#[cfg(test)]
mod tests {
    use super::Values;
    use crate::model::property::Properties;
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn fill(settings: Value) -> Result<Value, String> {
        let mut properties = Properties::default();
        properties.set("branch", "x;touch pwned", "Force");
        properties.set("version", "2.4", "Builder");
        properties.set("jobs", 4, "Builder");
        properties.set("debug", true, "Builder");
        properties.set("none", Value::Null, "Builder");
        properties.set("targets", json!(["a b", "c"]), "Builder");
        properties.set("os", json!({"name": "bsd"}), "Builder");
        properties.set("nested", "{{version}} $(id) it's", "Force");
        properties.set("dash", "-rf", "Force");
        properties.set("lines", "a\nb", "Force");
        properties.set("nul", "a\0b", "Force");
        let declared = BTreeSet::from(["note".to_owned()]);
        Values { properties: &properties, declared: &declared }.fill(&settings, &|pointer| pointer == "/command")
    }

    #[test]
    fn in_a_shell_line_each_value_is_one_quoted_word() {
        for (line, filled) in [
            ("git log {{branch}}", "git log 'x;touch pwned'"),
            ("make -j{{jobs}}", "make -j'4'"),
            ("rm {{dash}}", "rm '-rf'"),
            ("echo {{lines}}", "echo 'a\nb'"),
            ("echo {{nested}}", r"echo '{{version}} $(id) it'\''s'"),
            ("echo {{revision}} {{note}}", "echo '' ''"),
            ("echo {{os.name}}-{{version}} {{targets}}", r#"echo 'bsd'-'2.4' '["a b","c"]'"#),
            (r"docker ps --format '\{{.Names}}' {{version}}", "docker ps --format '{{.Names}}' '2.4'"),
        ] {
            assert_eq!(fill(json!({ "command": line })), Ok(json!({ "command": filled })), "{line}");
        }
    }

    #[test]
    fn elsewhere_a_value_is_inserted_as_it_is() {
        let settings = json!({
            "command": ["git", "log", "{{branch}}", "{{dash}}", "'{{nested}}'"],
            "env": { "{{version}}": "{{debug}}{{none}}", "N": 3 },
            "token": { "$secret": "{{branch}}" },
        });
        let filled = json!({
            "command": ["git", "log", "x;touch pwned", "-rf", "'{{version}} $(id) it's'"],
            "env": { "{{version}}": "true", "N": 3 },
            "token": { "$secret": "{{branch}}" },
        });
        assert_eq!(fill(settings), Ok(filled));
    }

    #[test]
    fn what_cannot_be_filled_is_said_with_its_place() {
        for (settings, why) in [
            (
                json!({"command": "{{brnach}}"}),
                "command: there is no property `brnach` in this build; nearest is `branch`",
            ),
            (json!({"a": [{"b/c": "{{zzzzzzzz}}"}]}), "a.0.b/c: there is no property `zzzzzzzz` in this build"),
            (json!({"a": "{{os.nam}}"}), "a: there is no property `os.nam` in this build"),
            (json!({"a": "{{nul}}"}), "a: the property `nul` holds a NUL byte, which no command can take"),
            (
                json!({"command": "echo '{{branch}}'"}),
                "command: `{{branch}}` stands inside single quotes, where a value would not stay one word: write it bare (it \
                 is quoted by itself), or set it as a variable in `env` and use that",
            ),
            (
                json!({"command": "echo {{{branch}}}"}),
                "command: `{{{branch}}}` would put a value into the shell line unquoted; write `{{branch}}`",
            ),
        ] {
            assert_eq!(fill(settings), Err(why.to_owned()));
        }
    }

    /// Compared, these lengths are 62,500,000,000 pairs of characters on a thread that starts builds: minutes. A name between braces is
    /// bounded when it is read; this is so for any name.
    #[test]
    fn a_long_name_is_compared_with_nothing() {
        let mut properties = Properties::default();
        properties.set("b".repeat(250_000), 1, "Builder");
        let values = Values { properties: &properties, declared: &BTreeSet::new() };
        let long = "a".repeat(250_000);
        assert_eq!(values.unknown(&long), format!("there is no property `{long}` in this build"));
        let error = values.fill(&json!(format!("{{{{{long}}}}}")), &|_| false).unwrap_err();
        assert!(error.contains("names of properties have at most 200 characters") && error.len() < 1_000, "{error}");
    }

    #[test]
    fn filled_settings_are_bounded() {
        let mut properties = Properties::default();
        properties.set("big", "x".repeat(1000), "Force");
        let values = Values { properties: &properties, declared: &BTreeSet::new() };
        let error = values.fill(&json!("{{big}}".repeat(2000)), &|_| false).unwrap_err();
        assert!(error.contains("grow over 1048576 bytes"), "{error}");
    }
}
