//! From name to plugin: find, check, compile, describe; once for each content, again when the file changes.

use super::cache::Cache;
use super::compile::Compiler;
use super::component::{self, Outside, Prepared};
use super::descriptor::Descriptor;
use super::engine::GuestRuntime;
use super::error::{Error, Kind};
use super::find::Bundled;
use super::look::Looks;
use crate::clock::SharedClock;
use crate::config::plugin::{Grants, Plugin};
use crate::config::server::Server;
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A file that could not be loaded is not compiled again before it changes, or so much time has passed: whoever tries would pay
/// for it in processor time.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// A plugin that can be used.
pub struct Loaded {
    /// What it says of itself.
    pub descriptor: Descriptor,
    /// Checks its settings.
    pub validator: jsonschema::Validator,
    /// Its code.
    pub prepared: Arc<Prepared>,
    /// What came granted with its content.
    pub bundled: Option<Grants>,
}

/// Loads plugins and keeps them.
pub struct Loader {
    pub(super) bundled: Bundled,
    pub(super) looks: Looks,
    compiler: Compiler,
    runtime: Arc<GuestRuntime>,
    clock: SharedClock,
    places: Mutex<HashMap<PathBuf, Arc<Place>>>,
}

/// One file. Its lock is held while it is loaded, so that a plugin is compiled once however many builds wait for it.
#[derive(Default)]
struct Place(Mutex<Option<Tried>>);

/// How loading a file went.
struct Tried {
    mark: Mark,
    end: Result<Arc<Loaded>, Error>,
    at: Instant,
}

impl Tried {
    /// Whether it is still true of a file that looks like this.
    fn holds(&self, mark: &Mark) -> bool {
        self.mark == *mark && (self.end.is_ok() || self.at.elapsed() < TRY_AGAIN)
    }
}

/// Tells whether a file is still the same without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    size: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    wasi_compat: bool,
}

impl Loader {
    /// A loader that has loaded nothing; `weir` is the binary beside which bundled plugins lie, and which compiles.
    pub fn new(weir: PathBuf, runtime: Arc<GuestRuntime>, clock: SharedClock) -> Self {
        let bundled = Bundled::beside(&weir);
        let (looks, compiler) = (Looks::default(), Compiler::of(weir));
        Self { bundled, looks, compiler, runtime, clock, places: Mutex::default() }
    }

    /// Names of every plugin that is there.
    pub fn names(&self, server: &Server) -> Vec<String> {
        self.bundled.names(server)
    }

    /// The plugin `name`. Blocks: reads files, and compiles where nothing is cached.
    ///
    /// # Errors
    /// Where there is none, or it cannot be used.
    pub fn load(&self, name: &str, table: &Plugin, server: &Server) -> Result<Arc<Loaded>, Error> {
        let path = self.find(name, table, server)?;
        let place =
            Arc::clone(self.places.lock().expect("no holder of the places panics").entry(path.clone()).or_default());
        // A load that panicked has left nothing behind: the next one starts over.
        let mut place = place.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mark = mark(&path, table.grants.wasi_compat).map_err(|error| no_file(name, &path, &error))?;
        let loaded = match &*place {
            Some(tried) if tried.holds(&mark) => tried.end.clone().map_err(|error| error.of(name))?,
            _ => {
                let bytes = read(name, &path, table)?;
                let cache = Cache::open(&server.state_dir);
                let end = self.make(name, &bytes, table, &cache).map(Arc::new);
                *place = Some(Tried { mark, end: end.clone(), at: Instant::now() });
                end?
            }
        };
        // The pin may be newer than what was loaded.
        check_pin(name, &loaded.prepared.sha256, table)?;
        Ok(loaded)
    }

    /// What the plugin `name` says of itself; with a warm cache it is not even loaded.
    ///
    /// # Errors
    /// Where there is none, or it cannot be used.
    pub fn describe(&self, name: &str, table: &Plugin, server: &Server) -> Result<Descriptor, Error> {
        let path = self.find(name, table, server)?;
        let bytes = read(name, &path, table)?;
        let outside = outside(name, &bytes, table)?;
        match Cache::open(&server.state_dir).descriptor(&component::sha256_hex(&bytes)) {
            Some(descriptor) => check(name, &outside, descriptor),
            None => Ok(self.load(name, table, server)?.descriptor.clone()),
        }
    }

    /// What came of the last try to load a file that looks like this; none where it was not tried, or is being tried now.
    pub(super) fn tried(&self, name: &str, path: &Path, mark: &Mark) -> Result<Option<Descriptor>, Error> {
        let place = self.places.lock().expect("no holder of the places panics").get(path).map(Arc::clone);
        let Some(place) = place else { return Ok(None) };
        let Ok(tried) = place.0.try_lock() else { return Ok(None) };
        match &*tried {
            Some(tried) if tried.mark == *mark => match &tried.end {
                Ok(loaded) => Ok(Some(loaded.descriptor.clone())),
                Err(error) => Err(error.clone().of(name)),
            },
            _ => Ok(None),
        }
    }

