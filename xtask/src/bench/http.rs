//! One kept connection that speaks just enough HTTP/1.1 to measure with: a client library would take longer to compile than to measure.

use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// A connection to the server, with or without a token.
pub struct Client {
    address: SocketAddr,
    token: Option<String>,
    stream: Option<BufReader<TcpStream>>,
}

/// An answer.
pub struct Answer {
    /// Its code.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
}

impl Client {
    /// Nothing is connected yet.
    pub fn new(address: SocketAddr, token: Option<&str>) -> Self {
        Self { address, token: token.map(str::to_owned), stream: None }
    }

    /// `GET path`.
    ///
    /// # Errors
    /// Where no answer comes.
    pub fn get(&mut self, path: &str) -> Result<Answer> {
        self.ask("GET", path, "")
    }

    /// `POST path` with JSON.
    ///
    /// # Errors
    /// Where no answer comes.
    pub fn post(&mut self, path: &str, json: &str) -> Result<Answer> {
        self.ask("POST", path, json)
    }

    fn ask(&mut self, method: &str, path: &str, json: &str) -> Result<Answer> {
        let asked = || format!("{method} {path}");
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect_timeout(&self.address, DEADLINE).with_context(asked)?;
                stream.set_nodelay(true).with_context(asked)?;
                stream.set_read_timeout(Some(DEADLINE)).with_context(asked)?;
                BufReader::new(stream)
            }
        };
        let token = self.token.as_ref().map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{token}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
            self.address,
            json.len()
        );
        stream.get_mut().write_all(head.as_bytes()).with_context(asked)?;
        let (answer, keeps) = read(&mut stream).with_context(asked)?;
        self.stream = keeps.then_some(stream);
        Ok(answer)
    }
}

fn read(stream: &mut impl BufRead) -> Result<(Answer, bool)> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no status line")?;
    let (mut length, mut is_chunked, mut keeps) = (0, false, true);
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().context("no length")?,
            "transfer-encoding" => is_chunked = true,
            "connection" => keeps = !value.trim().eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    let mut body = Vec::new();
    if !is_chunked {
        body.resize(length, 0);
        stream.read_exact(&mut body)?;
        return Ok((Answer { status, body }, keeps));
    }
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim_end(), 16).context("no chunk")?;
        let from = body.len();
        // Each chunk ends with an empty line.
        body.resize(from + size + 2, 0);
        stream.read_exact(&mut body[from..])?;
        body.truncate(from + size);
        if size == 0 {
            return Ok((Answer { status, body }, keeps));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn answers_of_a_known_length_and_in_chunks_are_read_to_their_end() {
        let mut two = &b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabHTTP/1.1 429 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"[..];
        let (first, _) = read(&mut two).unwrap();
        assert_eq!((first.status, first.body.as_slice()), (200, &b"ab"[..]));
        let (second, keeps) = read(&mut two).unwrap();
        assert_eq!((second.status, second.body.as_slice(), keeps), (429, &b"abc"[..], true));
        assert!(two.is_empty());
    }
}
