//! Follows a request to its end: waits for its build, prints each step's log as it comes, goes on where it was when the server
//! was away, and takes the next build where one ended as `retry`.

use super::client::{Client, Failure};
use super::force::page;
use super::terminal;
use crate::model::name::BuilderKey;
use crate::model::one_line::one_line;
use crate::model::results::Results;
use crate::model::shell;
use futures::StreamExt as _;
use serde_json::Value;
use std::borrow::Cow;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long to wait before looking again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// The same at most, where nothing happens.
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(2);
/// How long to wait at most before trying a server again that is away.
const TRY_AGAIN_MAX: Duration = Duration::from_secs(5);
/// A server that is away for longer is given up.
const AWAY_MAX: Duration = Duration::from_secs(600);
/// Bytes of one event at most.
const EVENT_BYTES_MAX: usize = 16 << 20;
/// As a shell says that a command was interrupted.
const INTERRUPTED: u8 = 130;
/// As a shell says that a command wrote to a pipe that nobody reads.
const UNPRINTED: u8 = 141;

/// How a request ended.
pub struct Ended {
    /// The last build of it; none where it was cancelled before one began.
    pub number: Option<i64>,
    /// How it ended; none where nobody waited for it.
    pub results: Option<Results>,
}

impl Ended {
    /// 0 for a good end, 1 for a bad one.
    pub fn exit_code(&self) -> ExitCode {
        match self.results {
            Some(results) if results.is_good() => ExitCode::SUCCESS,
            Some(_) => ExitCode::from(1),
            None => ExitCode::from(INTERRUPTED),
        }
    }
}

/// One request that is followed.
pub struct Follow<'a> {
    client: &'a Client,
    builder: &'a BuilderKey,
    request: String,
    is_silent: bool,
    /// The build that is or was followed last.
    number: Option<i64>,
}

impl<'a> Follow<'a> {
    /// Follows `request` of `builder`; silently where only the end is wanted.
    pub fn new(client: &'a Client, builder: &'a BuilderKey, request: i64, is_silent: bool) -> Self {
        Self { client, builder, request: request.to_string(), is_silent, number: None }
    }

    /// To the end, or until somebody interrupts the command: the build goes on then.
    ///
    /// # Errors
    /// Where the server stays away or does not let one look any more.
    pub async fn run(mut self) -> Result<Ended, Failure> {
        let interrupted = tokio::select! {
            ended = self.follow() => return ended,
            interrupted = tokio::signal::ctrl_c() => interrupted,
        };
        interrupted.map_err(|error| Failure::passing(format!("signals cannot be heard: {error}")))?;
        let how = match self.number {
            Some(number) => format!("stop it with `weir stop {} {number}`", shell::quote(&self.builder.to_string())),
            None => "it has not begun".to_owned(),
        };
        eprintln!("\nweir: the build goes on without you: {}; {how}", page(self.client, self.builder, self.number));
        Ok(Ended { number: self.number, results: None })
    }

    async fn follow(&mut self) -> Result<Ended, Failure> {
        let mut pause = Pause::default();
        loop {
            let url = self.client.url(["api", "v2", "buildrequests", &self.request]);
            let request = self.get(url).await?["buildrequests"][0].take();
            let mut numbers = request["builds"].as_array().into_iter().flatten().filter_map(|b| b["number"].as_i64());
            if let Some(next) = numbers.find(|number| self.number.is_none_or(|seen| *number > seen)) {
                self.number = Some(next);
                self.follow_build(next).await?;
                pause = Pause::default();
                continue;
            }
            if request["complete"] == true {
                let results = results(&request["results"]).unwrap_or(Results::Cancelled);
                self.say(&format!("{}: {results}", self.title()));
                return Ok(Ended { number: self.number, results: Some(results) });
            }
            sleep(pause.next()).await;
        }
    }

