//! Parts of the host by themselves, for `weir plugin bench`: the code is that which steps run.

use super::Catalogue;
use super::error::{Error, Kind};
use super::instance::instantiate;
use crate::config::plugin::Plugin;
use crate::config::server::Server;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Catalogue {
    /// Makes instances of a plugin one after the other, among the guests, as a step does before the guest's first instruction: store,
    /// limits, instance, and all of it gone again. How long each took.
    ///
    /// # Errors
    /// Where the plugin cannot be used.
    pub fn instantiations(
        &self,
        name: &str,
        table: &Plugin,
        server: &Server,
        rounds: usize,
    ) -> Result<Vec<Duration>, Error> {
        let loaded = self.loader.load(name, table, server)?;
        let (clock, prepared) = (Arc::clone(&self.clock), Arc::clone(&loaded.prepared));
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        let called = name.to_owned();
        self.runtime.handle().spawn(async move {
            let mut took = Vec::with_capacity(rounds);
            let mut end = Ok(());
            for _ in 0..rounds {
                let begun = Instant::now();
                end = instantiate(&called, &prepared, Arc::clone(&clock)).await;
                took.push(begun.elapsed());
                if end.is_err() {
                    break;
                }
            }
            // Nobody listens any more only where the asking thread is gone.
            drop(answer.send(end.map(|()| took)));
        });
        answered.recv().unwrap_or_else(|_| Err(Error::new(name, Kind::Host, "could not be instantiated")))
    }
}
