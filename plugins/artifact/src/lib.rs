//! The step plugin `artifact`: keeps files of the work directory beyond it, with their SHA-256.

/// A number of bytes as people write it.
mod size;

use schemars::JsonSchema;
use serde::Deserialize;
use size::Size;
use std::collections::BTreeSet;
use weir_plugin_sdk::{Artifact, Capability, Context, Error, Level, Outcome, Refusal, Step};

/// Files that one step stores, at most.
const FILES_MAX: usize = 1_000;
/// Paths of one pattern, at most: what the host lists.
const PATHS_MAX: u32 = 10_000;
/// Files that the step links to; the build's page lists them all.
const LINKS_MAX: usize = 5;
/// The log with a line for each file, as `sha256sum` writes and checks it.
const SUMS: &str = "sha256sums";

/// What stands under `with`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The files: one or more patterns such as `dist/**`. Each keeps its path as its name. Either this or `path`.
    pub files: Option<Patterns>,
    /// One file. Either this or `files`.
    #[schemars(length(min = 1))]
    pub path: Option<String>,
    /// What the file at `path` is called; else it keeps its path.
    #[schemars(length(min = 1, max = 400))]
    pub name: Option<String>,
    /// Stands before each name: `linux/` makes a folder of it.
    #[serde(default)]
    pub prefix: String,
    /// The largest file that is stored, such as `200 MiB`; what is larger makes the step a failure.
    pub max_size: Option<Size>,
    /// Whether it is a failure that no file fits.
    #[serde(default = "yes")]
    pub required: bool,
}

fn yes() -> bool {
    true
}

