//! One call of a guest: a fresh store with every limit set, a deadline, and what went wrong in words.

use super::bindings::{metadata, reporter_handler, step_handler};
use super::call_meter::CallMeter;
use super::capability::artifacts::Stored;
use super::capability::http::HttpMeter;
use super::capability::log::LogMeter;
use super::capability::progress::Measured;
use super::capability::test_results::Reported;
use super::component::Prepared;
use super::error::{Breach, Error, Kind};
use super::explain::{explain, guest_error};
use super::meter::{MemoryMeter, Stopwatch, Timed};
use super::power::Powers;
use super::room::{Room, Seat, Share};
use super::stdio::Tail;
use super::tally::{Gated, Tally};
use super::usage::{Use, User};
use crate::clock::SharedClock;
use crate::config::plugin::Limits;
use crate::engine::step::{StepCall, StepHost};
use crate::model::one_line::one_line;
use crate::outbound::gate::Gates;
use crate::status::Status;
use crate::worker::{OutputSender, Place};
use futures::future::{BoxFuture, FutureExt as _};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wasmtime::component::ResourceTable;
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};

/// What may pass from guest to host, or back, at once.
pub(super) const CROSSING_BYTES_MAX: usize = 4 << 20;
/// Handles of the guest at the same time, its own things included; never fewer than its limit `resources`.
pub(super) const HANDLES_MAX: usize = 4_096;
/// Random bytes of one call.
pub const RANDOM_BYTES_MAX: u64 = 64 << 10;
/// What a plugin may use to describe itself.
const DESCRIBE_CPU: Duration = Duration::from_millis(250);
const DESCRIBE_WALL: Duration = Duration::from_secs(10);

/// A guest's side of the host: what it is, what it may, what it used. Lives for one call.
pub struct Guest {
    /// The plugin's name.
    pub name: String,
    /// What it may use.
    pub limits: Limits,
    /// What it may do.
    pub powers: Powers,
    /// Where it is counted what of that it did, and what it was denied.
    tally: Arc<Tally>,
    /// What it holds handles of.
    pub table: ResourceTable,
    /// What it works for; none while it describes itself.
    pub usage: Option<Use>,
    /// Its step; none while it describes itself, and in a reporter.
    pub step: Option<StepState>,
    /// The one status API, where there is a server: asked in the scope of the team.
    pub status: Option<Status>,
    /// What it wrote itself.
    pub log_meter: LogMeter,
    /// The last line it logged as an error: a panic's message comes this way.
    pub last_error: Option<String>,
    /// For its log's times.
    pub clock: SharedClock,
    /// Its time.
    pub stopwatch: Arc<Stopwatch>,
    /// What it called.
    pub http_meter: HttpMeter,
    /// Random bytes that it asked for.
    pub n_random_bytes: u64,
    pub(super) memory: MemoryMeter,
    calls: CallMeter,
    pub(super) wasi: WasiCtx,
    pub(super) printed: Tail,
}

/// A guest's step: its build, and what it did there.
pub struct StepState {
    /// What to run.
    pub call: StepCall,
    /// Its build.
    pub host: Arc<dyn StepHost>,
    /// Whose work directory.
    pub place: Place,
    /// Logs that are open.
    pub logs: BTreeMap<String, OutputSender>,
    /// Links that it set.
    pub n_links: usize,
    /// Numbers that it set.
    pub measured: Measured,
    /// Test results that it reported.
    pub reported: Reported,
    /// Artifacts that it stored.
    pub stored: Stored,
    /// Bytes of properties that it set.
    pub property_bytes: usize,
    /// Commands that run; they end before the step does.
    pub commands: TaskTracker,
    /// Where commands run: not among the guests.
    pub main: tokio::runtime::Handle,
}

