//! Looking at a plugin without compiling or asking it. A file is read again only where it has changed.

use super::cache::Cache;
use super::component::{self, Outside};
use super::descriptor::Descriptor;
use super::error::Error;
use super::load::{self, Loader, Mark};
use crate::config::plugin::{Grants, Plugin};
use crate::config::server::Server;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

/// What can be seen of a plugin.
pub struct Seen {
    /// Bytes of its file.
    pub size_bytes: Option<u64>,
    /// SHA-256 of its file.
    pub sha256: Option<String>,
    /// What it says of itself; none before it was asked.
    pub descriptor: Result<Option<Descriptor>, Error>,
    /// What came granted with its content.
    pub bundled: Option<Grants>,
}

/// What the files of plugins were found to be, by the plugin's name.
#[derive(Default)]
pub struct Looks(Mutex<HashMap<String, Arc<Look>>>);

/// What a file was found to be.
struct Look {
    path: PathBuf,
    mark: Mark,
    size_bytes: u64,
    sha256: String,
    outside: Result<Outside, Error>,
    bundled: Option<Grants>,
    /// Once it was asked.
    descriptor: OnceLock<Descriptor>,
}

impl Looks {
    fn get(&self, name: &str) -> Option<Arc<Look>> {
        self.0.lock().expect("no holder of the looks panics").get(name).map(Arc::clone)
    }

    fn keep(&self, name: &str, look: &Arc<Look>) {
        self.0.lock().expect("no holder of the looks panics").insert(name.to_owned(), Arc::clone(look));
    }

    /// Forgets all others: their files are gone.
    pub fn keep_only(&self, names: &BTreeSet<String>) {
        self.0.lock().expect("no holder of the looks panics").retain(|name, _| names.contains(name));
    }
}

impl Loader {
    /// What can be seen of a plugin. Blocks: looks at its file.
    pub fn look(&self, name: &str, table: &Plugin, server: &Server) -> Seen {
        match self.looked(name, table, server) {
            Ok(look) => Seen {
                size_bytes: Some(look.size_bytes),
                sha256: Some(look.sha256.clone()),
                descriptor: self.described(name, &look, table, server),
                bundled: look.bundled.clone(),
            },
            Err(error) => Seen { size_bytes: None, sha256: None, descriptor: Err(error), bundled: None },
        }
    }

    fn looked(&self, name: &str, table: &Plugin, server: &Server) -> Result<Arc<Look>, Error> {
        let path = self.find(name, table, server)?;
        let mark = load::mark(&path, table.grants.wasi_compat).map_err(|error| load::no_file(name, &path, &error))?;
        if let Some(look) = self.looks.get(name).filter(|look| look.path == path && look.mark == mark) {
            return Ok(look);
        }
        // A file that its pin refuses is looked at all the same: its digest says what to pin.
        let bytes = load::read(name, &path, &Plugin { sha256: None, ..table.clone() })?;
        let sha256 = component::sha256_hex(&bytes);
        let look = Arc::new(Look {
            size_bytes: bytes.len() as u64,
            outside: load::outside(name, &bytes, table),
            bundled: self.bundled.grants(&sha256),
            descriptor: OnceLock::new(),
            path,
            mark,
            sha256,
        });
        self.looks.keep(name, &look);
        Ok(look)
    }

    fn described(&self, name: &str, look: &Look, table: &Plugin, server: &Server) -> Result<Option<Descriptor>, Error> {
        load::check_pin(name, &look.sha256, table)?;
        let outside = look.outside.as_ref().map_err(Clone::clone)?;
        if let Some(known) = look.descriptor.get() {
            return Ok(Some(known.clone()));
        }
        let found = match Cache::open(&server.state_dir).descriptor(&look.sha256) {
            Some(descriptor) => Some(load::check(name, outside, descriptor)?),
            None => self.tried(name, &look.path, &look.mark)?,
        };
        if let Some(descriptor) = &found {
            look.descriptor.get_or_init(|| descriptor.clone());
        }
        Ok(found)
    }
}
