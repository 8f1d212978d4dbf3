//! What the configuration says.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;

/// What stands under `with`. An empty string is as good as none, so that `{{branch}}` may be empty.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the code is: a URL, or a path (relative to the configuration file).
    #[schemars(length(min = 1), extend("format" = "path-or-url"))]
    pub repository: String,
    /// Branch (or tag) to check out; none is the build's, then the repository's default branch.
    pub branch: Option<String>,
    /// Exact revision to check out; none is the build's, then the branch's newest.
    pub revision: Option<String>,
    /// Tag to check out, whatever branch and revision the build has.
    pub tag: Option<String>,
    /// Folder in the work directory; none is the work directory itself.
    pub directory: Option<String>,
    /// What is removed of what builds before have left. `nothing`: only changed files are set back. `untracked`: what is not under
    /// version control, but for ignored files. `ignored`: ignored files too. `everything`: the clone too, which is made anew.
    #[serde(default)]
    #[schemars(extend("default" = "ignored"))]
    pub clean: Clean,
    /// Fetch only so many commits of history.
    #[schemars(range(min = 1))]
    pub depth: Option<u32>,
    /// Fetch only a part of the content, the rest when something needs it. `blob:none`: no files but those that are checked out.
    /// `tree:0`: no directories either. The repository's server must offer it.
    pub filter: Option<Filter>,
    /// Check out only these directories and the files beside them on the way.
    #[schemars(length(min = 1))]
    pub sparse: Option<Vec<String>>,
    /// Check out submodules: `true` those of the repository, `"recursive"` theirs too.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub submodules: Submodules,
    /// Check out files that Git LFS keeps; the worker must have `git-lfs`.
    #[serde(default)]
    pub lfs: bool,
    /// Follow the build's own branch and revision; false for a second repository that has nothing to do with them.
    #[serde(default = "yes")]
    pub source_stamp: bool,
}

fn yes() -> bool {
    true
}

/// What is removed of what builds before have left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Clean {
    Nothing,
    Untracked,
    #[default]
    Ignored,
    Everything,
}

impl Clean {
    /// For `git clean`: by force, repositories inside too, directories too.
    pub fn flags(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Untracked => Some("-ffd"),
            Self::Ignored | Self::Everything => Some("-ffdx"),
        }
    }
}

/// What is fetched only when something needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Filter {
    #[serde(rename = "blob:none")]
    Files,
    #[serde(rename = "tree:0")]
    Directories,
}

impl Filter {
    /// As git writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Files => "blob:none",
            Self::Directories => "tree:0",
        }
    }
}

/// Which submodules are checked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Submodules {
    #[default]
    None,
    Direct,
    Recursive,
}

impl<'de> Deserialize<'de> for Submodules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl Visitor<'_> for Words {
            type Value = Submodules;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`, `false` or `\"recursive\"`")
            }

            fn visit_bool<E: de::Error>(self, is_wanted: bool) -> Result<Submodules, E> {
                Ok(if is_wanted { Submodules::Direct } else { Submodules::None })
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Submodules, E> {
                match word {
                    "recursive" => Ok(Submodules::Recursive),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Words)
    }
}

impl JsonSchema for Submodules {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Submodules".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": [false, true, "recursive"] })
    }
}
