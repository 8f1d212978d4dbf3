//! What a guest with WASI prints: the last of it is kept, for its log and for error messages.

use crate::config::vault::Vault;
use crate::model::mask::MaskedStream;
use bytes::Bytes;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;

const KEPT_BYTES_MAX: usize = 64 << 10;

/// The end of what was printed; a guest that prints for ever is not ended by it.
#[derive(Clone, Default)]
pub struct Tail(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    /// Whose secrets are hidden; before that is known a guest has none.
    vault: Arc<Vault>,
    masked: MaskedStream,
}

impl Tail {
    /// What was printed, as text.
    pub fn text(&self) -> String {
        let mut kept = self.0.lock().expect("no holder of a tail panics");
        let mask = kept.vault.mask();
        let rest = kept.masked.finish(&mask);
        kept.keep(&rest);
        String::from_utf8_lossy(&kept.bytes).into_owned()
    }

    /// From now on these secrets are hidden: before the start is cut off, so that no half of one is left.
    pub fn hide(&self, vault: Arc<Vault>) {
        self.0.lock().expect("no holder of a tail panics").vault = vault;
    }
}

impl Kept {
    fn keep(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(&bytes[bytes.len().saturating_sub(KEPT_BYTES_MAX)..]);
        let over = self.bytes.len().saturating_sub(KEPT_BYTES_MAX);
        self.bytes.drain(..over);
    }
}

impl AsyncWrite for Tail {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let mut kept = self.0.lock().expect("no holder of a tail panics");
        let mask = kept.vault.mask();
        let shown = kept.masked.push(&mask, Bytes::copy_from_slice(bytes));
        kept.keep(&shown);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Named as the trait of `wasmtime-wasi` wants it; no guest has a terminal.
impl wasmtime_wasi::cli::IsTerminal for Tail {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl wasmtime_wasi::cli::StdoutStream for Tail {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::Tail;
    use crate::config::team::{Secret, TeamSecret};
    use crate::config::vault::Vault;
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use tokio::io::AsyncWriteExt as _;

    #[tokio::test]
    async fn what_a_guest_prints_in_pieces_shows_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "hunter22\n").unwrap();
        let secret = TeamSecret { from: Secret::File(path), hosts: None };
        let vault = Arc::new(Vault::of(&BTreeMap::from([("token".to_owned(), secret)])));
        vault.look().unwrap();
        let tail = Tail::default();
        tail.hide(vault);
        let mut out = tail.clone();
        for piece in ["it is hun", "ter", "22, and hunt"] {
            out.write_all(piece.as_bytes()).await.unwrap();
        }
        assert_eq!(tail.text(), "it is ***, and hunt");
    }
}