/// One pattern, or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Patterns {
    /// One.
    One(#[schemars(length(min = 1))] String),
    /// Several.
    Many(#[schemars(length(min = 1))] Vec<String>),
}

impl Patterns {
    fn all(&self) -> &[String] {
        match self {
            Self::One(pattern) => std::slice::from_ref(pattern),
            Self::Many(patterns) => patterns,
        }
    }
}

/// The step.
pub struct Keep;

impl Step for Keep {
    type Settings = Settings;
    const NAME: &'static str = "artifact";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Keeps files of the build, with their SHA-256";
    const CAPABILITIES: &'static [Capability] =
        &[Capability::workspace("finds the files in the work directory"), Capability::artifacts("stores them")];
    const SETTINGS_SCHEMA: Option<&'static str> = Some(include_str!("settings.json"));

    fn run(cx: &mut Context, settings: Settings) -> Result<Outcome, Error> {
        let (wanted, looked_for) = wanted(cx, &settings)?;
        if wanted.is_empty() {
            let summary = format!("no file fits {looked_for}");
            return Ok(if settings.required { Outcome::failure(summary) } else { Outcome::skipped(summary) });
        }
        if wanted.len() > FILES_MAX {
            let n = wanted.len();
            return Ok(Outcome::failure(format!(
                "{n} files fit {looked_for}; a step stores at most {FILES_MAX}: pack them into one"
            )));
        }
        let (mut stored, mut n_refused): (Vec<Artifact>, usize) = (Vec::new(), 0);
        for file in &wanted {
            if cx.cancelled() {
                return Ok(Outcome::failure("stopped"));
            }
            match store(cx, file, settings.max_size) {
                Ok(artifact) => {
                    cx.append(SUMS, &format!("{}  {}\n", artifact.sha256, artifact.name))?;
                    if stored.len() < LINKS_MAX {
                        cx.link(&artifact.name, &artifact.url)?;
                    }
                    stored.push(artifact);
                }
                Err(Refused::File(why)) => {
                    cx.log(Level::Error, &why);
                    n_refused += 1;
                }
                Err(Refused::All(error)) => return Err(error),
            }
        }
        Ok(outcome(&stored, n_refused))
    }
}

/// A file to be stored.
struct Wanted {
    path: String,
    name: String,
    size_bytes: u32,
}

/// Why something was not stored.
enum Refused {
    /// This file; says which and why.
    File(String),
    /// No file can be.
    All(Error),
}

/// The files that are to be stored, and what was looked for in words.
fn wanted(cx: &mut Context, settings: &Settings) -> Result<(Vec<Wanted>, String), Error> {
    let (paths, looked_for): (BTreeSet<String>, String) = match (&settings.files, &settings.path) {
        (Some(_), _) if settings.name.is_some() => {
            return Err(Error::setting(
                "/name",
                "is for `path`, which is one file; `files` keep their paths: use `prefix`",
            ));
        }
        (Some(patterns), None) => {
            let mut paths = BTreeSet::new();
            for pattern in patterns.all() {
                let found = cx.glob(pattern, PATHS_MAX)?;
                if found.len() >= PATHS_MAX as usize {
                    // The list ends there, and what is missing would be missed later.
                    return Err(Error::setting(
                        "/files",
                        format!("`{pattern}` fits {PATHS_MAX} paths or more: narrow it"),
                    ));
                }
                paths.extend(found);
            }
            let patterns: Vec<_> = patterns.all().iter().map(|pattern| format!("`{pattern}`")).collect();
            (paths, patterns.join(" or "))
        }
        (None, Some(path)) => (BTreeSet::from([path.trim_start_matches("./").to_owned()]), format!("`{path}`")),
        _ => return Err(Error::setting("", "give either `files` or `path`")),
    };
    let mut wanted = Vec::new();
    for path in paths {
        // Folders fit patterns too, and what is in them fits by itself.
        let size_bytes = match cx.stat(&path) {
            Ok(Some(stat)) if !stat.is_dir => stat.size_bytes,
            Ok(_) => continue,
            Err(error) if error.kind == Refusal::Denied => return Err(error.into()),
            // A link that leads out, for one: it is refused when it comes to be stored, and by its name.
            Err(_) => 0,
        };
        let name = format!("{}{}", settings.prefix, settings.name.as_deref().unwrap_or(&path));
        wanted.push(Wanted { path, name, size_bytes });
    }
    Ok((wanted, looked_for))
}

fn store(cx: &mut Context, file: &Wanted, max_size: Option<Size>) -> Result<Artifact, Refused> {
    let Wanted { path, name, size_bytes } = file;
    if let Some(max) = max_size.filter(|max| u64::from(*size_bytes) > max.0) {
        let size = Size(u64::from(*size_bytes));
        return Err(Refused::File(format!("{path}: its {size} are more than `max_size` = {max}")));
    }
    cx.store_file(path, name).map_err(|error| match error.kind {
        Refusal::Denied => Refused::All(error.into()),
        _ => Refused::File(format!("{path}: {error}")),
    })
}

fn outcome(stored: &[Artifact], n_refused: usize) -> Outcome {
    let files = |n: usize| format!("{n} file{}", if n == 1 { "" } else { "s" });
    let sum = Size(stored.iter().map(|artifact| u64::from(artifact.size_bytes)).sum());
    let said = match stored {
        [one] => format!("{}, {sum}", one.name),
        many => format!("{}, {sum}", files(many.len())),
    };
    match n_refused {
        0 => Outcome::success(said),
        n => Outcome::failure(format!("{said}; {} not stored, see the log", files(n))),
    }
}

weir_plugin_sdk::export_step!(Keep);

#[cfg(test)]
mod tests {
    use super::{Keep, Settings};
    use expect_test::expect_file;
    use serde_json::{Value, json};
    use weir_plugin_sdk::testing::Script;
    use weir_plugin_sdk::{Error, Outcome, Step, settings_schema};

    fn run(script: &Script, settings: Value) -> Result<Outcome, Error> {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        Keep::run(&mut script.context(), settings)
    }

    fn script() -> Script {
        Script::new().directory("dist").file("dist/a.txt", "aaaa").file("dist/b.bin", &"b".repeat(5_000))
    }

    #[test]
    fn files_that_fit_are_stored_under_their_paths_and_folders_are_passed_over() {
        let script = script();
        let outcome = run(&script, json!({ "files": ["dist*", "dist/*.txt"], "prefix": "linux/" })).unwrap();
        assert_eq!(outcome, Outcome::success("2 files, 4.9 KiB"));
        assert_eq!(script.artifact("linux/dist/a.txt").unwrap(), b"aaaa");
        assert_eq!(script.links().len(), 2);
        let sums = script.log("sha256sums");
        assert!(sums.lines().count() == 2 && sums.contains("  linux/dist/a.txt\n"), "{sums}");
    }

    #[test]
    fn one_file_may_have_a_name_of_its_own() {
        let script = script();
        let outcome = run(&script, json!({ "path": "./dist/a.txt", "name": "readme.txt" })).unwrap();
        assert_eq!(outcome, Outcome::success("readme.txt, 4 B"));
        assert!(script.artifact("readme.txt").is_some());
    }

    #[test]
    fn a_file_that_cannot_be_stored_is_named_and_the_others_are_stored() {
        let script = script();
        run(&script, json!({ "path": "dist/a.txt" })).unwrap();
        let outcome = run(&script, json!({ "files": "dist/*", "max_size": "1 KiB" })).unwrap();
        assert_eq!(outcome, Outcome::failure("0 files, 0 B; 2 files not stored, see the log"));
        let said = script.log("stdio");
        assert!(said.contains("dist/b.bin: its 4.9 KiB are more than `max_size` = 1 KiB"), "{said}");
        assert!(said.contains("dist/a.txt: ") && said.contains("already"), "{said}");
    }

    #[test]
    fn no_file_is_a_failure_unless_none_is_required() {
        let outcome = run(&script(), json!({ "files": ["x/*", "y"] })).unwrap();
        assert_eq!(outcome, Outcome::failure("no file fits `x/*` or `y`"));
        let outcome = run(&script(), json!({ "path": "x", "required": false })).unwrap();
        assert_eq!(outcome, Outcome::skipped("no file fits `x`"));
    }

    #[test]
    fn settings_that_make_no_sense_are_named() {
        let wrong = run(&script(), json!({})).unwrap_err();
        assert!(wrong.to_string().contains("either `files` or `path`"), "{wrong}");
        let both = run(&script(), json!({ "files": "a", "path": "b" })).unwrap_err();
        assert!(both.to_string().contains("either `files` or `path`"), "{both}");
        let name = run(&script(), json!({ "files": "a", "name": "b" })).unwrap_err();
        assert!(name.to_string().starts_with("/name: "), "{name}");
        assert!(serde_json::from_value::<Settings>(json!({ "path": "a", "max_size": "1 MB" })).is_err());
    }

    #[test]
    fn the_schema_in_the_component_is_that_of_the_settings() {
        expect_file!["settings.json"].assert_eq(&format!("{:#}\n", settings_schema::<Keep>()));
    }
}
