//! A real git server on this machine, for the repositories of teams: by `git daemon` for everybody, or by https for whoever has a token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// What the path of a repository begins with that is elsewhere.
const MOVED: &str = "/moved/";

/// A repository `core` with the branch `main`. What serves it ends with the test's process.
pub struct Origin {
    dir: TempDir,
}

/// The same by https.
pub struct Private {
    /// Where it is: `https://127.0.0.1:41234`; the repository is `/core` there.
    pub url: String,
    /// The certificate, which signs itself.
    pub certificate: PathBuf,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Default for Origin {
    fn default() -> Self {
        Self::new()
    }
}

impl Origin {
    /// An empty one.
    ///
    /// # Panics
    /// Where git is not there.
    pub fn new() -> Self {
        let origin = Self { dir: tempfile::tempdir().expect("a temporary folder can be made") };
        std::fs::create_dir_all(origin.repository()).expect("a folder can be made");
        origin.git(&["init", "--quiet", "--initial-branch=main"]);
        origin
    }

    /// Writes the files and commits them; answers the commit.
    ///
    /// # Panics
    /// Where that fails.
    pub fn commit(&self, files: &[(&str, &str)]) -> String {
        for (name, text) in files {
            let path = self.repository().join(name);
            std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder can be made");
            std::fs::write(path, text).expect("the folder can be written");
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "x"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Serves it to everybody; answers its URL.
    ///
    /// # Panics
    /// Where no port is free.
    pub fn serve(&self) -> String {
        let (listener, address) = listen();
        let base = format!("--base-path={}", self.dir.path().display());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let input = stream.try_clone().expect("a socket has more than one handle");
                let mut daemon = Command::new("git");
                daemon.args(["daemon", "--inetd", "--export-all", &base]).stderr(Stdio::null());
                daemon.stdin(Stdio::from(OwnedFd::from(input))).stdout(Stdio::from(OwnedFd::from(stream)));
                daemon.status().expect("git daemon can be started");
            }
        });
        format!("git://{address}/core")
    }

    /// Serves it by https to whoever names `user` and `token`. What is asked for below `/moved/` is said to be at `elsewhere`.
    ///
    /// # Panics
    /// Where no port is free, or openssl is not there.
    pub fn serve_privately(&self, user: &str, token: &str, elsewhere: &str) -> Private {
        let (listener, address) = listen();
        let (certificate, tls) = certificate(self.dir.path());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let door = Door {
            served: self.dir.path().to_owned(),
            authorization: format!("authorization: Basic {}", STANDARD.encode(format!("{user}:{token}"))),
            elsewhere: elsewhere.to_owned(),
            heads: Arc::clone(&heads),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = ServerConnection::new(Arc::clone(&tls)).expect("the certificate is one");
                // Who hangs up in the middle is what some tests are about.
                drop(door.converse(StreamOwned::new(connection, stream)));
            }
        });
        Private { url: format!("https://{address}"), certificate, heads }
    }

    fn repository(&self) -> PathBuf {
        self.dir.path().join("core")
    }

    fn git(&self, arguments: &[&str]) -> String {
        let own = ["-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"];
        let output = Command::new("git").args(own).args(arguments).current_dir(self.repository()).output();
        let output = output.expect("git is installed");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Private {
    /// The heads of what it was asked.
    ///
    /// # Panics
    /// Never.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no holder panics").clone()
    }
}

fn listen() -> (TcpListener, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("some port is free");
    let address = listener.local_addr().expect("a bound socket has an address");
    (listener, address)
}

/// Makes a certificate for `127.0.0.1` in `dir`.
fn certificate(dir: &Path) -> (PathBuf, Arc<ServerConfig>) {
    let (key, certificate) = (dir.join("key.pem"), dir.join("certificate.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]);
    openssl.args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout"]).arg(&key).arg("-out").arg(&certificate);
    let output = openssl.output().expect("openssl is installed: on Debian, apt-get install openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = vec![CertificateDer::from_pem_file(&certificate).expect("openssl writes PEM")];
    let key = PrivateKeyDer::from_pem_file(&key).expect("openssl writes PEM");
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = versions.expect("ring knows TLS").with_no_client_auth().with_single_cert(chain, key);
    (certificate, Arc::new(config.expect("the key fits the certificate")))
}

/// HTTP before `git http-backend`.
struct Door {
    served: PathBuf,
    authorization: String,
    elsewhere: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Door {
    /// One request and its answer.
    fn converse(&self, stream: StreamOwned<ServerConnection, TcpStream>) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        self.heads.lock().expect("no holder panics").push(head.clone());
        let header = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
        };
        let mut body = vec![0; header("content-length").and_then(|n| n.parse().ok()).unwrap_or(0)];
        stream.read_exact(&mut body)?;
        let path = head.split(' ').nth(1).unwrap_or_default();
        let is_let_in = header("authorization").is_some_and(|v| format!("authorization: {v}") == self.authorization);
        let (status, headers, body) = match path.strip_prefix(MOVED) {
            Some(rest) => ("302 Found".to_owned(), format!("location: {}/{rest}\r\n", self.elsewhere), Vec::new()),
            None if !is_let_in => {
                ("401 Unauthorized".to_owned(), "www-authenticate: Basic realm=\"x\"\r\n".to_owned(), Vec::new())
            }
            None => self.backend(&head, path, &header, &body)?,
        };
        let stream = stream.get_mut();
        let length = body.len();
        write!(stream, "HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n")?;
        stream.write_all(&body)?;
        stream.conn.send_close_notify();
        stream.flush()
    }

    /// Status, headers and body as git makes them.
    fn backend(
        &self,
        head: &str,
        path: &str,
        header: &dyn Fn(&str) -> Option<String>,
        body: &[u8],
    ) -> io::Result<(String, String, Vec<u8>)> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut backend = Command::new("git");
        backend.arg("http-backend").env("GIT_PROJECT_ROOT", &self.served).env("GIT_HTTP_EXPORT_ALL", "1");
        backend.env("REQUEST_METHOD", head.split(' ').next().unwrap_or_default());
        backend.env("PATH_INFO", path).env("QUERY_STRING", query).env("CONTENT_LENGTH", body.len().to_string());
        for (name, variable) in [
            ("content-type", "CONTENT_TYPE"),
            ("content-encoding", "HTTP_CONTENT_ENCODING"),
            ("git-protocol", "HTTP_GIT_PROTOCOL"),
        ] {
            backend.envs(header(name).map(|value| (variable, value)));
        }
        let mut child = backend.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        // What asks for one commit fits into a pipe.
        child.stdin.take().expect("it was piped").write_all(body)?;
        let mut answer = BufReader::new(child.stdout.take().expect("it was piped"));
        let (mut status, mut headers, mut line) = ("200 OK".to_owned(), String::new(), String::new());
        while answer.read_line(&mut line)? > 0 && line != "\r\n" {
            match line.strip_prefix("Status: ") {
                Some(said) => said.trim().clone_into(&mut status),
                None => write!(headers, "{line}").expect("a String takes all"),
            }
            line.clear();
        }
        let mut body = Vec::new();
        answer.read_to_end(&mut body)?;
        child.wait()?;
        Ok((status, headers, body))
    }
}
