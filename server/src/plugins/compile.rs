//! Compiling, in a process of its own with limits: a component made to choke the compiler chokes only that.

use super::engine::config;
use crate::model::time::Span;
use crate::nice;
use anyhow::Context;
use nix::sys::resource::{Resource, setrlimit};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// It stands back behind whatever else the machine does, so that this is long; its CPU time is bounded more narrowly.
const WALL_MAX: Duration = Duration::from_secs(600);
const ARTIFACT_BYTES_MAX: u64 = 512 << 20;
/// How much of what the compiler complains is passed on.
const COMPLAINT_BYTES_MAX: u64 = 4 << 10;

/// What one compiler process may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// CPU time of all its threads together, in seconds.
    pub cpu_max_s: u64,
    /// Address space.
    pub memory_bytes_max: u64,
    /// From its start to its end.
    pub wall_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cpu_max_s: 240, memory_bytes_max: 4 << 30, wall_max: WALL_MAX }
    }
}

/// Starts compiler processes.
#[derive(Debug, Clone)]
pub struct Compiler {
    weir: PathBuf,
    limits: Limits,
}

impl Compiler {
    /// A compiler out of this `weir` binary. Where it is what this process runs, it stays so even after the file was replaced by
    /// a newer one, whose code would not fit.
    pub fn of(weir: PathBuf) -> Self {
        let is_us = std::env::current_exe().is_ok_and(|own| own == weir);
        let weir = if is_us { PathBuf::from("/proc/self/exe") } else { weir };
        Self { weir, limits: Limits::default() }
    }

    /// The same compiler with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Compiles a component for this machine in a process with limits. Blocks until it is done.
    ///
    /// # Errors
    /// A sentence: it does not compile, took too long or too much memory, or the process could not be started.
    pub fn compile(&self, component: &[u8]) -> Result<Vec<u8>, String> {
        let Limits { cpu_max_s, memory_bytes_max, wall_max } = self.limits;
        let mut child = Command::new(&self.weir)
            .args(["plugin", "compile"])
            .arg(format!("--cpu-max-s={cpu_max_s}"))
            .arg(format!("--memory-bytes-max={memory_bytes_max}"))
            .env_clear()
            .env("RAYON_NUM_THREADS", "2")
            // Else it holds more address space than it may before it begins (mimalloc's first arena: 1 GiB).
            .env("MIMALLOC_ARENA_RESERVE", "32MiB")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the compiler {} cannot be started: {error}", self.weir.display()))?;
        let pipes = "the child's pipes were asked for";
        let mut input = child.stdin.take().expect(pipes);
        let output = child.stdout.take().expect(pipes).take(ARTIFACT_BYTES_MAX);
        let complaint = child.stderr.take().expect(pipes).take(COMPLAINT_BYTES_MAX);
        let end = std::thread::scope(|scope| {
            let (done, is_done) = channel();
            scope.spawn(move || {
                // A compiler that refuses early does not read on; it says why itself.
                drop(input.write_all(component));
                drop(input);
            });
            let complaint = scope.spawn(move || read(complaint));
            scope.spawn(move || drop(done.send(read(output))));
            let artifact = match is_done.recv_timeout(wall_max) {
                Ok(artifact) => artifact,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    // It may have ended in this very moment: then there is nothing to kill.
                    drop(child.kill());
                    return Err(format!("took longer than {} to compile", Span(wall_max)));
                }
            };
            let complaint = complaint.join().unwrap_or_default();
            Ok((artifact, complaint))
        });
        let status = child.wait().map_err(|error| format!("the compiler was lost: {error}"))?;
        let (artifact, complaint) = end?;
        if status.success() && !artifact.is_empty() {
            return Ok(artifact);
        }
        let complaint = String::from_utf8_lossy(&complaint);
        match complaint.trim() {
            "" => Err(format!(
                "does not compile within {} MiB and {cpu_max_s} s of CPU ({status})",
                memory_bytes_max >> 20
            )),
            said => Err(format!("does not compile: {said}")),
        }
    }
}

fn read(mut from: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What was read so far is judged by the compiler's exit status.
    drop(from.read_to_end(&mut bytes));
    bytes
}

/// The compiler process itself: a component on standard input, machine code on standard output.
///
/// # Errors
/// Where the limits cannot be set, or it does not compile.
pub fn compile_stdin(limits: Limits) -> anyhow::Result<()> {
    nice::stand_back();
    for (resource, max) in [
        (Resource::RLIMIT_CPU, limits.cpu_max_s),
        (Resource::RLIMIT_AS, limits.memory_bytes_max),
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_FSIZE, 0),
        (Resource::RLIMIT_NOFILE, 64),
    ] {
        setrlimit(resource, max, max).with_context(|| format!("cannot limit {resource:?}"))?;
    }
    let mut component = Vec::new();
    let max = super::component::FILE_BYTES_MAX as u64 + 1;
    std::io::stdin().take(max).read_to_end(&mut component).context("cannot read the component")?;
    super::component::inspect(&component).map_err(anyhow::Error::msg)?;
    let engine = wasmtime::Engine::new(&config()).map_err(|error| anyhow::anyhow!("no engine: {error:#}"))?;
    let artifact = engine.precompile_component(&component).map_err(|error| anyhow::anyhow!("{error:#}"))?;
    std::io::stdout().write_all(&artifact).context("cannot hand over the compiled component")
}
