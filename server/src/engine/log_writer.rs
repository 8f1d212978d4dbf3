//! Lines in, chunks out, limits kept: takes a log's output as it comes and stores it in batches that grow while output is fast.
//!
//! Memory is bounded: while a batch is being stored at most one more gathers, and after that the output waits.

use super::log_limit::LogLimit;
use super::log_lines::LogLines;
use super::masked::Masked;
use crate::model::size::Size;
use crate::status::resource::LogLine;
use crate::worker::Output;
use futures::FutureExt;
use futures::future::{Fuse, FusedFuture};
use std::pin::pin;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Pieces of output that may wait for the writer.
pub const QUEUED_MAX: usize = 16;
/// So much is stored without waiting for more.
const BATCH_BYTES_ENOUGH: usize = 64 << 10;
/// So much gathers at most while a batch is being stored.
const BATCH_BYTES_MAX: usize = 512 << 10;
/// So long the first line of a batch waits for others.
const BATCH_DELAY: Duration = Duration::from_millis(20);
/// After so long a line that has begun and not ended is shown as far as it is.
const PARTIAL_DELAY: Duration = Duration::from_secs(1);

/// Writes one log until its input ends or `done` is cancelled, which takes what has arrived and no more. `append` stores a batch.
///
/// # Errors
/// What `append` could not do; then the input is closed and the rest is lost.
pub async fn write<E, A, F>(
    mut input: mpsc::Receiver<Output>,
    limit: Size,
    masked: Masked,
    done: CancellationToken,
    mut append: A,
) -> Result<(), E>
where
    A: FnMut(Vec<LogLine>) -> F,
    F: Future<Output = Result<(), E>>,
{
    let mut batch = Batch::new(limit, masked);
    let mut storing = pin!(Fuse::terminated());
    let mut is_open = true;
    let mut is_closing = false;
    loop {
        let is_storing = !storing.is_terminated();
        if !is_open && !is_storing && batch.lines.is_empty() {
            return Ok(());
        }
        let due = batch.due().unwrap_or_else(Instant::now);
        tokio::select! {
            stored = &mut storing, if is_storing => stored?,
            output = input.recv(), if is_open && batch.n_bytes < BATCH_BYTES_MAX => match output {
                Some(output) => batch.read(output),
                None => {
                    is_open = false;
                    batch.finish();
                }
            },
            () = tokio::time::sleep_until(due), if !is_storing && batch.due().is_some() => batch.flush_partial(),
            () = done.cancelled(), if !is_closing => {
                is_closing = true;
                input.close();
            }
        }
        let is_due = !is_open || batch.n_bytes >= BATCH_BYTES_ENOUGH || batch.is_due(Instant::now());
        if storing.is_terminated() && is_due && !batch.lines.is_empty() {
            storing.set(append(batch.take()).fuse());
        }
    }
}

/// Lines that gather.
struct Batch {
    masked: Masked,
    assembler: LogLines,
    limit: LogLimit,
    lines: Vec<LogLine>,
    n_bytes: usize,
    /// When the first of `lines` was read.
    lines_since: Option<Instant>,
    /// When a line began that has not ended.
    partial_since: Option<Instant>,
}

impl Batch {
    fn new(limit: Size, masked: Masked) -> Self {
        Self {
            masked,
            assembler: LogLines::default(),
            limit: LogLimit::new(limit),
            lines: Vec::new(),
            n_bytes: 0,
            lines_since: None,
            partial_since: None,
        }
    }

    /// Whatever comes into a log comes this way.
    fn read(&mut self, output: Output) {
        let output = self.masked.push(output);
        self.read_masked(&output);
    }

    fn read_masked(&mut self, output: &Output) {
        let (lines, n_bytes, limit) = (&mut self.lines, &mut self.n_bytes, &mut self.limit);
        self.assembler.read(output, &mut |line| limit.take(line, &mut |line| keep(lines, n_bytes, line)));
        self.mark();
    }

    /// Takes in what has begun, where that is old enough.
    fn flush_partial(&mut self) {
        if self.partial_since.is_some_and(|since| Instant::now() >= since + PARTIAL_DELAY) {
            self.flush();
            self.mark();
        }
    }

    fn flush(&mut self) {
        let (lines, n_bytes, limit) = (&mut self.lines, &mut self.n_bytes, &mut self.limit);
        self.assembler.flush(&mut |line| limit.take(line, &mut |line| keep(lines, n_bytes, line)));
        self.partial_since = None;
    }

    fn finish(&mut self) {
        let rest: Vec<_> = self.masked.finish().collect();
        rest.iter().for_each(|output| self.read_masked(output));
        self.flush();
        let (lines, n_bytes) = (&mut self.lines, &mut self.n_bytes);
        self.limit.finish(&mut |line| keep(lines, n_bytes, line));
    }

    fn mark(&mut self) {
        let now = Instant::now();
        if !self.lines.is_empty() {
            self.lines_since.get_or_insert(now);
        }
        if self.assembler.has_partial() {
            self.partial_since.get_or_insert(now);
        } else {
            self.partial_since = None;
        }
    }

