//! One program outside, run with a deadline and a bound on what it says: no shell, nothing to read, and all that it started ends with it.

use crate::open_files;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Bytes of memory that a program with a bound on its files may map, and each that it starts.
const MEMORY_BYTES_MAX: u64 = 1 << 30;
/// Bytes of its standard error that are kept, to say why it failed.
const ERROR_BYTES_MAX: usize = 4 << 10;

/// What is run.
pub struct Program<'a> {
    /// The program and its arguments; never empty.
    pub argv: &'a [String],
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Where it begins.
    pub dir: &'a Path,
    /// It is killed when it takes longer.
    pub deadline: Duration,
    /// Bytes that it may print; more end it.
    pub bytes_max: usize,
    /// The largest file that it may write, in bytes; with this its memory is bounded, too.
    pub file_bytes_max: Option<u64>,
}

/// Why there is no answer. Says nothing of what was printed but the last line that went to standard error, and that whole, up to 4 KiB: who
/// knows a secret that may be in it hides that before anything is cut.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It could not be started.
    #[error("it cannot be started: {}", .0.kind())]
    NotStarted(io::Error),
    /// It was killed.
    #[error("it took over {} s", .0.as_secs())]
    TooLong(Duration),
    /// It was killed.
    #[error("it printed over {0} bytes")]
    TooMuch(usize),
    /// It ended otherwise than well.
    #[error("it ended with {status}{}", said(.stderr))]
    Failed {
        /// How.
        status: ExitStatus,
        /// The end of its standard error.
        stderr: String,
    },
}

impl Program<'_> {
    /// Runs it to its end and answers what it printed. Blocks no longer than its deadline.
    ///
    /// # Errors
    /// Where it does not end well, or not in time.
    pub fn run(&self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let (name, arguments) = self.argv.split_first().expect("a program has a name");
        let mut command = Command::new(name);
        command.args(arguments).env_clear().envs(self.environment.iter().cloned()).current_dir(self.dir);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().map_err(Failure::NotStarted)?;
        let group = Pid::from_raw(i32::try_from(child.id()).expect("a process id is an i32"));
        let _it_has_ended = let_files(group);
        let bounded = self.file_bytes_max.map_or(Ok(()), |max| bound(group, max));
        let stdout = collect(child.stdout.take().expect("it was piped"), self.bytes_max + 1);
        let stderr = collect_end(child.stderr.take().expect("it was piped"), ERROR_BYTES_MAX);
        let (told, ended) = channel();
        std::thread::spawn(move || drop(told.send(child.wait())));
        let answer = match bounded {
            Ok(()) => self.answer(&stdout, &stderr, &ended),
            Err(error) => Err(Failure::NotStarted(error)),
        };
        // Whatever it left behind goes with it; where nothing is left there is nobody to kill.
        let _nobody_is_left = killpg(group, Signal::SIGKILL);
        answer
    }

    fn answer(
        &self,
        stdout: &Receiver<Zeroizing<Vec<u8>>>,
        stderr: &Receiver<Zeroizing<Vec<u8>>>,
        ended: &Receiver<io::Result<ExitStatus>>,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let latest = Instant::now() + self.deadline;
        let left = || latest.saturating_duration_since(Instant::now());
        let printed = stdout.recv_timeout(left()).map_err(|_| Failure::TooLong(self.deadline))?;
        if printed.len() > self.bytes_max {
            return Err(Failure::TooMuch(self.bytes_max));
        }
        let status = ended.recv_timeout(left()).map_err(|_| Failure::TooLong(self.deadline))?;
        let status = status.map_err(Failure::NotStarted)?;
        if status.success() {
            return Ok(printed);
        }
        let stderr = stderr.recv_timeout(left()).unwrap_or_default();
        Err(Failure::Failed { status, stderr: String::from_utf8_lossy(&stderr).into_owned() })
    }
}

/// Reads up to `bytes_max` bytes in a thread of its own; what comes after them is left.
fn collect(mut from: impl Read + Send + 'static, bytes_max: usize) -> Receiver<Zeroizing<Vec<u8>>> {
    let (told, read) = channel();
    std::thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::new());
        // A pipe that breaks ends what was printed.
        drop((&mut from).take(bytes_max as u64).read_to_end(&mut bytes));
        drop(told.send(bytes));
        // It must not wait for somebody to read the rest.
        drop(io::copy(&mut from, &mut io::sink()));
    });
    read
}

