//! Two voices on one terminal: what a step logs goes to standard output, what its host has to say of it to standard error.

use crate::worker::Channel;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, MutexGuard};

/// Before each line of the host.
const MARK: &str = "host| ";
/// A line without end is printed in pieces of this.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Prints both so that one can tell which call printed what: a call that is quiet takes one line when it returns; one during which
/// something is logged is told before and after.
pub struct Printer<Out, Err> {
    state: Mutex<State<Out, Err>>,
}

struct State<Out, Err> {
    out: Out,
    err: Err,
    is_traced: bool,
    /// The call that runs, until it is told.
    waiting: Option<String>,
    /// Beginnings of lines, by log and channel.
    begun: BTreeMap<(String, &'static str), Vec<u8>>,
}

impl<Out: Write, Err: Write> Printer<Out, Err> {
    /// Prints to these; calls of the host only where they are traced.
    pub fn new(out: Out, err: Err, is_traced: bool) -> Self {
        Self { state: Mutex::new(State { out, err, is_traced, waiting: None, begun: BTreeMap::new() }) }
    }

    fn state(&self) -> MutexGuard<'_, State<Out, Err>> {
        self.state.lock().expect("no holder of the printer panics")
    }

    /// The guest calls the host.
    pub fn call(&self, call: String) {
        self.state().waiting = Some(call);
    }

    /// The call of `function` returned; `call` is the whole of it.
    pub fn returned(&self, function: &str, call: &str, result: &str) {
        let mut state = self.state();
        if state.waiting.take().is_some() {
            state.trace(&format!("{call}{result}"));
        } else {
            state.trace(&format!("  {function}{result}"));
        }
    }

    /// Output for a log, bytes as they come. The log `stdio` is printed as it is, any other with its name before each line.
    pub fn output(&self, log: &str, channel: Channel, bytes: &[u8]) {
        let mut state = self.state();
        state.tell_call();
        let channel = match channel {
            Channel::Stdout => "out",
            Channel::Stderr => "err",
            Channel::Header => "header",
        };
        let begun = state.begun.entry((log.to_owned(), channel)).or_default();
        begun.extend_from_slice(bytes);
        let end = match begun.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => last + 1,
            None if begun.len() > LINE_BYTES_MAX => begun.len(),
            None => return,
        };
        let lines: Vec<u8> = begun.drain(..end).collect();
        state.print(log, &lines);
    }

    /// Prints lines that never ended.
    pub fn finish(&self) {
        let mut state = self.state();
        for ((log, _), rest) in std::mem::take(&mut state.begun) {
            if !rest.is_empty() {
                state.print(&log, &rest);
            }
        }
    }

    /// A line of the report.
    pub fn say(&self, text: &str) {
        // Who closed our output does not want it.
        drop(writeln!(self.state().err, "{text}"));
    }
}

impl<Out: Write, Err: Write> State<Out, Err> {
    fn tell_call(&mut self) {
        if let Some(call) = self.waiting.take() {
            self.trace(&call);
        }
    }

    fn trace(&mut self, text: &str) {
        if self.is_traced {
            drop(writeln!(self.err, "{MARK}{text}"));
        }
    }

    fn print(&mut self, log: &str, lines: &[u8]) {
        let text = String::from_utf8_lossy(lines);
        for line in text.lines() {
            let printed =
                if log == "stdio" { writeln!(self.out, "{line}") } else { writeln!(self.out, "{log}| {line}") };
            drop(printed);
        }
        drop(self.out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::Printer;
    use crate::worker::Channel::{Header, Stdout};

    fn printed(act: impl FnOnce(&Printer<&mut Vec<u8>, &mut Vec<u8>>)) -> (String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        act(&Printer::new(&mut out, &mut err, true));
        (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn a_quiet_call_takes_one_line_and_one_that_logs_takes_two() {
        let (out, err) = printed(|printer| {
            printer.call("properties.get(\"a\")".to_owned());
            printer.returned("properties.get", "properties.get(\"a\")", " = None");
            printer.call("command.run(make)".to_owned());
            printer.output("stdio", Stdout, b"one\ntw");
            printer.output("stdio", Header, b"$ make\n");
            printer.output("stdio", Stdout, b"o\n");
            printer.returned("command.run", "command.run(make)", " = Code(0)");
        });
        assert_eq!(out, "one\n$ make\ntwo\n");
        assert_eq!(err, "host| properties.get(\"a\") = None\nhost| command.run(make)\nhost|   command.run = Code(0)\n");
    }

    #[test]
    fn other_logs_carry_their_name_and_unfinished_lines_are_not_lost() {
        let (out, _) = printed(|printer| {
            printer.output("warnings", Stdout, b"a.c:1\na.c:2");
            printer.finish();
        });
        assert_eq!(out, "warnings| a.c:1\nwarnings| a.c:2\n");
    }
}
