//! A connection by hand, for what no decent HTTP client would send.

use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The other side has so long to say or do what is waited for.
const DEADLINE: Duration = Duration::from_secs(60);
/// Bytes that are read of one connection at most.
const HEARD_MAX: usize = 4 << 20;

/// A TCP connection and what came over it.
pub struct Wire {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Wire {
    /// Connects to `127.0.0.1:41234`.
    ///
    /// # Panics
    /// Where nobody listens.
    pub async fn to(address: &str) -> Self {
        Self { stream: TcpStream::connect(address).await.expect("somebody listens"), heard: Vec::new() }
    }

    /// Sends bytes as they are. A peer that has hung up does not take them: then that is what [`Wire::rest`] tells.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Says that nothing more will come, and reads until the other side says so too.
    ///
    /// # Panics
    /// Where it does not in time.
    pub async fn end(mut self) -> String {
        let _ = self.stream.shutdown().await;
        self.rest().await
    }

    /// Reads until the other side hangs up, by whatever way; all that was ever heard.
    ///
    /// # Panics
    /// Where it does not in time.
    pub async fn rest(mut self) -> String {
        let read = async {
            let mut buffer = [0; 16 << 10];
            while self.heard.len() < HEARD_MAX {
                match self.stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => break,
                    Ok(n) => self.heard.extend_from_slice(&buffer[..n]),
                }
            }
        };
        let in_time = tokio::time::timeout(DEADLINE, read).await;
        let heard = String::from_utf8_lossy(&self.heard).into_owned();
        assert!(in_time.is_ok(), "the connection was not closed; heard so far:\n{heard}");
        heard
    }

    /// Reads until `text` has come.
    ///
    /// # Panics
    /// Where it does not in time, or the other side hangs up before.
    pub async fn until(&mut self, text: &str) -> String {
        let read = async {
            let mut buffer = [0; 16 << 10];
            loop {
                let heard = String::from_utf8_lossy(&self.heard).into_owned();
                if heard.contains(text) {
                    return heard;
                }
                let n = self.stream.read(&mut buffer).await.unwrap_or(0);
                assert!(n > 0, "the other side hung up before `{text}`; heard:\n{heard}");
                self.heard.extend_from_slice(&buffer[..n]);
            }
        };
        tokio::time::timeout(DEADLINE, read).await.unwrap_or_else(|_| panic!("`{text}` did not come"))
    }
}

/// Status codes of the answers in what was heard, in order.
pub fn answers(heard: &str) -> Vec<u16> {
    let lines = heard.split("\r\n").flat_map(|line| line.split('\n'));
    let codes = lines.filter_map(|line| line.find("HTTP/1.1 ").map(|at| &line[at + 9..]));
    codes.filter_map(|rest| rest.get(..3)?.parse().ok()).collect()
}
