//! What the server and `weir exec` say to each other over the control socket, which is the supervisor's descriptor 0.
//!
//! The server sends one frame: three lengths (u32, little endian), then the [`Spec`] as JSON, the fence's grants
//! (`fence::grant`), and what the command reads on its standard input. After that single bytes, one an [`Order`]. The supervisor answers with lines of
//! JSON, each a [`Report`]. Secrets of the environment travel here and never in an argument, where `/proc` would show them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;

/// Arguments, environment and grants together; the kernel takes no more than about 2 MiB of the first two anyway.
const SPEC_BYTES_MAX: usize = 16 << 20;
/// What a command may read on its standard input.
const STDIN_BYTES_MAX: usize = 256 << 20;

/// A command to start.
#[derive(Serialize, Deserialize)]
pub struct Spec {
    /// Program and arguments; never empty.
    pub program: Vec<String>,
    /// The builder's work directory, absolute.
    pub root: PathBuf,
    /// Where in it the command starts; none is the work directory itself.
    pub directory: Option<String>,
    /// The whole environment of the command.
    pub env: Vec<(String, String)>,
    /// Whether the grants are to be applied; otherwise they are empty and the command may reach what the server may.
    pub fenced: bool,
    /// How many files it may have open; none is as many as its supervisor.
    pub open_files: Option<u64>,
    /// Whether the command has a standard input; otherwise it reads `/dev/null`.
    pub has_stdin: bool,
}

/// Of the environment only the names are shown: values may be secret.
impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let env: Vec<&String> = self.env.iter().map(|(name, _)| name).collect();
        let Self { program, root, directory, fenced, .. } = self;
        f.debug_struct("Spec")
            .field("program", program)
            .field("root", root)
            .field("directory", directory)
            .field("env", &env)
            .field("fenced", fenced)
            .finish_non_exhaustive()
    }
}

/// What came in one frame.
pub struct Frame {
    /// The command.
    pub spec: Spec,
    /// What it may reach, as `fence` encodes it.
    pub grants: Vec<u8>,
    /// What it reads.
    pub stdin: Vec<u8>,
}

/// What a command reads may be secret too.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// What the server asks of a running supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// SIGINT to the command's process group.
    Interrupt,
    /// SIGTERM to the command's process group.
    Terminate,
    /// SIGKILL to every process that comes from the command.
    Kill,
}

/// What the supervisor tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// The command runs; its process and process group.
    Started(i32),
    /// It ended by itself or by whatever ended it.
    Ended(Ended),
    /// It could not be started.
    Failed {
        /// At what.
        at: Failure,
        /// What the system said.
        errno: i32,
    },
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It exited.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
}

/// What could not be done for a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Read the spec.
    Spec,
    /// Enter its directory.
    Directory,
    /// Prepare its standard input.
    Stdin,
    /// Apply the fence.
    Fence,
    /// Execute the program.
    Program,
}

impl Order {
    /// As one byte on the wire.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Interrupt => b'i',
            Self::Terminate => b't',
            Self::Kill => b'k',
        }
    }

    /// The other way round.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'i' => Some(Self::Interrupt),
            b't' => Some(Self::Terminate),
            b'k' => Some(Self::Kill),
            _ => None,
        }
    }
}

/// The head of a frame, to be followed by the standard input.
///
/// # Errors
/// Where something is too large or a path is not UTF-8.
pub fn encode_head(spec: &Spec, grants: &[u8], stdin_len: usize) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(spec).map_err(io::Error::other)?;
    if json.len() + grants.len() > SPEC_BYTES_MAX {
        return Err(io::Error::other("the command's arguments and environment are too large"));
    }
    if stdin_len > STDIN_BYTES_MAX {
        return Err(io::Error::other("the command's standard input is too large"));
    }
    let mut head = Vec::with_capacity(12 + json.len() + grants.len());
    for length in [json.len(), grants.len(), stdin_len] {
        let length = u32::try_from(length).expect("bounded above");
        head.extend_from_slice(&length.to_le_bytes());
    }
    head.extend_from_slice(&json);
    head.extend_from_slice(grants);
    Ok(head)
}

/// Reads one frame.
///
/// # Errors
/// Where the other side went away or sent something else.
pub fn read_frame(from: &mut impl Read) -> io::Result<Frame> {
    let mut lengths = [0; 12];
    from.read_exact(&mut lengths)?;
    let length =
        |at: usize| u32::from_le_bytes([lengths[at], lengths[at + 1], lengths[at + 2], lengths[at + 3]]) as usize;
    let (n_json, n_grants, n_stdin) = (length(0), length(4), length(8));
    if n_json + n_grants > SPEC_BYTES_MAX || n_stdin > STDIN_BYTES_MAX {
        return Err(io::Error::other("the frame is too large"));
    }
    let mut part = |n: usize| {
        let mut bytes = vec![0; n];
        from.read_exact(&mut bytes).map(|()| bytes)
    };
    let json = part(n_json)?;
    let grants = part(n_grants)?;
    let stdin = part(n_stdin)?;
    let spec: Spec = serde_json::from_slice(&json).map_err(io::Error::other)?;
    if spec.program.is_empty() {
        return Err(io::Error::other("no program was named"));
    }
    Ok(Frame { spec, grants, stdin })
}

#[cfg(test)]
mod tests {
    use super::{Ended, Frame, Order, Report, Spec, encode_head, read_frame};

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let spec = Spec {
            program: vec!["echo".to_owned(), "a b".to_owned()],
            root: "/w".into(),
            directory: Some("sub".to_owned()),
            env: vec![("A".to_owned(), "1".to_owned())],
            fenced: true,
            open_files: Some(1_024),
            has_stdin: true,
        };
        let mut bytes = encode_head(&spec, b"grants", 5).unwrap();
        bytes.extend_from_slice(b"input");
        let frame = read_frame(&mut bytes.as_slice()).unwrap();
        let json = |spec: &Spec| serde_json::to_value(spec).unwrap();
        assert_eq!(json(&frame.spec), json(&spec));
        assert_eq!((frame.grants.as_slice(), frame.stdin.as_slice()), (b"grants".as_slice(), b"input".as_slice()));
        assert!(read_frame(&mut &bytes[..bytes.len() - 1]).is_err(), "a cut frame is refused");
    }

    #[test]
    fn neither_the_environment_nor_the_input_is_shown() {
        let env = vec![("TOKEN".to_owned(), "hunter22".to_owned())];
        let (program, root) = (vec!["x".to_owned()], "/w".into());
        let spec = Spec { program, root, directory: None, env, fenced: true, open_files: None, has_stdin: true };
        let shown = format!("{:?}", Frame { spec, grants: Vec::new(), stdin: b"hunter22".to_vec() });
        assert!(shown.contains("TOKEN") && !shown.contains("hunter22") && !shown.contains("104, 117"), "{shown}");
    }

    #[test]
    fn orders_and_reports_survive_the_wire() {
        for order in [Order::Interrupt, Order::Terminate, Order::Kill] {
            assert_eq!(Order::from_byte(order.byte()), Some(order));
        }
        let line = serde_json::to_string(&Report::Ended(Ended::Signal(9))).unwrap();
        assert_eq!(line, r#"{"ended":{"signal":9}}"#);
        assert_eq!(serde_json::from_str::<Report>(&line).unwrap(), Report::Ended(Ended::Signal(9)));
    }
}
