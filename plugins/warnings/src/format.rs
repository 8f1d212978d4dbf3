//! What warnings look like.

use schemars::JsonSchema;
use serde::Deserialize;

/// Whose output it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Gcc,
    Clang,
    Rustc,
    Msvc,
    Python,
    Javac,
}

/// How warnings are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// A warning, with the groups `file`, `line` and `message`.
    pub warning: &'static str,
    /// What only looks like one.
    pub none: &'static [&'static str],
    /// Where the warning in the line before is, with the groups `file` and `line`.
    pub place: Option<&'static str>,
}

impl Format {
    /// How warnings of this kind are found.
    pub fn look(self) -> Look {
        match self {
            // `x.c:3:5: warning: unused variable 'x' [-Wunused-variable]`, `ld: warning: ...`, `Makefile:3: warning: ...`
            Self::Gcc | Self::Clang => Look {
                warning: r"^(?<file>(?:[A-Za-z]:)?[^:\s][^:]*):(?:(?<line>\d+):)?(?:\d+:)? [Ww]arning: (?<message>.*)",
                none: &[r"^[^:]+:\d+:\d+: note: "],
                place: None,
            },
            // `warning: unused variable: `x``, and in the next line `  --> src/main.rs:2:9`
            Self::Rustc => Look {
                warning: r"^warning(?:\[[^\]]*\])?: (?<message>.*)",
                none: &[
                    r"^warning: `.*` \(.*\) generated \d+ warnings?",
                    r"^warning: \d+ warnings? emitted",
                    r"^warning: build failed, waiting for other jobs",
                ],
                place: Some(r"^\s*--> (?<file>.+?):(?<line>\d+):\d+"),
            },
            // `x.cpp(3,5): warning C4101: 'x': unreferenced local variable`, `LINK : warning LNK4098: ...`
            Self::Msvc => Look {
                warning: r"^(?:\s*\d+>)?\s*(?<file>.+?)\s?(?:\((?<line>\d+)(?:,\d+)*\))?\s?: warning (?<message>[A-Za-z]+\d+\s?:.*)",
                none: &[],
                place: None,
            },
            // `x.py:3: DeprecationWarning: invalid escape sequence`
            Self::Python => Look {
                warning: r"^\s*(?<file>(?:[A-Za-z]:)?[^:]+):(?<line>\d+): (?<message>\w*Warning: .*)",
                none: &[],
                place: None,
            },
            // `X.java:3: warning: [deprecation] ...`, `warning: [options] ...`
            Self::Javac => {
                Look { warning: r"^(?:(?<file>.+?):(?<line>\d+): )?warning: (?<message>.*)", none: &[], place: None }
            }
        }
    }
}