    async fn follow_build(&mut self, number: i64) -> Result<(), Failure> {
        self.say(&format!("{}: {}", self.title(), page(self.client, self.builder, self.number)));
        let number = number.to_string();
        let (mut n_steps, mut n_logs, mut is_named) = (0, 0, false);
        let mut pause = Pause::default();
        loop {
            let seen = (n_steps, n_logs, is_named);
            let path = ["api", "v2", "teams", &self.builder.team, "builders", &self.builder.name, "builds", &number];
            let build = self.get(self.client.url(path)).await?["builds"][0].take();
            let steps = build["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
            while let Some(step) = steps.get(n_steps) {
                if !is_named {
                    self.say(&format!("step {}", step["name"].as_str().unwrap_or_default()));
                    is_named = true;
                }
                for log in step["logs"].as_array().into_iter().flatten().skip(n_logs) {
                    let step = step["number"].to_string();
                    self.follow_log(&number, &step, log["slug"].as_str().unwrap_or_default()).await?;
                    n_logs += 1;
                }
                if step["complete"] != true {
                    break;
                }
                if let Some(bad) = results(&step["results"]).filter(|results| *results != Results::Success) {
                    self.say(&format!("step {} ended: {bad}", step["name"].as_str().unwrap_or_default()));
                }
                (n_steps, n_logs, is_named) = (n_steps + 1, 0, false);
            }
            if build["complete"] == true && n_steps >= steps.len() {
                return Ok(());
            }
            if seen != (n_steps, n_logs, is_named) {
                pause = Pause::default();
            }
            sleep(pause.next()).await;
        }
    }

    /// Prints a log to its end.
    async fn follow_log(&self, number: &str, step: &str, slug: &str) -> Result<(), Failure> {
        if self.is_silent {
            return Ok(());
        }
        let BuilderKey { team, name } = self.builder;
        let path = ["sse", "team", team, "builder", name, "build", number, "step", step, "log", slug];
        let url = self.client.url(path);
        let mut position = "0".to_owned();
        let mut patience = Patience::default();
        loop {
            match self.read_log(url.clone(), &mut position, &mut patience).await {
                Ok(true) => return Ok(()),
                // A stream may end before its log does, when the server goes or looks at rights anew.
                Ok(false) => sleep(LOOK_AGAIN).await,
                Err(failure) => patience.wait(failure).await?,
            }
        }
    }

    /// Prints what one connection brings; true at the log's end.
    async fn read_log(&self, url: url::Url, position: &mut String, patience: &mut Patience) -> Result<bool, Failure> {
        let mut chunks = self.client.stream(url, Some(position)).await?.bytes_stream();
        let mut events = Events::default();
        while let Some(chunk) = chunks.next().await {
            events.push(&chunk.map_err(|_| Failure::passing("the server hung up"))?)?;
            while let Some(event) = events.next() {
                patience.reset();
                match event.name.as_str() {
                    "lines" => print_lines(&event.data)?,
                    "end" => return Ok(true),
                    _ => {}
                }
                if let Some(id) = event.id {
                    *position = id;
                }
            }
        }
        Ok(false)
    }

    /// Asks until the server answers.
    async fn get(&self, url: url::Url) -> Result<Value, Failure> {
        let mut patience = Patience::default();
        loop {
            match self.client.get(url.clone()).await {
                Ok(value) => return Ok(value),
                Err(failure) => patience.wait(failure).await?,
            }
        }
    }

    fn title(&self) -> String {
        match self.number {
            Some(number) => format!("{} build {number}", self.builder),
            None => self.builder.to_string(),
        }
    }

    fn say(&self, text: &str) {
        if !self.is_silent {
            eprintln!("weir: {}", one_line(text));
        }
    }
}

/// How long to wait before looking again: longer and longer while nothing happens.
#[derive(Default)]
struct Pause {
    n_looks: u32,
}

impl Pause {
    fn next(&mut self) -> Duration {
        let pause = LOOK_AGAIN.saturating_mul(1 << self.n_looks.min(8)).min(LOOK_AGAIN_MAX);
        self.n_looks += 1;
        pause
    }
}

/// How often and how long a server that is away, or that one asked too often, is tried again.
#[derive(Default)]
struct Patience {
    since: Option<Instant>,
    n_tries: u32,
}

impl Patience {
    /// Waits as long as the server says, else a little longer each time.
    async fn wait(&mut self, failure: Failure) -> Result<(), Failure> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if !failure.is_passing || since.elapsed() > AWAY_MAX {
            return Err(failure);
        }
        if let Some(again) = failure.again {
            // It is there and says when.
            sleep(again).await;
            return Ok(());
        }
        if self.n_tries == 0 {
            eprintln!("weir: the server is away; the build is safe and is followed again when the server is back");
        }
        let wait = LOOK_AGAIN.saturating_mul(1 << self.n_tries.min(8)).min(TRY_AGAIN_MAX);
        self.n_tries += 1;
        sleep(wait).await;
        Ok(())
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}

/// One event of a stream.
#[derive(Default)]
struct Event {
    id: Option<String>,
    name: String,
    data: String,
}

/// Cuts a stream of bytes into events.
#[derive(Default)]
struct Events {
    bytes: Vec<u8>,
}

impl Events {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.bytes.len() + bytes.len() > EVENT_BYTES_MAX {
            return Err(Failure::usage("the server sends an event that is too large"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole event that says something.
    fn next(&mut self) -> Option<Event> {
        loop {
            let end = self.bytes.windows(2).position(|pair| pair == b"\n\n")?;
            let block: Vec<u8> = self.bytes.drain(..end + 2).collect();
            let mut event = Event::default();
            for line in String::from_utf8_lossy(&block).lines() {
                match line.split_once(": ") {
                    Some(("id", id)) => event.id = Some(id.to_owned()),
                    Some(("event", name)) => name.clone_into(&mut event.name),
                    Some(("data", data)) => event.data.push_str(data),
                    _ => {}
                }
            }
            if !event.name.is_empty() {
                return Some(event);
            }
        }
    }
}

/// A line as it was printed, and for a terminal without what would steer that.
fn fit(text: &str, is_terminal: bool) -> Cow<'_, str> {
    if is_terminal { terminal::coloured(text) } else { Cow::Borrowed(text) }
}

/// Prints lines as they were printed: standard output there, the rest on standard error.
fn print_lines(data: &str) -> Result<(), Failure> {
    let lines: Value = serde_json::from_str(data).map_err(|_| Failure::usage("the server sends no log lines"))?;
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    let (out_shown, err_shown) = (out.is_terminal(), err.is_terminal());
    let mut print = || -> std::io::Result<()> {
        for line in lines.as_array().into_iter().flatten() {
            let end = if line["more"] == true { "" } else { "\n" };
            let text = line["t"].as_str().unwrap_or_default();
            match line["c"].as_str() {
                Some("o") => write!(out, "{}{end}", fit(text, out_shown))?,
                _ => write!(err, "{}{end}", fit(text, err_shown))?,
            }
        }
        out.flush()
    };
    print().or_else(|error| unprinted(&error))
}

/// Nobody reads any more (`weir force --wait | head`): that ends the command as it ends any other, quietly.
fn unprinted(error: &std::io::Error) -> Result<(), Failure> {
    let message = match error.kind() {
        std::io::ErrorKind::BrokenPipe => String::new(),
        _ => format!("the log cannot be printed: {error}"),
    };
    Err(Failure { message, code: UNPRINTED, is_passing: false, again: None })
}

/// Buildbot's number as results.
fn results(value: &Value) -> Option<Results> {
    value.as_i64().and_then(|number| i32::try_from(number).ok()).and_then(Results::from_number)
}

#[cfg(test)]
mod tests {
    use super::{Events, Failure, Patience, Pause, unprinted};
    use std::time::Duration;
    use tokio::time::Instant;

