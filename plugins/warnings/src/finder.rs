//! Warnings out of lines that the host found.

use crate::Settings;
use weir_plugin_sdk::pattern::group_names;
use weir_plugin_sdk::{Channel, Error, Line};

/// What a line that was found means, by its pattern's place.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Meaning {
    /// Nothing: people do not want it, or it only looks like a warning.
    Ignored,
    /// A warning; the places of its groups, from 1.
    Warning(Groups),
    /// Where the warning in the line before is.
    Place(Groups),
}

/// Which group is what, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Groups {
    file: Option<usize>,
    line: Option<usize>,
    message: Option<usize>,
}

impl Groups {
    fn of(pattern: &str) -> Self {
        let names = group_names(pattern);
        let place = |name| names.iter().position(|n| *n == Some(name)).map(|at| at + 1);
        Self { file: place("file"), line: place("line"), message: place("message") }
    }
}

/// A warning that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The line of the output's stream, from 1.
    pub number: u32,
    /// The stream.
    pub channel: Channel,
    /// Where in the source: `x.c:3`; empty where it does not say.
    pub place: String,
    /// What it says.
    pub message: String,
}

/// Puts warnings together from the lines that the host found.
#[derive(Debug)]
pub struct Finder {
    patterns: Vec<String>,
    meanings: Vec<Meaning>,
    /// Its place may stand in the next line.
    open: Option<Warning>,
}

impl Finder {
    /// What the settings want to be found.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        // The first that fits counts: what is ignored is ignored whatever else it is.
        let mut known: Vec<(String, Meaning)> = Vec::new();
        known.extend(settings.ignore.iter().map(|pattern| (pattern.clone(), Meaning::Ignored)));
        if settings.format.is_none() && settings.pattern.is_none() {
            return Err(Error::setting("/format", "says whose warnings to look for, or `pattern` what they look like"));
        }
        if let Some(pattern) = &settings.pattern {
            known.push((pattern.clone(), Meaning::Warning(Groups::of(pattern))));
        }
        if let Some(look) = settings.format.map(|format| format.look()) {
            known.extend(look.none.iter().map(|pattern| ((*pattern).to_owned(), Meaning::Ignored)));
            known.push((look.warning.to_owned(), Meaning::Warning(Groups::of(look.warning))));
            known.extend(look.place.map(|pattern| (pattern.to_owned(), Meaning::Place(Groups::of(pattern)))));
        }
        let (patterns, meanings) = known.into_iter().unzip();
        Ok(Self { patterns, meanings, open: None })
    }

    /// What the host is to look for.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// Takes the next line that was found; a warning is returned once nothing more can belong to it.
    pub fn take(&mut self, line: &Line) -> Option<Warning> {
        match self.meanings.get(line.which)? {
            Meaning::Ignored => None,
            Meaning::Place(groups) => {
                let is_next = |w: &Warning| w.channel == line.channel && w.number.checked_add(1) == Some(line.number);
                if let Some(open) = self.open.as_mut().filter(|open| is_next(open) && open.place.is_empty()) {
                    open.place = place(line, groups);
                }
                None
            }
            Meaning::Warning(groups) => {
                let taken = |group: Option<usize>| group.and_then(|n| line.group(n));
                let message = taken(groups.message).unwrap_or(&line.text).trim_end().to_owned();
                let place = place(line, groups);
                self.open.replace(Warning { number: line.number, channel: line.channel, place, message })
            }
        }
    }

    /// The last warning.
    pub fn end(&mut self) -> Option<Warning> {
        self.open.take()
    }
}

fn place(line: &Line, groups: &Groups) -> String {
    let taken = |group: Option<usize>| group.and_then(|n| line.group(n));
    match (taken(groups.file), taken(groups.line)) {
        (Some(file), Some(number)) => format!("{file}:{number}"),
        (Some(file), None) => file.to_owned(),
        (None, _) => String::new(),
    }
}