impl Guest {
    fn new(name: &str, limits: Limits, stop_grace: Duration, clock: SharedClock, share: Option<Share>) -> Self {
        let printed = Tail::default();
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.resources);
        let wasi = WasiCtxBuilder::new()
            .stdout(printed.clone())
            .stderr(printed.clone())
            .max_random_size(RANDOM_BYTES_MAX)
            .build();
        Self {
            name: name.to_owned(),
            powers: Powers::default(),
            tally: Arc::default(),
            table,
            usage: None,
            status: None,
            step: None,
            log_meter: LogMeter::default(),
            last_error: None,
            clock,
            stopwatch: Stopwatch::start(&limits, stop_grace),
            memory: MemoryMeter::new(&limits, share),
            calls: CallMeter::new(limits.host_calls, limits.host_calls_per_s),
            limits,
            http_meter: HttpMeter::default(),
            n_random_bytes: 0,
            wasi,
            printed,
        }
    }

    /// Counts a call of a host function.
    ///
    /// # Errors
    /// Over the limit.
    pub fn enter(&mut self) -> Result<(), Breach> {
        self.calls.count()
    }

    /// Counts a call that needs a grant, by whether it was denied.
    pub fn tally(&self, what: Gated, is_denied: bool) {
        self.tally.count(what, is_denied);
    }

    /// Counts a call of a host function that needs a step.
    ///
    /// # Errors
    /// Over the limit, and while the plugin describes itself.
    pub fn step(&mut self) -> Result<&mut StepState, Breach> {
        self.enter()?;
        let why = match self.usage {
            Some(_) => "asked for a build's things, and a reporter has no build",
            None => "asked for a build's things while it described itself",
        };
        self.step.as_mut().ok_or_else(|| Breach::new(Kind::Load, why))
    }
}

impl Guest {
    /// From now on it works for somebody, whose secrets it may not show.
    fn works_for(&mut self, used: Use) {
        self.printed.hide(Arc::clone(&used.vault));
        self.usage = Some(used);
    }
}

/// Asks a plugin what it is, with no power and little time.
///
/// # Errors
/// Where it breaks.
pub async fn describe(name: &str, prepared: &Prepared, clock: SharedClock) -> Result<metadata::Descriptor, Error> {
    let limits = Limits { cpu: DESCRIBE_CPU, wall: DESCRIBE_WALL, ..Limits::default() };
    let guest = Guest::new(name, limits, DESCRIBE_WALL, clock, None);
    let pre = prepared.pre.clone();
    let metadata = prepared.metadata.clone();
    let (end, _) = call(guest, CancellationToken::new(), move |store| {
        Box::pin(async move {
            let instance = pre.instantiate_async(&mut *store).await?;
            let guest = metadata.load(&mut *store, &instance)?;
            guest.call_describe(store).await
        })
    })
    .await;
    end.map_err(|mut error| {
        error.message = format!("does not describe itself: {}", error.message);
        error
    })
}

/// Makes an instance as every call does, and lets it go.
///
/// # Errors
/// Where it breaks.
pub async fn instantiate(name: &str, prepared: &Prepared, clock: SharedClock) -> Result<(), Error> {
    let guest = Guest::new(name, Limits::default(), DESCRIBE_WALL, clock, None);
    let pre = prepared.pre.clone();
    let (end, _) = call(guest, CancellationToken::new(), move |store| {
        Box::pin(async move { pre.instantiate_async(&mut *store).await.map(drop) })
    })
    .await;
    end
}

/// Waits for room for one more call, before its clocks start.
async fn seat(plugin: &str, room: &Room, team: &str, stop: &CancellationToken) -> Result<Seat, Error> {
    let mut seat = std::pin::pin!(room.seat(team));
    // Where there is room at once a stop is the guest's to hear: it may have something to leave in order.
    if let Some(seat) = seat.as_mut().now_or_never() {
        return Ok(seat);
    }
    tokio::select! {
        biased;
        () = stop.cancelled() => {
            let message = "was stopped before there was room for it among the server's plugins";
            Err(Error::new(plugin, Kind::Cancelled, message))
        }
        seat = seat => Ok(seat),
    }
}