    /// When something has to be done.
    fn due(&self) -> Option<Instant> {
        let lines = self.lines_since.map(|since| since + BATCH_DELAY);
        let partial = self.partial_since.map(|since| since + PARTIAL_DELAY);
        lines.into_iter().chain(partial).min()
    }

    fn is_due(&self, now: Instant) -> bool {
        self.due().is_some_and(|due| now >= due)
    }

    fn take(&mut self) -> Vec<LogLine> {
        self.n_bytes = 0;
        self.lines_since = None;
        std::mem::take(&mut self.lines)
    }
}

/// A line weighs its bytes and what it costs to hold it, so that a million empty lines are bounded as well.
fn keep(lines: &mut Vec<LogLine>, n_bytes: &mut usize, line: LogLine) {
    *n_bytes += line.bytes.len() + size_of::<LogLine>() / 4;
    lines.push(line);
}

#[cfg(test)]
mod tests {
    use super::{BATCH_BYTES_MAX, Masked, QUEUED_MAX, write};
    use crate::model::size::Size;
    use crate::model::time::Time;
    use crate::status::resource::LogLine;
    use crate::worker::{Channel, Output};
    use bytes::Bytes;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use tokio::sync::{Semaphore, mpsc};
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    fn output(text: impl Into<Bytes>) -> Output {
        Output { channel: Channel::Stdout, bytes: text.into(), at: Time::default() }
    }

    type Batches = Arc<Mutex<Vec<(Instant, Vec<LogLine>)>>>;

    /// A writer whose batches are kept; `gate` lets that many be stored.
    fn start(gate: Arc<Semaphore>) -> (mpsc::Sender<Output>, Batches, CancellationToken, tokio::task::JoinHandle<()>) {
        let (sender, input) = mpsc::channel(QUEUED_MAX);
        let batches = Batches::default();
        let (kept, done) = (batches.clone(), CancellationToken::new());
        let append = move |lines: Vec<LogLine>| {
            let (kept, gate) = (kept.clone(), gate.clone());
            async move {
                gate.acquire().await.unwrap().forget();
                kept.lock().unwrap().push((Instant::now(), lines));
                Ok::<(), String>(())
            }
        };
        let writing = write(input, Size(1 << 40), Masked::default(), done.clone(), append);
        let task = tokio::task::spawn(async move { writing.await.unwrap() });
        (sender, batches, done, task)
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_line_is_stored_within_twenty_milliseconds() {
        let (sender, batches, _done, task) = start(Arc::new(Semaphore::new(9)));
        let began = Instant::now();
        sender.send(output("hello\n")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let took = batches.lock().unwrap()[0].0 - began;
        assert!(took <= Duration::from_millis(21), "{took:?}");
        drop(sender);
        task.await.unwrap();
        assert_eq!(batches.lock().unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_that_has_begun_is_shown_after_a_second_and_goes_on() {
        let (sender, batches, _done, task) = start(Arc::new(Semaphore::new(9)));
        sender.send(output("compiling ...")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(batches.lock().unwrap()[0].1[0].continues);
        sender.send(output(" done\n")).await.unwrap();
        drop(sender);
        task.await.unwrap();
        let batches = batches.lock().unwrap();
        assert_eq!(batches[1].1[0].bytes, b" done");
        assert!(!batches[1].1[0].continues);
    }

    #[tokio::test(start_paused = true)]
    async fn while_storing_is_slow_batches_grow_but_never_beyond_a_bound() {
        let gate = Arc::new(Semaphore::new(0));
        let (sender, batches, _done, task) = start(gate.clone());
        let piece = Bytes::from("x".repeat(1023) + "\n").repeat(16);
        let mut n_sent = 0;
        while let Ok(sent) = tokio::time::timeout(Duration::from_secs(1), sender.send(output(piece.clone()))).await {
            sent.unwrap();
            n_sent += 1;
        }
        assert!(n_sent * piece.len() < 3 * BATCH_BYTES_MAX, "{n_sent} pieces were taken while nothing was stored");
        gate.add_permits(999);
        drop(sender);
        task.await.unwrap();
        let batches = batches.lock().unwrap();
        let n_lines: usize = batches.iter().map(|(_, lines)| lines.len()).sum();
        assert_eq!(n_lines, n_sent * 16);
        assert!(batches.len() < n_sent / 2, "{} batches of {n_sent} pieces", batches.len());
    }

    #[tokio::test(start_paused = true)]
    async fn when_done_what_has_arrived_is_stored_though_a_sender_is_left() {
        let (sender, batches, done, task) = start(Arc::new(Semaphore::new(9)));
        sender.send(output("last words")).await.unwrap();
        done.cancel();
        task.await.unwrap();
        assert_eq!(batches.lock().unwrap()[0].1[0].bytes, b"last words");
        assert!(sender.send(output("more")).await.is_err());
    }
}
