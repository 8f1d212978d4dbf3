//! What is in force: a configuration and all that follows from it, behind one value that is replaced as a whole. Who asks something
//! takes it once and answers from it, so that no answer is half of the old and half of the new.

use super::board::{Board, Entry, State};
use super::commit::Tx;
use super::event::What;
use super::fill::{self, Row};
use super::registry::{Declared, Registry};
use super::select::{self, Selection};
use super::update::Update;
use super::{Error, Inner, Result, finish, team_texts};
use crate::config::Config;
use crate::model::id::BuilderId;
use crate::model::name::BuilderKey;
use crate::model::time::Time;
use crate::store::Store;
use anyhow::Context;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

/// A configuration and all that follows from it. Places of builders ([`super::registry::Slot`]) mean nothing in another one.
pub(super) struct InForce {
    /// What was loaded.
    pub config: Arc<Config>,
    /// Its builders.
    pub registry: Arc<Registry>,
    /// What each of its views shows.
    pub selections: HashMap<String, Selection>,
    /// How its builders stand.
    pub board: Board,
    /// Tells it from those before it. The first of a process is numbered at random: a browser remembers what it was given by another one.
    pub generation: u64,
}

/// What comes next, as far as it is known before its turn among the writes.
struct Next {
    config: Arc<Config>,
    selections: HashMap<String, Selection>,
}

impl Next {
    /// Chooses the views' builders, aside: nobody's write waits for it.
    async fn of(config: Arc<Config>) -> Result<Self> {
        let choose = move || Self { selections: select::all(&config), config };
        tokio::task::spawn_blocking(choose).await.map_err(|panic| Error::Internal(panic.into()))
    }
}

impl InForce {
    /// The first: every builder is registered, and the board is filled from the database.
    pub async fn open(config: Arc<Config>, store: &Store, now: Time) -> anyhow::Result<Self> {
        let keys = keys(&config);
        let rows = store
            .write(move |c| fill::register(c, keys, now))
            .await
            .context("the builders of the configuration cannot be stored in the database")?;
        let registry = Arc::new(Registry::new(&config, rows.iter().cloned(), None));
        let known = registry.clone();
        let state = store
            .read(move |c| fill::board(c, &known, &rows))
            .await
            .context("the builds cannot be read from the database")?;
        let selections = select::all(&config);
        Ok(Self::new(Next { config, selections }, registry, state, u64::from(rand::random::<u32>())))
    }

    fn new(next: Next, registry: Arc<Registry>, state: State, generation: u64) -> Self {
        let Next { config, selections } = next;
        debug_assert_eq!(registry.live().len(), keys(&config).len(), "views chose among the same builders");
        Self { selections, board: Board::new(registry.clone(), state), config, registry, generation }
    }
}

impl Inner {
    /// What is in force now. Take it once for each question.
    pub fn in_force(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// Takes over what stands on the board, for what comes next. Only the writer's thread calls this: no event is told meanwhile.
    fn replace(&self, next: Next, registry: Arc<Registry>, mut fresh: HashMap<BuilderId, Entry>) {
        let _nobody_connects = self.connecting.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.in_force();
        let state = old.board.carry_over(&registry, &mut fresh);
        self.in_force.store(Arc::new(InForce::new(next, registry, state, old.generation + 1)));
    }
}

impl Update {
    /// Puts another configuration in force, at once and as a whole. It takes its turn among the writes, so that each event is told to the
    /// board that was in force when it was committed or to the next, and to no two and to none. Builds that run go on; what waits for
    /// builders that left is cancelled; open streams look again whether they may go on.
    ///
    /// # Errors
    /// Where the database cannot be read or written. Then all is as it was.
    pub async fn replace(&self, config: Arc<Config>) -> Result<()> {
        let inner = self.status.0.clone();
        let _one_at_a_time = inner.replacing.lock().await;
        let after = Next::of(config.clone()).await?;
        let (old, keys, at) = (inner.in_force(), keys(&config), self.status.now());
        let (swapping, next) = (inner.clone(), config);
        let read = move |tx: &mut Tx<'_>| {
            let rows = fill::register(tx.c, keys, at)?;
            let registry = Registry::new(&next, rows.iter().cloned(), Some(&old.registry));
            let is_new = |row: &&Row| old.registry.slot_of(row.0).is_none();
            let fresh = fill::entries(tx.c, &registry, &rows.iter().filter(is_new).cloned().collect::<Vec<_>>())?;
            team_texts::keep(tx.c, &next.team_texts, at)?;
            for declared in registry.declared.iter().filter(|declared| has_moved(declared, &old.registry)) {
                let builder = &declared.builder;
                tx.tell(builder.id, builder.key.clone(), What::BuilderChanged { builder_id: builder.id })?;
            }
            Ok((Arc::new(registry), fresh))
        };
        let status = self.status.clone();
        // Also where nobody waits for the answer any more: rights that were taken away end open streams.
        let swap = move |(registry, fresh)| {
            swapping.replace(after, registry, fresh);
            status.rights_changed();
            swapping.wake();
        };
        self.status.commit_then(read, swap).await?;
        // The configuration is in force, so nothing that fails from here on may say that it is not.
        if let Err(error) = finish::cancel_left(&self.status).await {
            let error = format!("{:#}", anyhow::Error::new(error));
            tracing::error!(%error, "what waits for builders that left was not cancelled; the next change, `weir reload` or start does it");
        }
        Ok(())
    }
}

/// Whether a builder came, retired or came back.
fn has_moved(declared: &Declared, before: &Registry) -> bool {
    let was = before.declared_of(declared.builder.id).map(|was| was.builder.is_retired);
    was.unwrap_or(true) != declared.builder.is_retired
}

/// Every builder that a configuration declares.
fn keys(config: &Config) -> Vec<BuilderKey> {
    config.teams.values().flat_map(|team| team.builders.values()).map(|builder| builder.key.clone()).collect()
}