    /// The component's outside and its size in bytes.
    ///
    /// # Errors
    /// Where there is none, or it cannot be used.
    pub fn outside(&self, name: &str, table: &Plugin, server: &Server) -> Result<(Outside, usize), Error> {
        let bytes = read(name, &self.find(name, table, server)?, table)?;
        Ok((outside(name, &bytes, table)?, bytes.len()))
    }

    pub(super) fn find(&self, name: &str, table: &Plugin, server: &Server) -> Result<PathBuf, Error> {
        self.bundled.find(name, table, server).ok_or_else(|| {
            Error::new(name, Kind::Unknown, format!("there is no `{name}.wasm` in `plugin_dir` or beside the binary"))
        })
    }

    fn make(&self, name: &str, bytes: &[u8], table: &Plugin, cache: &Cache) -> Result<Loaded, Error> {
        let outside = outside(name, bytes, table)?;
        let prepared = Arc::new(component::prepare(name, bytes, &outside, cache, &self.compiler)?);
        let descriptor = match cache.descriptor(&prepared.sha256) {
            Some(descriptor) => descriptor,
            None => {
                let said = self.ask(name, &prepared)?;
                let descriptor = Descriptor::from_guest(said).map_err(|why| Error::new(name, Kind::Load, why))?;
                cache.keep_descriptor(&prepared.sha256, &descriptor);
                descriptor
            }
        };
        let descriptor = check(name, &outside, descriptor)?;
        let validator = super::schema::compile(&descriptor.settings_schema)
            .map_err(|why| Error::new(name, Kind::Load, format!("its settings schema is no JSON Schema: {why}")))?;
        let bundled = self.bundled.grants(&prepared.sha256);
        Ok(Loaded { descriptor, validator, prepared, bundled })
    }

    /// Runs `describe` among the guests and waits for it: the caller may or may not be inside a runtime of its own.
    fn ask(&self, name: &str, prepared: &Arc<Prepared>) -> Result<super::bindings::metadata::Descriptor, Error> {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        let (prepared, clock) = (Arc::clone(prepared), Arc::clone(&self.clock));
        let called = name.to_owned();
        self.runtime.handle().spawn(async move {
            // Nobody listens any more only where the asking thread is gone.
            drop(answer.send(super::instance::describe(&called, &prepared, clock).await));
        });
        answered.recv().unwrap_or_else(|_| Err(Error::new(name, Kind::Host, "could not be asked what it is")))
    }
}

pub(super) fn check(name: &str, outside: &Outside, descriptor: Descriptor) -> Result<Descriptor, Error> {
    component::check_descriptor(outside, &descriptor).map_err(|why| Error::new(name, Kind::Load, why))?;
    Ok(descriptor)
}

pub(super) fn outside(name: &str, bytes: &[u8], table: &Plugin) -> Result<Outside, Error> {
    let outside = component::inspect(bytes).map_err(|why| Error::new(name, Kind::Load, why))?;
    outside.check(table.grants.wasi_compat).map_err(|why| Error::new(name, Kind::Incompatible, why))?;
    Ok(outside)
}

pub(super) fn mark(path: &Path, wasi_compat: bool) -> std::io::Result<Mark> {
    let file = std::fs::metadata(path)?;
    Ok(Mark {
        size: file.size(),
        inode: file.ino(),
        modified: (file.mtime(), file.mtime_nsec()),
        changed: (file.ctime(), file.ctime_nsec()),
        wasi_compat,
    })
}

pub(super) fn no_file(name: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::new(name, Kind::Load, format!("{} cannot be read: {error}", path.display()))
}

/// Reads a component's file, never more than a component may have, and checks it against its pin.
pub(super) fn read(name: &str, path: &Path, table: &Plugin) -> Result<Vec<u8>, Error> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(component::FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| no_file(name, path, &error))?;
    check_pin(name, &component::sha256_hex(&bytes), table)?;
    Ok(bytes)
}

pub(super) fn check_pin(name: &str, sha256: &str, table: &Plugin) -> Result<(), Error> {
    match &table.sha256 {
        Some(pin) if !pin.eq_ignore_ascii_case(sha256) => {
            let message = format!("its content has the digest {sha256}, but `sha256` in `[plugin.{name}]` wants {pin}");
            Err(Error::new(name, Kind::Load, message))
        }
        _ => Ok(()),
    }
}
