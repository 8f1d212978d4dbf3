//! A real HTTP service on this machine, for plugins to call: it answers by path, well or badly, and remembers what it was sent.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Runs until it is dropped.
pub struct Service {
    address: SocketAddr,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    n_connections: AtomicUsize,
    n_open: AtomicUsize,
    n_open_most: AtomicUsize,
    n_busy: AtomicUsize,
    came: tokio::sync::Notify,
}

impl Service {
    /// Listens on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        Self::on("127.0.0.1:0").await
    }

    /// Listens there.
    ///
    /// # Panics
    /// Where it cannot.
    pub async fn on(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.expect("the address is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let seen = Arc::new(Seen::default());
        let all = Arc::clone(&seen);
        let task = tokio::task::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                all.n_connections.fetch_add(1, Ordering::SeqCst);
                let seen = Arc::clone(&all);
                connections.spawn(async move {
                    let open = seen.n_open.fetch_add(1, Ordering::SeqCst) + 1;
                    seen.n_open_most.fetch_max(open, Ordering::SeqCst);
                    // Who hangs up in the middle is what some tests are about.
                    drop(converse(stream, &seen).await);
                    seen.n_open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, seen, task }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:41234/ok` for `/ok`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Heads and bodies of what it was sent, as they came.
    ///
    /// # Panics
    /// Never.
    pub fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().expect("no holder panics").clone()
    }

    /// `/hook` answers its next `n` requests with 503.
    pub fn be_busy(&self, n: usize) {
        self.seen.n_busy.store(n, Ordering::SeqCst);
    }

    /// Waits until it was sent `n` requests that begin so, and returns all of those.
    ///
    /// # Panics
    /// Where they do not come.
    pub async fn wait_for(&self, begin: &str, n: usize) -> Vec<String> {
        let wait = async {
            loop {
                let came = self.seen.came.notified();
                let all: Vec<String> = self.requests().into_iter().filter(|r| r.starts_with(begin)).collect();
                if all.len() >= n {
                    return all;
                }
                came.await;
            }
        };
        let waited = tokio::time::timeout(std::time::Duration::from_secs(60), wait).await;
        waited.unwrap_or_else(|_| panic!("{n} requests `{begin}` did not come: {:?}", self.requests()))
    }

    /// Connections that were made to it.
    pub fn n_connections(&self) -> usize {
        self.seen.n_connections.load(Ordering::SeqCst)
    }

    /// The most connections that it had at the same time.
    pub fn n_open_most(&self) -> usize {
        self.seen.n_open_most.load(Ordering::SeqCst)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(mut stream: TcpStream, seen: &Seen) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    while let Some(request) = read(&mut stream, &mut bytes).await? {
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        seen.requests.lock().expect("no holder panics").push(request.clone());
        let is_busy = path == "/hook" && take_one(&seen.n_busy);
        seen.came.notify_one();
        let path = if is_busy { "/down".to_owned() } else { path };
        if !answer(&mut stream, &path, &request).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Counts down to nothing; whether there was one left.
fn take_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
}

/// One request, whole.
async fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> std::io::Result<Option<String>> {
    loop {
        let text = String::from_utf8_lossy(bytes).into_owned();
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text[..end]
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
            let whole = end + 4 + length.unwrap_or(0);
            if bytes.len() >= whole {
                let request: Vec<u8> = bytes.drain(..whole).collect();
                return Ok(Some(String::from_utf8_lossy(&request).into_owned()));
            }
        }
        if stream.read_buf(bytes).await? == 0 {
            return Ok(None);
        }
        // Somebody begins to speak TLS, which it does not understand.
        if bytes.first() == Some(&0x16) {
            stream.write_all(b"HTTP/1.1 400 X\r\nconnection: close\r\n\r\n").await?;
            return Ok(None);
        }
    }
}

/// Answers by path; whether the connection goes on.
async fn answer(stream: &mut TcpStream, path: &str, request: &str) -> std::io::Result<bool> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut head = String::new();
    let (status, body) = match path {
        // Never answers.
        "/silent" => {
            std::future::pending::<()>().await;
            return Ok(false);
        }
        // Never ends.
        "/endless" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            loop {
                stream.write_all(b"400\r\n").await?;
                stream.write_all(&[b'x'; 1024]).await?;
                stream.write_all(b"\r\n").await?;
            }
        }
        "/claims-much" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nx").await?;
            std::future::pending::<()>().await;
            return Ok(false);
        }
        "/large-head" => {
            let _ = write!(head, "x-large: {}\r\n", "x".repeat(100 << 10));
            (200, String::new())
        }
        "/packed" => {
            head.push_str("content-encoding: gzip\r\n");
            (200, "not unpacked".to_owned())
        }
        "/redirect" => {
            let _ = write!(head, "location: {query}\r\n");
            (302, "elsewhere".to_owned())
        }
        "/json" => {
            head.push_str("content-type: application/json\r\n");
            (200, r#"{"version":"1.2.3"}"#.to_owned())
        }
        "/echo" => (200, request.to_owned()),
        "/down" => (503, "down for repairs".to_owned()),
        _ => (200, "hello".to_owned()),
    };
    let is_last = query == "close";
    let connection = if is_last { "connection: close\r\n" } else { "" };
    let text = format!("HTTP/1.1 {status} X\r\n{head}{connection}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).await?;
    Ok(!is_last)
}
