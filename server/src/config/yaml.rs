//! YAML with places: the part of YAML 1.2 that cannot be misread.
//!
//! Read as the core schema says: only `true` and `false` are booleans, so `no`, `on` and `y` are text. A number that is not written as it
//! would be shown (`1.10`, `010`, `1e3`, `0x1F`) is refused, because it is text to some and a number to others. Anchors, aliases, merge
//! keys and tags are refused: with them a short file can mean a huge one, or something else than it shows.

use super::tree::{DEPTH_MAX, Data, Entry, Problem, Table, Tree};
use figment::value::{Empty, Value};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};
use std::ops::Range;

const SYNTAX: &str = "yaml-syntax";

/// The document in `text`, and what may not stand in it. An empty text is an empty table.
///
/// # Errors
/// Where its syntax is wrong, or it cannot be told what is meant.
pub fn parse(text: &str) -> Result<(Tree, Vec<Problem>), Problem> {
    let mut reading = Reading { events: Parser::new_from_str(text), places: Places::of(text), problems: Vec::new() };
    let mut root = None;
    while let Some((event, span)) = reading.next()? {
        match event {
            Event::DocumentStart(_) if root.is_some() => {
                let problem = Problem::new(span, SYNTAX, "a second document begins here");
                return Err(problem.expected("one document a file"));
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
            event => root = Some(reading.node(event, span, 0)?),
        }
    }
    let empty = || Tree { span: 0..0, data: Data::Table(Table::default()) };
    let root = match root {
        // A file of comments.
        Some(Tree { data: Data::Scalar(Value::Empty(..)), .. }) | None => empty(),
        Some(root) => root,
    };
    match root.data {
        Data::Table(_) => Ok((root, reading.problems)),
        _ => Err(Problem::new(root.span, "wrong-type", "this document is no table").expected("keys with their values")),
    }
}

/// From the places of the parser, in characters, to bytes.
struct Places {
    /// The bytes before each character; none where each is one byte.
    offsets: Option<Vec<usize>>,
    n_bytes: usize,
}

struct Reading<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    places: Places,
    problems: Vec<Problem>,
}

impl Places {
    fn of(text: &str) -> Self {
        let offsets = (!text.is_ascii()).then(|| text.char_indices().map(|(offset, _)| offset).collect());
        Self { offsets, n_bytes: text.len() }
    }

    fn byte(&self, at: Marker) -> usize {
        match &self.offsets {
            Some(offsets) => offsets.get(at.index()).copied().unwrap_or(self.n_bytes),
            None => at.index().min(self.n_bytes),
        }
    }

    fn range(&self, span: Span) -> Range<usize> {
        self.byte(span.start)..self.byte(span.end).max(self.byte(span.start))
    }
}

impl<'a> Reading<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Range<usize>)>, Problem> {
        match self.events.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, self.places.range(span)))),
            Some(Err(error)) => {
                let at = self.places.byte(*error.marker());
                Err(Problem::new(at..at, SYNTAX, error.info()))
            }
        }
    }

    /// The next event inside of a table or list.
    fn inside(&mut self, above: &Range<usize>) -> Result<(Event<'a>, Range<usize>), Problem> {
        self.next()?.ok_or_else(|| Problem::new(above.clone(), SYNTAX, "this is not closed"))
    }

    fn node(&mut self, event: Event<'a>, span: Range<usize>, depth: usize) -> Result<Tree, Problem> {
        if depth > DEPTH_MAX {
            return Err(Problem::new(span, "too-deep", format!("over {DEPTH_MAX} tables and lists in each other")));
        }
        let data = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse(anchor, tag.is_some(), &span);
                let is_plain = style == ScalarStyle::Plain;
                Data::Scalar(if is_plain { self.plain(&text, &span) } else { Value::from(text.as_ref()) })
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse(anchor, tag.is_some(), &span);
                let mut elements = Vec::new();
                loop {
                    let (event, at) = self.inside(&span)?;
                    if event == Event::SequenceEnd {
                        break Data::List(elements);
                    }
                    elements.push(self.node(event, at, depth + 1)?);
                }
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse(anchor, tag.is_some(), &span);
                self.table(&span, depth)?
            }
            Event::Alias(_) => {
                self.refuse(1, false, &span);
                Data::Scalar(Value::Empty(figment::value::Tag::Default, Empty::Unit))
            }
            _ => return Err(Problem::new(span, SYNTAX, "a value was expected here")),
        };
        Ok(Tree { span, data })
    }

    fn table(&mut self, span: &Range<usize>, depth: usize) -> Result<Data, Problem> {
        let mut table = Table::default();
        loop {
            let (event, at) = self.inside(span)?;
            let key = match event {
                Event::MappingEnd => return Ok(Data::Table(table)),
                Event::Scalar(text, _, anchor, tag) => {
                    self.refuse(anchor, tag.is_some(), &at);
                    text.into_owned()
                }
                other => {
                    self.problems.push(Problem::new(at.clone(), "yaml-key", "this key is no text"));
                    self.node(other, at.clone(), depth + 1)?;
                    String::new()
                }
            };
            if key == "<<" {
                let problem = Problem::new(at.clone(), "yaml-anchor", "tables are not merged");
                self.problems.push(problem.expected("each table written out, or a `recipe`"));
            }
            let (event, value_at) = self.inside(span)?;
            let value = self.node(event, value_at, depth + 1)?;
            table.add(Entry { key, span: at, value }, &mut self.problems);
        }
    }

    /// Says that there is an anchor or a tag.
    fn refuse(&mut self, anchor: usize, is_tagged: bool, span: &Range<usize>) {
        if anchor != 0 {
            let problem = Problem::new(span.clone(), "yaml-anchor", "anchors (`&`) and aliases (`*`) are not read");
            self.problems
                .push(problem.expected("each value written out, text that begins so in quotes, or a `recipe`"));
        }
        if is_tagged {
            let problem = Problem::new(span.clone(), "yaml-tag", "tags (`!`) are not read");
            self.problems.push(problem.expected("text in quotes, everything else as it is"));
        }
    }

    /// A value without quotes.
    fn plain(&mut self, text: &str, span: &Range<usize>) -> Value {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Value::Empty(figment::value::Tag::Default, Empty::Unit),
            "true" => Value::from(true),
            "false" => Value::from(false),
            _ if !looks_like_number(text) => Value::from(text),
            _ => match number(text) {
                Some(number) => number,
                None => {
                    let message = format!("`{text}` may be a number or text");
                    let problem = Problem::new(span.clone(), "yaml-number", message);
                    self.problems
                        .push(problem.expected("quotes around it for text, or the number in its plainest form"));
                    Value::from(text)
                }
            },
        }
    }
}