/// What a step call needs beside the component.
pub struct StepRun {
    /// What to run; its settings are filled.
    pub call: StepCall,
    /// Its build.
    pub host: Arc<dyn StepHost>,
    /// What the plugin may use.
    pub limits: Limits,
    /// After a stop, it has this long to end by itself.
    pub stop_grace: Duration,
    /// What it may do.
    pub powers: Powers,
    /// Where its calls are counted.
    pub tally: Arc<Tally>,
    /// What all guests share.
    pub room: Arc<Room>,
    /// For its log's times.
    pub clock: SharedClock,
    /// The way to services.
    pub gates: Arc<Gates>,
    /// Its commands; whoever calls waits for them.
    pub commands: TaskTracker,
    /// Where they run.
    pub main: tokio::runtime::Handle,
    /// The one status API, where there is a server.
    pub status: Option<Status>,
}

/// Runs a step of a guest to its end.
///
/// # Errors
/// Where it breaks, or says that it could not do its work.
pub async fn run_step(prepared: Arc<Prepared>, run: StepRun) -> Result<step_handler::Outcome, Error> {
    let _seat = seat(&run.call.plugin, &run.room, &run.call.builder.team, &run.call.stop).await?;
    let share = Some(run.room.share(&run.call.builder.team));
    let mut guest = Guest::new(&run.call.plugin, run.limits, run.stop_grace, run.clock, share);
    guest.powers = run.powers;
    guest.tally = run.tally;
    guest.status = run.status;
    let context = context(&run.call, &run.limits);
    let stop = run.call.stop.clone();
    guest.works_for(Use {
        team: run.call.builder.team.clone(),
        plugin: run.call.plugin.clone(),
        by: User::Step { builder: run.call.builder.clone(), number: run.call.number, step: run.call.name.clone() },
        settings: Arc::new(run.call.settings.clone()),
        vault: run.host.vault(),
        gates: run.gates,
        stop: stop.clone(),
        main: run.main.clone(),
    });
    guest.step = Some(StepState {
        place: Place {
            team: run.call.builder.team.clone(),
            builder: run.call.builder.name.clone(),
            number: run.call.number,
        },
        call: run.call,
        host: run.host,
        logs: BTreeMap::new(),
        n_links: 0,
        measured: Measured::default(),
        reported: Reported::default(),
        stored: Stored::default(),
        property_bytes: 0,
        commands: run.commands,
        main: run.main,
    });
    let Some(handler) = prepared.step_handler.clone() else {
        return Err(Error::new(&guest.name, Kind::Load, "is a reporter and runs no steps"));
    };
    let pre = prepared.pre.clone();
    let (end, mut guest) = call(guest, stop, move |store| {
        Box::pin(async move {
            let instance = pre.instantiate_async(&mut *store).await?;
            let guest = handler.load(&mut *store, &instance)?;
            guest.call_run(store, &context).await
        })
    })
    .await;
    if let Err(why) = guest.show_printed().await {
        tracing::warn!(plugin = %guest.name, "what the plugin printed could not be logged: {why}");
    }
    end?.map_err(|error| guest_error(&guest, error))
}

/// What a call of a reporter needs beside the component.
pub struct ReportRun {
    /// Who reports.
    pub usage: Use,
    /// What the plugin is told of it.
    pub context: reporter_handler::Context,
    /// What to tell.
    pub events: Vec<reporter_handler::Event>,
    /// What the plugin may use.
    pub limits: Limits,
    /// After a stop, it has this long to end by itself.
    pub stop_grace: Duration,
    /// What it may do.
    pub powers: Powers,
    /// Where its calls are counted.
    pub tally: Arc<Tally>,
    /// What all guests share.
    pub room: Arc<Room>,
    /// For its log's times.
    pub clock: SharedClock,
}

