//! A JUnit XML report as it is read: test cases as they end, no tree in memory. There is no standard; this takes what Ant, Maven,
//! Gradle, pytest, GoogleTest, CTest, Jest and cargo-nextest write: `testsuites`, nested `testsuite`s, `testcase` with at most one of
//! `failure`, `error`, `skipped`, each with `message` and text.
//!
//! A report is a stranger's: entities are not expanded beyond XML's own five and characters by number, nothing is fetched, and how deep
//! elements may nest has a bound.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use std::time::Duration;
use weir_plugin_sdk::{TestCase, TestOutcome};

/// Elements within elements, at most.
const DEPTH_MAX: usize = 100;
/// Bytes of a message that are kept, as the host keeps them.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// Why a report could not be read, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken {
    /// From 1.
    pub line: usize,
    /// From 1, in bytes.
    pub column: usize,
    /// A sentence's rest.
    pub why: String,
}

/// An element that is open and means something.
#[derive(Debug)]
enum Open {
    /// A test suite, by its name.
    Suite(String),
    /// A test case.
    Case,
    /// Why a test case did not pass.
    Reason,
    /// Output, properties and whatever else stands there.
    Other,
}

/// Reads a report and hands each test case to `take`.
///
/// # Errors
/// Where it is no JUnit report or breaks off; cases before that were handed over.
pub fn read(content: &[u8], take: &mut dyn FnMut(TestCase)) -> Result<(), Broken> {
    if content.starts_with(&[0xff, 0xfe]) || content.starts_with(&[0xfe, 0xff]) {
        return Err(Broken { line: 1, column: 1, why: "it is UTF-16; write it as UTF-8".to_owned() });
    }
    // Test output often holds bytes that are no UTF-8.
    let text = String::from_utf8_lossy(content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content));
    let mut reader = Reader::from_str(&text);
    let mut report = Report::default();
    loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => return Err(broken(&text, reader.error_position(), error.to_string())),
        };
        let at = reader.buffer_position();
        let done = match event {
            Event::Start(element) => report.open(&element),
            Event::Empty(element) => report.open(&element).map(|()| report.close(take)),
            Event::End(_) => {
                report.close(take);
                Ok(())
            }
            Event::Text(piece) => {
                report.text(&piece.xml10_content());
                Ok(())
            }
            Event::CData(piece) => {
                report.text(&piece.xml10_content());
                Ok(())
            }
            Event::GeneralRef(entity) => character(&entity).map(|text| report.text(&text)),
            Event::Eof if report.open.is_empty() && report.has_root => return Ok(()),
            Event::Eof => Err(if report.has_root { "it breaks off" } else { "it is empty" }.to_owned()),
            Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) => Ok(()),
        };
        done.map_err(|why| broken(&text, at, why))?;
    }
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Report {
    open: Vec<Open>,
    has_root: bool,
    case: Option<TestCase>,
    /// The attribute `message` of the reason that is open, and its text.
    reason: (String, String),
    reason_outcome: Option<TestOutcome>,
}

impl Report {
    fn open(&mut self, element: &BytesStart<'_>) -> Result<(), String> {
        if self.open.len() >= DEPTH_MAX {
            return Err(format!("its elements are nested deeper than {DEPTH_MAX}"));
        }
        let attributes = Attributes::of(element)?;
        let name = element.local_name();
        let name = name.as_ref();
        let is_root = !std::mem::replace(&mut self.has_root, true);
        if is_root && !matches!(name, "testsuites" | "testsuite" | "testcase") {
            return Err(format!(
                "it is no JUnit report: it begins with <{name}>, not with <testsuites> or <testsuite>"
            ));
        }
        let inside = self.open.last();
        let opened = match (name, inside) {
            ("testsuites" | "testsuite", None | Some(Open::Suite(_))) => {
                Open::Suite(attributes.get("name").unwrap_or_default())
            }
            ("testcase", None | Some(Open::Suite(_))) => {
                self.case = Some(self.begin(&attributes));
                Open::Case
            }
            ("failure" | "error", Some(Open::Suite(suite))) => {
                // A suite that broke before any test: Ant and PHPUnit write that.
                let name = if suite.is_empty() { "(suite)".to_owned() } else { suite.clone() };
                self.case = Some(TestCase::new(suite.clone(), name, TestOutcome::Errored));
                self.reason(&attributes, TestOutcome::Errored)
            }
            ("failure", Some(Open::Case)) => self.reason(&attributes, TestOutcome::Failed),
            ("error", Some(Open::Case)) => self.reason(&attributes, TestOutcome::Errored),
            ("skipped", Some(Open::Case)) => self.reason(&attributes, TestOutcome::Skipped),
            _ => Open::Other,
        };
        self.open.push(opened);
        Ok(())
    }