/// Whether YAML 1.1 or 1.2 take this for a number.
fn looks_like_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']);
    let Some(first) = digits.strip_prefix('.').unwrap_or(digits).chars().next() else { return false };
    if matches!(digits.to_ascii_lowercase().as_str(), ".inf" | ".nan") {
        return true;
    }
    let is_based = |prefix: &str, radix: u32| {
        digits.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix)))
    };
    let is_grouped = digits.contains('_') && digits.chars().all(|c| c.is_ascii_digit() || c == '_');
    first.is_ascii_digit()
        && (digits.parse::<f64>().is_ok() || is_grouped || is_based("0x", 16) || is_based("0o", 8) || is_based("0b", 2))
}

/// The number that is written exactly as it would be shown.
fn number(text: &str) -> Option<Value> {
    let same = |shown: String| shown == text;
    let signed = text.parse::<i64>().ok().filter(|n| same(n.to_string())).map(Value::from);
    let unsigned = || text.parse::<u64>().ok().filter(|n| same(n.to_string())).map(Value::from);
    let float = || text.parse::<f64>().ok().filter(|n| n.is_finite() && same(format!("{n:?}"))).map(Value::from);
    signed.or_else(unsigned).or_else(float)
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::config::value::to_json;
    use serde_json::json;

    fn value(text: &str) -> serde_json::Value {
        let (tree, problems) = parse(text).unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        to_json(&tree.value())
    }

    /// The rules that are broken, each with the text it is about.
    fn broken(text: &str) -> Vec<(&'static str, &str)> {
        match parse(text) {
            Ok((_, problems)) => problems.into_iter().map(|p| (p.rule, &text[p.span])).collect(),
            Err(problem) => vec![(problem.rule, &text[problem.span])],
        }
    }

    #[test]
    fn values_are_what_they_look_like() {
        let text = "# comment\nß: 'text'\nn: 3\nhalf: 0.5\nyes: no\non: change\nday: 2026-11-23\nclock: 12:30\nlist:\n- a\n- {b: true}\n\
                    block: |\n  one\n  two\n2.3: key\nnothing:\nquoted: \"1.10\"\nversion: 1.2.3\nminus: -1\nbig: 18446744073709551615\n";
        let is = json!({
            "ß": "text", "n": 3, "half": 0.5, "yes": "no", "on": "change", "day": "2026-11-23", "clock": "12:30",
            "list": ["a", {"b": true}], "block": "one\ntwo\n", "2.3": "key", "nothing": null, "quoted": "1.10",
            "version": "1.2.3", "minus": -1, "big": 18_446_744_073_709_551_615_u64,
        });
        assert_eq!(value(text), is);
        for empty in ["", "# nothing\n", "---\n", "---\n...\n"] {
            assert_eq!(value(empty), json!({}), "{empty:?}");
        }
    }

    #[test]
    fn what_could_be_misread_is_refused_where_it_stands() {
        for number in
            ["1.10", "010", "0o17", "0x1F", "1e3", "+1", ".5", "1_000", ".inf", "-.NaN", "1.", "99999999999999999999"]
        {
            assert_eq!(broken(&format!("a: {number}\n")), [("yaml-number", number)]);
        }
        assert_eq!(broken("a: &x [1]\nb: *x\n").iter().map(|(rule, _)| *rule).collect::<Vec<_>>(), ["yaml-anchor"; 2]);
        assert_eq!(broken("ß: 1\na: !!str 1\n")[0].0, "yaml-tag");
        assert_eq!(broken("<<: {a: 1}\n"), [("yaml-anchor", "<<")]);
        assert_eq!(broken("a: 1\nß: 2\na: 3\n"), [("duplicate-key", "a")]);
        assert_eq!(broken("? [a, b]\n: 1\n")[0].0, "yaml-key");
        assert_eq!(broken("a: 1\n---\nb: 2\n")[0].0, "yaml-syntax");
        assert_eq!(broken("- a\n")[0].0, "wrong-type");
        assert_eq!(broken("a: [1\n")[0].0, "yaml-syntax");
        assert_eq!(broken("a: {b: \"c}\n")[0].0, "yaml-syntax");
        assert_eq!(broken(&format!("a: {}{}\n", "[".repeat(100), "]".repeat(100)))[0].0, "too-deep");
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..12 {
            let aliases = vec![format!("*a{}", i - 1); 9].join(", ");
            text.push_str(&format!("a{i}: &a{i} [{aliases}]\n"));
        }
        assert!(broken(&text).iter().all(|(rule, _)| *rule == "yaml-anchor"));
    }
}