/// Hands events to a guest; says what it says of each.
///
/// # Errors
/// Where it breaks.
pub async fn run_report(prepared: Arc<Prepared>, run: ReportRun) -> Result<Vec<reporter_handler::Delivery>, Error> {
    let _seat = seat(&run.usage.plugin, &run.room, &run.usage.team, &run.usage.stop).await?;
    let share = Some(run.room.share(&run.usage.team));
    let mut guest = Guest::new(&run.usage.plugin, run.limits, run.stop_grace, run.clock, share);
    guest.powers = run.powers;
    guest.tally = run.tally;
    let stop = run.usage.stop.clone();
    guest.works_for(run.usage);
    let Some(handler) = prepared.reporter_handler.clone() else {
        return Err(Error::new(&guest.name, Kind::Load, "runs steps and is no reporter"));
    };
    let pre = prepared.pre.clone();
    let (context, events) = (run.context, run.events);
    let (end, guest) = call(guest, stop, move |store| {
        Box::pin(async move {
            let instance = pre.instantiate_async(&mut *store).await?;
            let guest = handler.load(&mut *store, &instance)?;
            guest.call_report(store, &context, &events).await
        })
    })
    .await;
    let printed = guest.printed.text();
    if !printed.is_empty() {
        tracing::info!(plugin = %guest.name, printed = %one_line(&printed), "the plugin printed");
    }
    end
}

impl Guest {
    /// What a guest printed through WASI ends its log.
    async fn show_printed(&mut self) -> Result<(), String> {
        use super::capability::log::STDIO;
        let text = self.printed.text();
        let at = self.clock.now();
        match &mut self.step {
            Some(step) if !text.is_empty() => {
                let log = step.open_log(STDIO).await?;
                let output = crate::worker::Output { channel: crate::worker::Channel::Header, bytes: text.into(), at };
                log.send(output).await.map_err(|error| error.to_string())
            }
            _ => Ok(()),
        }
    }
}

fn context(call: &StepCall, limits: &Limits) -> step_handler::Context {
    step_handler::Context {
        build: super::bindings::types::BuildRef {
            team: call.builder.team.clone(),
            builder: call.builder.name.clone(),
            number: u32::try_from(call.number).unwrap_or(u32::MAX),
            revision: call.source_stamp.revision.clone(),
            branch: call.source_stamp.branch.clone(),
            extra: Vec::new(),
        },
        step: call.name.clone(),
        settings: call.settings.to_string(),
        deadline: u32::try_from(limits.wall.as_millis()).unwrap_or(u32::MAX),
        resumed: None,
        extra: Vec::new(),
    }
}

/// What a guest waits for at a tick.
type Pause = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs `body` on a fresh store with every limit set; returns the guest's side too, for what it left behind.
async fn call<T: Send>(
    guest: Guest,
    stop: CancellationToken,
    body: impl for<'a> FnOnce(&'a mut Store<Guest>) -> BoxFuture<'a, wasmtime::Result<T>> + Send,
) -> (Result<T, Error>, Guest) {
    let stopwatch = Arc::clone(&guest.stopwatch);
    let mut store = Store::new(super::engine::engine(), guest);
    store.limiter(|guest| &mut guest.memory);
    store.set_hostcall_fuel(CROSSING_BYTES_MAX);
    store.set_max_component_handles(HANDLES_MAX.max(store.data().limits.resources));
    store.set_epoch_deadline(1);
    let ticked = Arc::clone(&stopwatch);
    store.epoch_deadline_callback(move |mut store| {
        ticked.check()?;
        let wait = store.data_mut().calls.wait();
        let pause: Pause =
            if wait.is_zero() { Box::pin(tokio::task::yield_now()) } else { Box::pin(tokio::time::sleep(wait)) };
        Ok(UpdateDeadline::YieldCustom(1, pause))
    });
    let counted = Timed { future: Box::pin(body(&mut store)), stopwatch: Arc::clone(&stopwatch) };
    let end = tokio::select! {
        biased;
        end = counted => end,
        breach = stopwatch.over() => Err(breach.into()),
        () = async { stop.cancelled().await; stopwatch.stopped(); std::future::pending().await } => unreachable!("never ends"),
    };
    let guest = store.into_data();
    guest.tally.count_cpu(stopwatch.cpu());
    (end.map_err(|error| explain(&guest, error)), guest)
}
