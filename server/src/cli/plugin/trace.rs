//! Every host call in a line, from the events that the generated bindings make of calls and answers: complete without a word in any
//! capability, and never the plain text of a secret, because the bindings say nothing of `secret-reveal`.

use super::printer::Printer;
use regex::{Captures, Regex};
use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};
use tracing::field::{Field, Visit};
use tracing::span::Attributes;
use tracing::{Event, Id, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

/// Where the events come from.
pub const TARGET: &str = "weir::plugins::bindings";
/// Longest value, before it is tidied.
const VALUE_BYTES_MAX: usize = 2_000;
/// Longest line's part: arguments, result.
const PART_CHARS_MAX: usize = 300;
/// A call that takes longer says how long.
const WORTH_TELLING: Duration = Duration::from_millis(5);

/// What was counted.
#[derive(Debug, Default)]
pub struct Counted {
    /// Calls of the host.
    pub n_calls: usize,
    /// Interfaces of the contract that refused a call for want of a grant.
    pub denied: BTreeSet<String>,
}

/// Prints calls and counts them.
pub struct Trace<Out, Err> {
    printer: Arc<Printer<Out, Err>>,
    counted: Arc<Mutex<Counted>>,
}

impl<Out, Err> Trace<Out, Err> {
    /// A layer that prints to `printer` and counts in `counted`.
    pub fn new(printer: Arc<Printer<Out, Err>>, counted: Arc<Mutex<Counted>>) -> Self {
        Self { printer, counted }
    }
}

/// One call, kept with its span.
struct Call {
    interface: String,
    function: String,
    whole: String,
    since: Instant,
    has_returned: bool,
}

impl<S, Out, Err> Layer<S> for Trace<Out, Err>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    Out: Write + Send + 'static,
    Err: Write + Send + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id).filter(|span| span.name() == "wit-bindgen import") else { return };
        let mut values = Values::default();
        attributes.record(&mut values);
        let interface = values.take("module");
        let function = format!("{interface}.{}", short_name(&values.take("function")));
        let call = Call { interface, whole: function.clone(), function, since: Instant::now(), has_returned: false };
        span.extensions_mut().insert(call);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(event) else { return };
        let mut extensions = span.extensions_mut();
        let Some(call) = extensions.get_mut::<Call>() else { return };
        let mut values = Values::default();
        event.record(&mut values);
        let mut counted = self.counted.lock().expect("no holder of the counts panics");
        if values.take("message") == "call" {
            counted.n_calls += 1;
            let arguments: Vec<String> = values.0.into_iter().map(|(_, value)| tidy(&value)).collect();
            call.whole = format!("{}({})", call.function, cut(&arguments.join(", ")));
            self.printer.call(call.whole.clone());
            return;
        }
        call.has_returned = true;
        let result = result(&values.take("result"));
        if result.contains("Denied(") {
            counted.denied.insert(call.interface.clone());
        }
        let took = call.since.elapsed();
        let took = if took > WORTH_TELLING { format!(" ({:.3} s)", took.as_secs_f64()) } else { String::new() };
        self.printer.returned(&call.function, &call.whole, &format!("{result}{took}"));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        if let Some(call) = span.extensions().get::<Call>().filter(|call| !call.has_returned) {
            self.printer.returned(&call.function, &call.whole, " never returned: the step was ended");
        }
    }
}

/// `[method]running.next` is `running.next`.
fn short_name(function: &str) -> &str {
    function.rsplit_once(']').map_or(function, |(_, name)| name)
}

/// What a host function returned: `Ok(...)` outside is that the call came back at all.
fn result(debug: &str) -> String {
    let inner = debug.strip_prefix("Ok(").map(|inner| inner.strip_suffix(')').unwrap_or(inner));
    match inner {
        Some("()" | "Ok(())") => String::new(),
        Some(inner) => {
            let value = inner.strip_prefix("Ok(").map_or(inner, |value| value.strip_suffix(')').unwrap_or(value));
            format!(" = {}", cut(&tidy(value)))
        }
        None => format!(" ended the step: {}", cut(debug)),
    }
}

/// Debug output for people: no names of types before words, nothing that is empty, bytes as text, handles by their number.
fn tidy(debug: &str) -> String {
    static RULES: LazyLock<[(Regex, &str); 5]> = LazyLock::new(|| {
        [
            (r"\b[A-Z]\w*::", ""),
            (r"(?:\w+ )?\{ rep: (\d+)[^}]*\}", "#$1"),
            (r"\b[\w-]+: (?:None|\[\])(?:, )?", ""),
            (r",\s*\}", " }"),
            (r"\b[A-Z]\w* \{", "{"),
        ]
        .map(|(pattern, with)| (Regex::new(pattern).expect("a rule is a pattern"), with))
    });
    let text =
        RULES.iter().fold(debug.to_owned(), |text, (pattern, with)| pattern.replace_all(&text, *with).into_owned());
    static BYTES: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\[(\d{1,3}(?:, \d{1,3})*)(?:\]|,? ?\d*$)").expect("a rule is a pattern"));
    BYTES
        .replace_all(&text, |list: &Captures<'_>| bytes_as_text(&list[1]).unwrap_or_else(|| list[0].to_owned()))
        .into_owned()
}

/// A list of numbers in the contract is one of bytes, where each of them is one.
fn bytes_as_text(list: &str) -> Option<String> {
    let bytes: Option<Vec<u8>> = list.split(", ").map(|number| number.parse().ok()).collect();
    Some(format!("b\"{}\"", bytes?.escape_ascii()))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(PART_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// The fields of a span or an event, in order, each cut.
#[derive(Debug, Default)]
struct Values(Vec<(&'static str, String)>);

impl Values {
    fn take(&mut self, name: &str) -> String {
        let place = self.0.iter().position(|(field, _)| *field == name);
        place.map_or_else(String::new, |place| self.0.remove(place).1)
    }
}

impl Visit for Values {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = Bounded(String::new());
        // It ends with an error where the value is longer than is kept.
        let _ = write!(text, "{value:?}");
        self.0.push((field.name(), text.0));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), cut(value)));
    }
}

/// Text that takes no more when it is full: an argument may have megabytes.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let left = VALUE_BYTES_MAX.saturating_sub(self.0.len());
        let end = (0..=left.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        self.0.push_str(&text[..end]);
        if end < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{result, short_name, tidy};

    #[test]
    fn what_bindings_print_becomes_readable() {
        let spec = "Spec { what: What::Program([\"make\"]), directory: None, env: [], stdin: None, log: None, output: \
                    OutputMode::Log, timeout: None, idle-timeout: None, extra: [] }";
        assert_eq!(tidy(spec), "{ what: Program([\"make\"]), output: Log }");
        assert_eq!(
            tidy("Chunk { source: Channel::Stdout, bytes: [97, 10, 255] }"),
            "{ source: Stdout, bytes: b\"a\\n\\xff\" }"
        );
        assert_eq!(tidy("Resource { rep: 3, state: \"own\" }"), "#3");
        assert_eq!(short_name("[method]running.next"), "running.next");
    }

    #[test]
    fn a_result_says_what_came_back_or_that_nothing_did() {
        assert_eq!(result("Ok(Ok(()))"), "");
        assert_eq!(result("Ok(Ok(Exit::Code(0)))"), " = Code(0)");
        assert_eq!(result("Ok(Err(CommandError::Denied(\"no\")))"), " = Err(Denied(\"no\"))");
        assert_eq!(result("Err(over the limit)"), " ended the step: Err(over the limit)");
    }
}
