//! A log's output without the secrets of its team.

use crate::config::vault::Vault;
use crate::model::mask::MaskedStream;
use crate::worker::{Channel, Output};
use bytes::Bytes;
use std::sync::Arc;

/// One log's output. Each channel is a stream of its own: what is cut up between two is not found.
#[derive(Default)]
pub struct Masked {
    vault: Arc<Vault>,
    streams: [Stream; 3],
}

#[derive(Default)]
struct Stream {
    bytes: MaskedStream,
    /// The last piece, as far as it says whose a held back byte is.
    last: Option<Output>,
}

impl Masked {
    /// The output of a log of the team whose secrets these are.
    pub fn new(vault: Arc<Vault>) -> Self {
        Self { vault, streams: Default::default() }
    }

    /// Takes a piece and returns what may be stored now; may be empty.
    pub fn push(&mut self, output: Output) -> Output {
        let stream = &mut self.streams[match output.channel {
            Channel::Stdout => 0,
            Channel::Stderr => 1,
            Channel::Header => 2,
        }];
        stream.last = Some(Output { bytes: Bytes::new(), ..output.clone() });
        Output { bytes: stream.bytes.push(&self.vault.mask(), output.bytes), ..output }
    }

    /// The log ends: what was held back.
    pub fn finish(&mut self) -> impl Iterator<Item = Output> {
        let mask = self.vault.mask();
        self.streams.iter_mut().filter_map(move |stream| {
            let bytes = stream.bytes.finish(&mask);
            stream.last.take().map(|last| Output { bytes, ..last })
        })
    }
}
