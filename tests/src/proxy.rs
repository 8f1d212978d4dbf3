//! A real reverse proxy before the server: nginx or HAProxy, from Debian's packages, on a free port of its own.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A proxy has so long to listen.
const DEADLINE: Duration = Duration::from_secs(30);
/// Ports are tried so often: another test may take the one that was free.
const TRIES: usize = 8;
/// What a proxy that refuses says: come again after so many seconds.
pub const RETRY_AFTER_S: u64 = 3;

/// Which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// nginx, with connections to the server kept open.
    Nginx,
    /// HAProxy, which shares its connections to the server between clients.
    HaProxy,
}

/// Runs until it is dropped.
pub struct Proxy {
    child: Child,
    port: u16,
    // After the process.
    dir: TempDir,
}

impl Proxy {
    /// Starts one that passes everything to `server` (`127.0.0.1:41234`); none where it is not installed, which in CI is an error.
    ///
    /// # Panics
    /// Where it is installed and does not listen in time.
    pub fn start(kind: Kind, server: &str) -> Option<Self> {
        let program = kind.program();
        if Command::new(program).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            assert!(std::env::var_os("CI").is_none(), "{program} must be installed in CI");
            eprintln!("{program} is not installed: nothing is tried through it");
            return None;
        }
        (0..TRIES).find_map(|_| Self::try_start(kind, server)).or_else(|| panic!("{program} does not listen"))
    }

    /// `127.0.0.1:41234`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Refuses from now on whatever it is asked anew, as an operator has it do: with 429 or 503, and [`RETRY_AFTER_S`]. What is under way goes
    /// on. Only nginx does.
    ///
    /// # Panics
    /// Where its folder cannot be written.
    pub fn refuse(&self, status: u16) {
        std::fs::write(self.dir.path().join(status.to_string()), "").expect("the folder can be written");
    }

    /// Refuses nothing any more.
    ///
    /// # Panics
    /// Where it did not refuse with that.
    pub fn relent(&self, status: u16) {
        std::fs::remove_file(self.dir.path().join(status.to_string())).expect("it refused");
    }

    /// Breaks off what is under way within a second, as a change of its configuration does. Only nginx does.
    pub fn break_off(&self) {
        self.signal(nix::sys::signal::Signal::SIGHUP);
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).expect("a process id fits"));
        // One that has ended already needs no signal.
        let _ = nix::sys::signal::kill(pid, signal);
    }

    fn try_start(kind: Kind, server: &str) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        let port = free_port();
        let file = dir.path().join("proxy.conf");
        std::fs::write(&file, kind.configuration(dir.path(), port, server)).expect("the folder can be written");
        let log = std::fs::File::create(dir.path().join("log")).expect("the folder can be written");
        let mut command = Command::new(kind.program());
        match kind {
            Kind::Nginx => command.arg("-p").arg(dir.path()).arg("-c").arg(&file),
            Kind::HaProxy => command.arg("-db").arg("-f").arg(&file),
        };
        let output = log.try_clone().expect("a file has more than one handle");
        let child = command.stdin(Stdio::null()).stdout(output).stderr(log).spawn().expect("the proxy starts");
        let mut proxy = Self { child, port, dir };
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(proxy);
            }
            // The port was taken between asking for it and listening on it.
            if matches!(proxy.child.try_wait(), Ok(Some(_))) {
                return None;
            }
            std::thread::yield_now();
        }
        None
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Both end their workers on SIGTERM.
        self.signal(nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

impl Kind {
    fn program(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::HaProxy => "haproxy",
        }
    }

    fn configuration(self, dir: &Path, port: u16, server: &str) -> String {
        let mut text = String::new();
        let written = match self {
            Self::Nginx => write!(
                text,
                "daemon off;\nworker_processes 1;\nworker_shutdown_timeout 1s;\npid {dir}/pid;\nerror_log {dir}/error;\nevents {{}}\nhttp {{\n\
                 access_log off;\nkeepalive_timeout 1s;\nclient_body_temp_path {dir}/body;\nproxy_temp_path {dir}/proxied;\n\
                 fastcgi_temp_path {dir}/f;\nuwsgi_temp_path {dir}/u;\nscgi_temp_path {dir}/s;\n\
                 upstream weir {{ server {server}; keepalive 1; }}\n\
                 server {{ listen 127.0.0.1:{port};\nlocation / {{\n\
                 if (-f {dir}/429) {{ add_header Retry-After {RETRY_AFTER_S} always; return 429; }}\n\
                 if (-f {dir}/503) {{ add_header Retry-After {RETRY_AFTER_S} always; return 503; }}\n\
                 proxy_pass http://weir; proxy_http_version 1.1;\n\
                 proxy_set_header Connection \"\"; proxy_set_header Host $host;\n\
                 proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_request_buffering off; }} }} }}\n",
                dir = dir.display(),
            ),
            Self::HaProxy => write!(
                text,
                "defaults\n mode http\n timeout connect 10s\n timeout client 60s\n timeout server 60s\n timeout http-keep-alive 1s\n http-reuse always\n \
                 option forwardfor\n\
                 frontend web\n bind 127.0.0.1:{port}\n default_backend weir\nbackend weir\n server one {server}\n",
            ),
        };
        written.expect("a String takes all");
        text
    }
}

/// A port that nobody listens on now.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there are free ports");
    listener.local_addr().expect("a bound socket has an address").port()
}
