//! Lines of commands that the host looks for, so that what the guest does not want never reaches it.

use crate::plugins::bindings::command::{
    Channel, CommandError, Exit, HostLineReader, LineBatch, LineFilter, OutputMode, Spec,
};
use crate::plugins::capability::command::{Begun, Tap};
use crate::plugins::error::{Breach, Kind};
use crate::plugins::instance::Guest;
use crate::plugins::line_finder::{Batch, LineFinder};
use crate::plugins::meter::{Stopwatch, thread_cpu};
use crate::plugins::tally::Gated;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use wasmtime::component::Resource;

/// Batches on the way; a slow guest slows the command.
const BATCHES_MAX: usize = 2;

/// Lines of a command that runs. Dropping it ends the command.
#[derive(Debug)]
pub struct LineReader {
    batches: mpsc::Receiver<Result<Batch, Breach>>,
    /// Did not fit into what was last handed over.
    held: Option<Batch>,
    begun: Begun,
}

/// Looks for lines on the side of the command, and hands over what it finds.
pub struct Search {
    /// None once nobody wants any more.
    finder: Option<LineFinder>,
    batches: mpsc::Sender<Result<Batch, Breach>>,
    stopwatch: Arc<Stopwatch>,
}

impl Search {
    /// Looks through a piece of output. Matching may be slow where patterns are, so it blocks no thread that others wait for.
    pub async fn look(&mut self, source: Channel, bytes: Bytes) {
        let mut left = bytes;
        while !left.is_empty() && self.finder.is_some() {
            let mut bytes = left;
            let looked = self.counted(move |finder, batch| {
                finder.look(source, &mut bytes, batch);
                bytes
            });
            left = looked.await.unwrap_or_default();
        }
    }

    /// Looks at lines that the command has not ended.
    pub async fn end(&mut self) {
        while self.finder.is_some() && self.counted(|finder, batch| finder.end(batch)).await == Some(true) {}
    }

    /// Does a part of the work where it may take its time, counts that time, and hands over what was found. None where the search
    /// has ended.
    async fn counted<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut LineFinder, &mut Batch) -> T + Send + 'static,
    ) -> Option<T> {
        let mut finder = self.finder.take().filter(|_| !self.batches.is_closed())?;
        let worked = tokio::task::spawn_blocking(move || {
            let began = thread_cpu();
            let mut batch = Batch::default();
            let answer = work(&mut finder, &mut batch);
            (finder, batch, answer, thread_cpu().saturating_sub(began))
        });
        let found = match worked.await {
            Ok((finder, batch, answer, took)) => match self.stopwatch.searched(took) {
                Ok(()) => Ok((finder, batch, answer)),
                Err(breach) => Err(breach),
            },
            Err(error) => Err(Breach::new(Kind::Host, format!("the search for lines broke: {error}"))),
        };
        match found {
            Ok((finder, batch, answer)) => {
                let is_heard = batch.is_empty() || self.batches.send(Ok(batch)).await.is_ok();
                self.finder = is_heard.then_some(finder);
                Some(answer)
            }
            Err(breach) => {
                // A guest that has dropped its reader is told when it asks for anything next.
                drop(self.batches.send(Err(breach)).await);
                None
            }
        }
    }
}

impl Guest {
    /// Starts a command whose lines the guest reads.
    pub async fn start_lines(
        &mut self,
        spec: Spec,
        want: LineFilter,
    ) -> wasmtime::Result<Result<Resource<LineReader>, CommandError>> {
        let stopwatch = Arc::clone(&self.stopwatch);
        let main = self.step()?.main.clone();
        // What may not be run is not compiled for either.
        if let Some(why) = self.command_denied() {
            self.tally(Gated::Command, true);
            return Ok(Err(CommandError::Denied(why)));
        }
        let compiled = main.spawn_blocking(move || {
            let began = thread_cpu();
            (LineFinder::new(want), thread_cpu().saturating_sub(began))
        });
        let finder = match compiled.await {
            Ok((finder, took)) => {
                stopwatch.searched(took)?;
                finder
            }
            Err(error) => return Err(Breach::new(Kind::Host, format!("the search for lines broke: {error}")).into()),
        };
        let finder = match finder {
            Ok(finder) => finder,
            Err(why) => return Ok(Err(CommandError::Invalid(why))),
        };
        let (sender, batches) = mpsc::channel(BATCHES_MAX);
        let search = Search { finder: Some(finder), batches: sender, stopwatch };
        // Lines are read in every mode; `log` and `both` mean the same here.
        let output = if spec.output == OutputMode::Capture { OutputMode::Capture } else { OutputMode::Both };
        match self.begin(Spec { output, ..spec }, Tap::Lines(search)).await? {
            Ok(begun) => Ok(Ok(self.table.push(LineReader { batches, held: None, begun })?)),
            Err(error) => Ok(Err(error)),
        }
    }
}

impl LineReader {
    /// What is found next, with what has been found since; waits until there is something, or how the command ended.
    async fn next(&mut self) -> Result<Result<LineBatch, CommandError>, Breach> {
        let first = match self.held.take() {
            Some(held) => Some(held),
            None => self.batches.recv().await.transpose()?,
        };
        let Some(mut batch) = first else {
            return Ok(self.begun.exit().await.map(|exit| handed_over(Batch::default(), Some(exit))));
        };
        while let Ok(more) = self.batches.try_recv() {
            let more = more?;
            if !batch.has_room_for(&more) {
                self.held = Some(more);
                break;
            }
            batch.append(more);
        }
        Ok(Ok(handed_over(batch, None)))
    }
}

fn handed_over(batch: Batch, exited: Option<Exit>) -> LineBatch {
    LineBatch { lines: batch.lines, exited }
}

impl HostLineReader for Guest {
    async fn next(
        &mut self,
        reader: Resource<LineReader>,
        wait_ms: Option<u32>,
    ) -> wasmtime::Result<Result<LineBatch, CommandError>> {
        self.enter()?;
        let _waiting = self.stopwatch.pause();
        let reader = self.table.get_mut(&reader)?;
        let Some(wait_ms) = wait_ms else { return Ok(reader.next().await?) };
        let wait = Duration::from_millis(wait_ms.into());
        match tokio::time::timeout(wait, reader.next()).await {
            Ok(batch) => Ok(batch?),
            Err(_) => Ok(Ok(handed_over(Batch::default(), None))),
        }
    }

    async fn stop(&mut self, reader: Resource<LineReader>) -> wasmtime::Result<()> {
        self.enter()?;
        self.table.get(&reader)?.begun.stop();
        Ok(())
    }

    async fn drop(&mut self, reader: Resource<LineReader>) -> wasmtime::Result<()> {
        self.table.delete(reader)?;
        Ok(())
    }
}