/// Reads to the end in a thread of its own and keeps the lines that are whole in the last `bytes_max` bytes: why a program failed it says
/// last, and the rest of a line may begin inside of a secret, where nobody knows it again.
fn collect_end(mut from: impl Read + Send + 'static, bytes_max: usize) -> Receiver<Zeroizing<Vec<u8>>> {
    let (told, read) = channel();
    std::thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 * bytes_max));
        let mut is_cut = false;
        loop {
            // A pipe that breaks ends what was printed.
            match (&mut from).take(bytes_max as u64).read_to_end(&mut bytes) {
                Ok(0) | Err(_) => break,
                Ok(_) => {
                    let n_old = bytes.len().saturating_sub(bytes_max);
                    bytes.drain(..n_old);
                    is_cut |= n_old > 0;
                }
            }
        }
        if is_cut {
            let n_begun = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
            bytes.drain(..n_begun);
        }
        drop(told.send(bytes));
    });
    read
}

/// Bounds what the process may write to one file and map into memory, and all that it starts from now on.
fn bound(process: Pid, file_bytes_max: u64) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, prlimit};
    let process = rustix::process::Pid::from_raw(process.as_raw());
    for (resource, max) in [(Resource::Fsize, file_bytes_max), (Resource::As, MEMORY_BYTES_MAX)] {
        prlimit(process, resource, Rlimit { current: Some(max), maximum: Some(max) })?;
    }
    Ok(())
}

/// As many open files as the server was started with: a program that closes all that it could have takes long where it could have millions.
fn let_files(process: Pid) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
    let Some(n) = open_files::of_children() else { return Ok(()) };
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = Some(maximum.map_or(n, |max| n.min(max)));
    prlimit(rustix::process::Pid::from_raw(process.as_raw()), Resource::Nofile, Rlimit { current, maximum })?;
    Ok(())
}

/// The last line of what it said, where it said something.
fn said(stderr: &str) -> String {
    let line = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let line: String = line.chars().filter(|c| !c.is_control()).collect();
    if line.is_empty() { line } else { format!(": {line}") }
}

#[cfg(test)]
mod tests {
    use super::Program;
    use std::path::Path;
    use std::time::Duration;

    fn run(argv: &[&str], deadline: Duration, file_bytes_max: Option<u64>) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        let argv: Vec<String> = argv.iter().map(|a| (*a).to_owned()).collect();
        let environment = vec![("PATH".into(), std::env::var_os("PATH").unwrap())];
        let dir: &Path = dir.path();
        let program = Program { argv: &argv, environment, dir, deadline, bytes_max: 100, file_bytes_max };
        let printed = program.run().map_err(|why| why.to_string())?;
        Ok(String::from_utf8(printed.to_vec()).unwrap())
    }

    #[test]
    fn what_a_program_prints_is_bounded_in_time_and_size_and_says_why_there_is_none() {
        let long = Duration::from_secs(60);
        assert_eq!(run(&["printf", "%s", "a $b"], long, None).unwrap(), "a $b");
        assert_eq!(run(&["/no/such/program"], long, None).unwrap_err(), "it cannot be started: entity not found");
        let failed = run(&["sh", "-c", "echo out; echo why >&2; exit 3"], long, None).unwrap_err();
        assert_eq!(failed, "it ended with exit status: 3: why");
        assert_eq!(run(&["sh", "-c", "yes & wait"], long, None).unwrap_err(), "it printed over 100 bytes");
        let endless = run(&["sh", "-c", "sleep 1000 & wait"], Duration::from_millis(50), None);
        assert_eq!(endless.unwrap_err(), "it took over 0 s");
        let late = run(&["sh", "-c", "yes | head -c 100000 >&2; echo why >&2; exit 3"], long, None).unwrap_err();
        assert_eq!(late, "it ended with exit status: 3: why");
        let whole = run(&["sh", "-c", "printf %0999d 1 >&2; exit 3"], long, None).unwrap_err();
        assert!(whole.ends_with(&format!(": {:0999}", 1)), "{whole}");
        let begun =
            run(&["sh", "-c", "yes s3cret | head -c 100000 | tr -d '\\n' >&2; exit 3"], long, None).unwrap_err();
        assert_eq!(begun, "it ended with exit status: 3", "a line whose beginning is lost");
        let writes = "trap '' XFSZ; sleep 0.2; head -c 100000 /dev/zero > file";
        assert!(run(&["sh", "-c", writes], long, Some(1_000)).is_err());
        assert!(run(&["sh", "-c", "cat"], long, None).unwrap().is_empty());
    }
}
