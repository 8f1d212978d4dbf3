//! What somebody types: settings from a file or in place, properties as `NAME=VALUE`.

use crate::config::document::from_toml;
use crate::config::team::{Secret, TeamSecret};
use crate::model::property::Properties;
use anyhow::{Context, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Settings: JSON in place, or a file of JSON or TOML.
///
/// # Errors
/// Where there is no such file, or it is neither.
pub fn settings(given: Option<&str>) -> anyhow::Result<Value> {
    let Some(given) = given else { return Ok(Value::Object(serde_json::Map::new())) };
    if given.trim_start().starts_with('{') {
        return serde_json::from_str(given).context("the settings are no JSON");
    }
    let path = Path::new(given);
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("reading the settings from {given} (JSON in place begins with a brace)"))?;
    match path.extension().and_then(|e| e.to_str()) {
        Some("toml") => from_toml(&text).map_err(|why| anyhow::anyhow!("{given} is no TOML: {why}")),
        Some("json") => serde_json::from_str(&text).with_context(|| format!("{given} is no JSON")),
        _ => bail!("{given} is neither `.toml` nor `.json`: settings are one of these, or JSON in place"),
    }
}

/// Adds `NAME=VALUE` to the properties. A value that is JSON keeps its type; anything else is text.
///
/// # Errors
/// Where there is no `=` or no name.
pub fn add_property(properties: &mut Properties, given: &str) -> anyhow::Result<()> {
    match given.split_once('=') {
        Some((name, text)) if !name.is_empty() => {
            let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
            properties.set(name, value, "Command line");
            Ok(())
        }
        _ => bail!("`{given}` is no property: write `--property NAME=VALUE`"),
    }
}

/// Secrets, each the content of a file: `NAME=FILE`.
///
/// # Errors
/// Where there is no `=`, no name or no such file.
pub fn secrets(given: &[String]) -> anyhow::Result<BTreeMap<String, TeamSecret>> {
    let mut secrets = BTreeMap::new();
    for given in given {
        let Some((name, file)) = given.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            bail!("`{given}` is no secret: write `--secret NAME=FILE`");
        };
        let file = std::path::absolute(file).with_context(|| format!("finding {file}"))?;
        if !file.is_file() {
            bail!("there is no file {} for the secret `{name}`", file.display());
        }
        secrets.insert(name.to_owned(), TeamSecret { from: Secret::File(file), hosts: None });
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::{add_property, settings};
    use crate::model::property::Properties;
    use serde_json::json;

    #[test]
    fn settings_come_from_files_of_two_kinds_or_in_place() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).unwrap();
            dir.path().join(name).display().to_string()
        };
        assert_eq!(settings(None).unwrap(), json!({}));
        assert_eq!(settings(Some("{ \"a\": 1 }")).unwrap(), json!({ "a": 1 }));
        assert_eq!(settings(Some(&file("s.toml", "a = [1]"))).unwrap(), json!({ "a": [1] }));
        assert_eq!(settings(Some(&file("s.json", "{\"a\": null}"))).unwrap(), json!({ "a": null }));
        for (given, said) in [
            ("{".to_owned(), "no JSON"),
            ("missing.toml".to_owned(), "missing.toml"),
            (file("b.toml", "a = "), "line 1, column 5"),
            (file("b.yaml", "a: 1"), "neither"),
        ] {
            let error = format!("{:#}", settings(Some(&given)).unwrap_err());
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_property_keeps_the_type_of_its_json() {
        let mut properties = Properties::default();
        for given in ["n=3", "text=a b", "empty=", "eq=a=b"] {
            add_property(&mut properties, given).unwrap();
        }
        let values: Vec<_> = ["n", "text", "empty", "eq"].map(|name| properties.get(name).unwrap().clone()).into();
        assert_eq!(values, [json!(3), json!("a b"), json!(""), json!("a=b")]);
        assert!(add_property(&mut properties, "n").is_err() && add_property(&mut properties, "=3").is_err());
    }
}
