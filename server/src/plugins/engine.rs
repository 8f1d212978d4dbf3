//! The engine that runs components, the clock that interrupts them, the threads they run on.

use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use wasmtime::{Config, Engine, Strategy, WasmBacktraceDetails};

/// How often guests are asked whether they may go on.
const TICK: Duration = Duration::from_millis(10);

/// Stack of a guest: one value for all, because it belongs to the engine.
pub const STACK_BYTES_MAX: usize = 512 << 10;

/// Settings of the one engine; the process that compiles and the one that runs must have the same.
pub fn config() -> Config {
    let mut config = Config::new();
    config.strategy(Strategy::Cranelift);
    config.epoch_interruption(true).consume_fuel(false).concurrency_support(false);
    // No guest needs these, and most advisories are about them.
    config.wasm_gc(false).gc_support(false).wasm_memory64(false).shared_memory(false);
    config.wasm_relaxed_simd(false).wasm_wide_arithmetic(false);
    config.cranelift_opt_level(wasmtime::OptLevel::Speed).parallel_compilation(true);
    config.async_stack_zeroing(true).max_wasm_stack(STACK_BYTES_MAX);
    config.wasm_backtrace_max_frames(NonZeroUsize::new(32)).wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config
}

/// The process's engine with its ticker.
///
/// # Panics
/// Never on machines that the compiler supports.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let engine = Engine::new(&config()).expect("the engine's settings fit this machine");
        start_ticker(&engine);
        engine
    })
}

/// Asks all guests that run now whether they may go on, before the next tick.
pub fn interrupt() {
    engine().increment_epoch();
}

/// A thread of its own: an async task would come late exactly when guests are busy.
fn start_ticker(engine: &Engine) {
    let weak = engine.weak();
    let ticker = std::thread::Builder::new().name("plugin-ticker".to_owned()).spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::park_timeout(TICK);
        }
    });
    // Without it no guest could ever be interrupted.
    ticker.expect("a thread for interrupting plugins can be started");
}

/// Threads for guests alone, so that no guest can be in the way of a web page or of a build's output.
///
/// # Errors
/// Where the system gives no threads.
pub fn runtime() -> std::io::Result<Arc<GuestRuntime>> {
    let n_cores = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads((n_cores / 2).max(2))
        .thread_name("plugin")
        .enable_all()
        .build()?;
    Ok(Arc::new(GuestRuntime(Some(runtime))))
}

/// The guests' runtime; may be dropped anywhere.
#[derive(Debug)]
pub struct GuestRuntime(Option<tokio::runtime::Runtime>);

impl GuestRuntime {
    /// Where to start a guest's call.
    pub fn handle(&self) -> &tokio::runtime::Handle {
        self.0.as_ref().expect("only drop takes it").handle()
    }
}

impl Drop for GuestRuntime {
    fn drop(&mut self) {
        // An ordinary drop would wait, which panics inside another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