    #[test]
    fn who_waits_for_a_build_looks_less_and_less_often() {
        let mut pause = Pause::default();
        let pauses: Vec<_> = (0..6).map(|_| pause.next().as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1_600, 2_000, 2_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_asked_too_often_is_asked_again_when_it_says() {
        let (mut patience, began) = (Patience::default(), Instant::now());
        let failure = Failure { again: Some(Duration::from_secs(7)), ..Failure::passing("too many at once") };
        assert!(patience.wait(failure).await.is_ok());
        assert_eq!(began.elapsed().as_secs(), 7);
        assert!(patience.wait(Failure { is_passing: false, ..Failure::passing("no") }).await.is_err());
    }

    #[test]
    fn a_pipe_that_nobody_reads_ends_the_command_quietly() {
        let broken = unprinted(&std::io::ErrorKind::BrokenPipe.into()).unwrap_err();
        assert_eq!((broken.message.as_str(), broken.code), ("", 141));
        let full = unprinted(&std::io::ErrorKind::StorageFull.into()).unwrap_err();
        assert!(full.message.starts_with("the log cannot be printed"), "{full}");
    }

    #[test]
    fn events_are_found_whole_however_the_bytes_are_cut() {
        let text = "retry: 1000\n\nid: 2\nevent: lines\ndata: [\"\u{e9}\"]\n\n:\n\nid: 3\nevent: end\ndata: {}\n\n";
        for cut in 1..text.len() {
            let mut events = Events::default();
            let mut seen = Vec::new();
            for chunk in text.as_bytes().chunks(cut) {
                events.push(chunk).unwrap();
                while let Some(event) = events.next() {
                    seen.push((event.id.unwrap(), event.name, event.data));
                }
            }
            let own = |id: &str, name: &str, data: &str| (id.to_owned(), name.to_owned(), data.to_owned());
            assert_eq!(seen, [own("2", "lines", "[\"\u{e9}\"]"), own("3", "end", "{}")]);
        }
    }
}
