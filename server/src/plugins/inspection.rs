//! A component looked at without a server: what it says of itself, what it wants, what it would get, how long it takes to load.

use super::Catalogue;
use super::component;
use super::descriptor::Descriptor;
use super::error::Error;
use super::load::Loaded;
use super::power::Powers;
use crate::config::plugin::Plugin;
use crate::config::server::Server;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Memories are counted in pages.
const PAGE_BYTES: u64 = 64 << 10;

/// What there is to say about one component.
#[derive(Debug)]
pub struct Inspection {
    /// What it says of itself.
    pub descriptor: Descriptor,
    /// Names of what it imports.
    pub imports: Vec<String>,
    /// Names of what it exports.
    pub exports: Vec<String>,
    /// Size of the file.
    pub size_bytes: usize,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// Whether its content came with the binary, and its grants with it.
    pub is_bundled: bool,
    /// What it may do under the table that it was looked at with.
    pub powers: Powers,
    /// What an instance has of memory and tables from the start; none where it cannot be told.
    pub needs: Option<Needs>,
    /// Checking, compiling and asking it what it is, with nothing cached.
    pub compiled_in: Duration,
    /// The same with the compiled form in the cache, as after a restart of the server.
    pub loaded_in: Duration,
}

/// What an instance has from the start: limits must lie above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Bytes of the largest memory.
    pub memory_bytes: u64,
    /// Elements of the largest table.
    pub table_elements: u64,
}

impl Catalogue {
    /// Looks at the component that `table` names as its file. `server.state_dir` is where it is compiled to: an empty folder, so that
    /// compiling can be measured.
    ///
    /// # Errors
    /// Where it cannot be used, in the words of the loader.
    pub fn inspect(&self, name: &str, table: &Plugin, server: &Server) -> Result<Inspection, Error> {
        let (loaded, compiled_in) = self.timed_load(name, table, server)?;
        // Another loader remembers nothing, so it takes what lies in the cache.
        let (_, loaded_in) = self.afresh().timed_load(name, table, server)?;
        let (outside, size_bytes) = self.loader.outside(name, table, server)?;
        Ok(Inspection {
            descriptor: loaded.descriptor.clone(),
            imports: outside.imports,
            exports: outside.exports,
            size_bytes,
            sha256: loaded.prepared.sha256.clone(),
            is_bundled: loaded.bundled.is_some(),
            powers: Powers::of(&loaded, table),
            needs: needs(&loaded.prepared),
            compiled_in,
            loaded_in,
        })
    }

    fn timed_load(&self, name: &str, table: &Plugin, server: &Server) -> Result<(Arc<Loaded>, Duration), Error> {
        let start = Instant::now();
        let loaded = self.loader.load(name, table, server)?;
        Ok((loaded, start.elapsed()))
    }
}

fn needs(prepared: &component::Prepared) -> Option<Needs> {
    let required = prepared.pre.component().resources_required()?;
    Some(Needs {
        memory_bytes: required.max_initial_memory_size.unwrap_or(0).saturating_mul(PAGE_BYTES),
        table_elements: required.max_initial_table_size.unwrap_or(0),
    })
}