    fn begin(&self, attributes: &Attributes) -> TestCase {
        let suite = self.open.iter().rev().find_map(|open| match open {
            Open::Suite(name) if !name.is_empty() => Some(name.clone()),
            _ => None,
        });
        let class = attributes.get("classname").filter(|class| !class.is_empty());
        let name = attributes.get("name").filter(|name| !name.trim().is_empty());
        // GoogleTest says so of disabled tests and writes no element.
        let is_run = attributes.get("status").is_none_or(|status| !matches!(status.as_str(), "notrun" | "disabled"));
        let outcome = if is_run { TestOutcome::Passed } else { TestOutcome::Skipped };
        let mut case = TestCase::new(
            class.or(suite).unwrap_or_default(),
            name.unwrap_or_else(|| "(without a name)".to_owned()),
            outcome,
        );
        case.duration = attributes.get("time").and_then(|time| seconds(&time));
        case
    }

    fn reason(&mut self, attributes: &Attributes, outcome: TestOutcome) -> Open {
        let mut message = attributes.get("message").unwrap_or_default();
        if message.is_empty() {
            message = attributes.get("type").unwrap_or_default();
        }
        self.reason = (message, String::new());
        self.reason_outcome = Some(outcome);
        Open::Reason
    }

    fn text(&mut self, text: &str) {
        if matches!(self.open.last(), Some(Open::Reason)) && self.reason.1.len() < MESSAGE_BYTES_MAX {
            self.reason.1.push_str(text);
        }
    }

    fn close(&mut self, take: &mut dyn FnMut(TestCase)) {
        match self.open.pop() {
            Some(Open::Reason) => {
                self.end_reason();
                // That of a suite is a case of its own.
                if matches!(self.open.last(), Some(Open::Suite(_))) {
                    self.case.take().into_iter().for_each(take);
                }
            }
            Some(Open::Case) => self.case.take().into_iter().for_each(take),
            _ => {}
        }
    }

    /// Of several reasons the worst counts, and all are told.
    fn end_reason(&mut self) {
        let (Some(case), Some(outcome)) = (&mut self.case, self.reason_outcome.take()) else { return };
        if weight(outcome) > weight(case.outcome) {
            case.outcome = outcome;
        }
        let (message, text) = std::mem::take(&mut self.reason);
        let (message, text) = (message.trim(), text.trim_matches(['\n', '\r']).trim_end());
        let said = match (message, text) {
            (message, "") => message.to_owned(),
            ("", text) => text.to_owned(),
            (message, text) if text.trim_start().starts_with(message) => text.to_owned(),
            (message, text) => format!("{message}\n{text}"),
        };
        if said.is_empty() {
            return;
        }
        let mut whole = match case.message.take() {
            Some(before) => format!("{before}\n\n{said}"),
            None => said,
        };
        whole.truncate(whole.floor_char_boundary(MESSAGE_BYTES_MAX));
        case.message = Some(whole);
    }
}

fn weight(outcome: TestOutcome) -> u8 {
    match outcome {
        TestOutcome::Passed => 0,
        TestOutcome::Skipped => 1,
        TestOutcome::Failed => 2,
        TestOutcome::Errored => 3,
    }
}

/// An element's attributes, by name without prefix.
struct Attributes(Vec<(String, String)>);

impl Attributes {
    fn of(element: &BytesStart<'_>) -> Result<Self, String> {
        let read = |attribute: Result<quick_xml::events::attributes::Attribute<'_>, _>| {
            let attribute = attribute.map_err(|error: quick_xml::events::attributes::AttrError| error.to_string())?;
            let name = attribute.key.local_name().as_ref().to_owned();
            let value = quick_xml::escape::unescape(&attribute.value).map_err(|error| error.to_string())?;
            Ok((name, value.into_owned()))
        };
        element.attributes().map(read).collect::<Result<_, String>>().map(Self)
    }

    fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
}

/// What `&lt;` or `&#10;` stands for.
fn character(entity: &BytesRef<'_>) -> Result<String, String> {
    let name: &str = entity;
    match quick_xml::escape::unescape(&format!("&{name};")) {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(format!("`&{name};` stands for nothing: only XML's own entities are read")),
    }
}

/// `time`, in seconds; some write thousands apart.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.replace(',', "").trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

fn broken(text: &str, at: u64, why: String) -> Broken {
    let at = text.floor_char_boundary(usize::try_from(at).unwrap_or(usize::MAX).min(text.len()));
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Broken { line: before.matches('\n').count() + 1, column: at - line_start + 1, why }
}
