//! The circuit breaker: a plugin that broke three times in ten minutes for a team is switched off for that team, tried again after a
//! pause that doubles, and back with the first success. Never for another team.

use super::error::{Error, Kind};
use crate::clock::SharedClock;
use crate::model::one_line::one_line;
use crate::model::time::Time;
use chrono::TimeDelta;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// So many failures open it.
const FAILURES_MAX: usize = 3;
/// When they come within this time.
const WINDOW: TimeDelta = TimeDelta::minutes(10);
const FIRST_PAUSE: TimeDelta = TimeDelta::minutes(1);
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);
/// Of what is kept of the last failure's message.
const LAST_BYTES_MAX: usize = 500;

/// Breakers of all teams and plugins. A pair that never broke has none, so there are at most as many as pairs in the configuration.
pub struct Breakers {
    clock: SharedClock,
    /// Generations that were given out.
    n_generations: AtomicU64,
    pairs: Mutex<HashMap<Pair, Record>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Pair {
    team: String,
    plugin: String,
}

#[derive(Debug, Default)]
struct Record {
    /// The newest failures since the last success.
    failures: Vec<Time>,
    /// Which content failed; another one is another plugin.
    sha256: String,
    last: String,
    /// Another one each time that it opens or closes: a call that began before says nothing of what is now.
    generation: u64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// After it one call may try, which sets it a pause later: a long trial keeps the others out no longer than that.
    until: Time,
    pause: TimeDelta,
    is_tried: bool,
}

/// A breaker that is open, for whoever looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenBreaker {
    /// For which team.
    pub team: String,
    /// Which plugin.
    pub plugin: String,
    /// From then on a call may try.
    pub until: Time,
    /// What went wrong last.
    pub last: String,
}

/// Leave for one call. Dropped without a verdict, nothing is learnt of the plugin.
pub struct Pass {
    breakers: Arc<Breakers>,
    pair: Pair,
    sha256: String,
    generation: u64,
    is_trial: bool,
}

impl Breakers {
    /// Breakers that are all closed.
    pub fn new(clock: SharedClock) -> Arc<Self> {
        Arc::new(Self { clock, n_generations: AtomicU64::new(0), pairs: Mutex::default() })
    }

    fn pairs(&self) -> MutexGuard<'_, HashMap<Pair, Record>> {
        self.pairs.lock().expect("no holder of the breakers panics")
    }

    /// Asks whether a plugin with this content may be called for a team.
    ///
    /// # Errors
    /// While it is switched off: until when, and why.
    pub fn enter(self: &Arc<Self>, team: &str, plugin: &str, sha256: &str) -> Result<Pass, Error> {
        let pair = Pair { team: team.to_owned(), plugin: plugin.to_owned() };
        let now = self.clock.now();
        let mut pairs = self.pairs();
        let mut is_trial = false;
        if pairs.get(&pair).is_some_and(|record| record.sha256 != sha256) {
            pairs.remove(&pair);
        }
        if let Some(record) = pairs.get_mut(&pair)
            && let Some(open) = &mut record.open
        {
            if now < open.until {
                let message = switched_off(team, open, &record.last);
                let until = Some(open.until);
                return Err(Error { until, ..Error::new(plugin, Kind::SwitchedOff, message) });
            }
            open.until = now + open.pause;
            open.is_tried = true;
            is_trial = true;
        }
        let generation = pairs.get(&pair).map_or(0, |record| record.generation);
        drop(pairs);
        Ok(Pass { breakers: Arc::clone(self), pair, sha256: sha256.to_owned(), generation, is_trial })
    }

    /// Forgets what is known of a plugin: it is another one now, or has other limits.
    pub fn forget(&self, plugin: &str) {
        self.pairs().retain(|pair, _| pair.plugin != plugin);
    }

    /// Those that are open, by team and plugin.
    pub fn open(&self) -> Vec<OpenBreaker> {
        let pairs = self.pairs();
        let open = pairs.iter().filter_map(|(pair, record)| {
            let open = record.open.as_ref()?;
            let (team, plugin) = (pair.team.clone(), pair.plugin.clone());
            Some(OpenBreaker { team, plugin, until: open.until, last: record.last.clone() })
        });
        let mut open: Vec<_> = open.collect();
        open.sort_by(|a, b| (&a.team, &a.plugin).cmp(&(&b.team, &b.plugin)));
        open
    }

    fn next_generation(&self) -> u64 {
        self.n_generations.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn worked(&self, pass: &Pass) {
        let mut pairs = self.pairs();
        let Some(record) = pairs.get_mut(&pass.pair).filter(|record| pass.is_of(record)) else { return };
        record.failures.clear();
        if record.open.take().is_some() {
            record.generation = self.next_generation();
            let Pair { plugin, team } = &pass.pair;
            tracing::info!(%plugin, %team, "the plugin works again and is switched on");
        }
    }

    fn failed(&self, pass: &Pass, why: &Error) {
        let now = self.clock.now();
        let mut pairs = self.pairs();
        let fresh = || Record { sha256: pass.sha256.clone(), ..Record::default() };
        let record = pairs.entry(pass.pair.clone()).or_insert_with(fresh);
        if !pass.is_of(record) {
            return;
        }
        record.last = cut(&why.message);
        record.failures.retain(|at| now - *at < WINDOW);
        record.failures.push(now);
        let pause = match &record.open {
            // Of this generation only a trial can be.
            Some(open) => (open.pause * 2).min(LONGEST_PAUSE),
            None if record.failures.len() < FAILURES_MAX => return,
            None => FIRST_PAUSE,
        };
        record.failures.clear();
        record.generation = self.next_generation();
        record.open = Some(Open { until: now + pause, pause, is_tried: false });
        let (Pair { plugin, team }, said) = (&pass.pair, announced(pause.num_minutes(), &record.last));
        tracing::warn!(%plugin, %team, "{said}");
    }

    /// A trial told nothing: the next call may try at once.
    fn learnt_nothing(&self, pass: &Pass) {
        let now = self.clock.now();
        let mut pairs = self.pairs();
        let record = pairs.get_mut(&pass.pair).filter(|record| pass.is_of(record));
        if let Some(open) = record.and_then(|record| record.open.as_mut()) {
            open.until = open.until.min(now);
            open.is_tried = false;
        }
    }
}

impl Pass {
    /// The call has ended so.
    pub fn end<T>(self, end: &Result<T, Error>) {
        match end {
            Ok(_) => self.breakers.worked(&self),
            Err(error) => match error.kind {
                // It did its own work and says that the world was in the way.
                Kind::Guest | Kind::Retryable => self.breakers.worked(&self),
                Kind::Trap | Kind::Cpu | Kind::Deadline | Kind::Quota => self.breakers.failed(&self, error),
                // Neither its fault nor its merit: what it is handed, what it may, who stopped it, what broke around it. What does
                // not load is the operator's to mend and runs for nobody.
                Kind::Settings
                | Kind::Denied
                | Kind::Cancelled
                | Kind::Unknown
                | Kind::Load
                | Kind::Incompatible
                | Kind::Compile
                | Kind::Host
                | Kind::SwitchedOff => {}
            },
        }
        // Dropping it frees the place of a trial that told nothing.
    }

    /// Whether a record is still the one that this call was let in by.
    fn is_of(&self, record: &Record) -> bool {
        self.sha256 == record.sha256 && self.generation == record.generation
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.is_trial {
            self.breakers.learnt_nothing(self);
        }
    }
}

fn switched_off(team: &str, open: &Open, last: &str) -> String {
    let until = open.until.format("%H:%M");
    let state = if open.is_tried {
        format!("until {until} UTC, or until a call that tries it now has ended well")
    } else {
        format!("until {until} UTC")
    };
    format!("is switched off for the team `{team}` {state}, because it {}; last: {last}", because())
}

/// What a plugin did that is switched off.
pub fn because() -> String {
    format!("failed {FAILURES_MAX} times in {} minutes", WINDOW.num_minutes())
}

/// What the server's log says of it.
fn announced(minutes: i64, last: &str) -> String {
    format!("the plugin is switched off for {minutes} min: {}", one_line(last))
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(LAST_BYTES_MAX)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Breakers, Error, Kind, Pass};
    use crate::clock::TestClock;
    use std::sync::Arc;

    struct Bench {
        clock: Arc<TestClock>,
        breakers: Arc<Breakers>,
    }

    impl Bench {
        fn new() -> Self {
            let clock = TestClock::at("2026-11-22T12:00:00Z".parse().unwrap());
            Self { breakers: Breakers::new(clock.clone()), clock }
        }

        fn enter(&self, team: &str) -> Result<Pass, Error> {
            self.breakers.enter(team, "x", "1f2e")
        }

        fn fails(&self, team: &str, kind: Kind) {
            self.enter(team).unwrap().end::<()>(&Err(Error::new("x", kind, "boom")));
        }

        fn refused(&self) -> String {
            self.enter("core").err().map(|error| error.to_string()).unwrap_or_default()
        }
    }

    #[test]
    fn a_plugin_forges_no_line_of_the_servers_log() {
        let said = super::announced(1, "boom\nERROR the disk is full");
        assert_eq!(said, "the plugin is switched off for 1 min: boom\\nERROR the disk is full");
    }

    #[test]
    fn three_failures_switch_a_plugin_off_for_their_team_alone() {
        let bench = Bench::new();
        for kind in [Kind::Trap, Kind::Cpu, Kind::Quota] {
            assert_eq!(bench.refused(), "");
            bench.fails("core", kind);
        }
        assert_eq!(
            bench.refused(),
            "plugin `x`: is switched off for the team `core` until 12:01 UTC, because it failed 3 times in 10 minutes; last: boom"
        );
        assert!(bench.enter("other").is_ok());
        assert!(bench.breakers.enter("core", "y", "1f2e").is_ok());
        let open = bench.breakers.open();
        assert_eq!((open.len(), open[0].team.as_str(), open[0].last.as_str()), (1, "core", "boom"));
    }

    #[test]
    fn after_the_pause_one_call_tries_and_a_failure_doubles_the_pause_up_to_an_hour() {
        let bench = Bench::new();
        (0..3).for_each(|_| bench.fails("core", Kind::Trap));
        let mut pause = 60;
        for _ in 0..8 {
            bench.clock.advance(pause - 1);
            assert!(bench.enter("core").is_err(), "after {pause} s less one");
            bench.clock.advance(1);
            let trial = bench.enter("core").unwrap();
            assert!(bench.refused().contains("or until a call that tries it now"), "{}", bench.refused());
            trial.end::<()>(&Err(Error::new("x", Kind::Trap, "again")));
            pause = (pause * 2).min(3_600);
        }
        assert!(bench.refused().ends_with("last: again"));
        bench.clock.advance(3_600);
        bench.enter("core").unwrap().end(&Ok(()));
        assert!(bench.breakers.open().is_empty());
        (0..2).for_each(|_| bench.fails("core", Kind::Trap));
        assert_eq!(bench.refused(), "", "it starts over");
    }

    #[test]
    fn a_trial_that_tells_nothing_leaves_its_place_to_the_next() {
        let bench = Bench::new();
        (0..3).for_each(|_| bench.fails("core", Kind::Trap));
        bench.clock.advance(60);
        drop(bench.enter("core").unwrap());
        bench.fails("core", Kind::Cancelled);
        bench.enter("core").unwrap().end(&Ok(()));
        assert_eq!(bench.refused(), "");
    }

    #[test]
    fn a_trial_that_takes_long_keeps_the_others_out_for_one_pause_and_no_longer() {
        let bench = Bench::new();
        (0..3).for_each(|_| bench.fails("core", Kind::Trap));
        bench.clock.advance(60);
        let long = bench.enter("core").unwrap();
        bench.clock.advance(59);
        let refused = bench.enter("core").err().unwrap();
        assert_eq!(refused.until, Some("2026-11-22T12:02:00Z".parse().unwrap()));
        assert_eq!(bench.breakers.open()[0].until, refused.until.unwrap());
        bench.clock.advance(1);
        bench.enter("core").unwrap().end(&Ok(()));
        assert_eq!(bench.refused(), "");
        long.end::<()>(&Err(Error::new("x", Kind::Trap, "late")));
        (0..2).for_each(|_| bench.fails("core", Kind::Trap));
        assert_eq!(bench.refused(), "", "what began before it closed does not count");
    }

    #[test]
    fn calls_that_began_before_it_opened_neither_close_it_nor_lengthen_its_pause() {
        let bench = Bench::new();
        let mut before: Vec<_> = (0..3).map(|_| bench.enter("core").unwrap()).collect();
        (0..3).for_each(|_| bench.fails("core", Kind::Trap));
        before.pop().unwrap().end(&Ok(()));
        assert_eq!(bench.breakers.open().len(), 1, "a success of before");
        bench.clock.advance(60);
        let trial = bench.enter("core").unwrap();
        let until = bench.breakers.open()[0].until;
        before.pop().unwrap().end::<()>(&Err(Error::new("x", Kind::Trap, "late")));
        assert_eq!((bench.breakers.open()[0].until, &*bench.breakers.open()[0].last), (until, "boom"));
        trial.end(&Ok(()));
        assert_eq!(bench.refused(), "");
        drop(before);
    }

    #[test]
    fn what_is_not_the_plugins_fault_and_what_is_long_ago_does_not_count() {
        let bench = Bench::new();
        for kind in [Kind::Settings, Kind::Denied, Kind::Cancelled, Kind::Host, Kind::Unknown] {
            (0..9).for_each(|_| bench.fails("core", kind));
            assert_eq!(bench.refused(), "", "{kind:?}");
        }
        for _ in 0..9 {
            bench.fails("core", Kind::Trap);
            bench.clock.advance(301);
        }
        assert_eq!(bench.refused(), "", "two in ten minutes");
        for _ in 0..9 {
            bench.fails("core", Kind::Trap);
            bench.fails("core", Kind::Guest);
        }
        assert_eq!(bench.refused(), "", "who says that it could not do its work has not broken");
    }

    #[test]
    fn calls_that_were_under_way_do_not_lengthen_the_pause() {
        let bench = Bench::new();
        let calls: Vec<_> = (0..9).map(|_| bench.enter("core").unwrap()).collect();
        calls.into_iter().for_each(|call| call.end::<()>(&Err(Error::new("x", Kind::Trap, "boom"))));
        bench.clock.advance(60);
        assert!(bench.enter("core").is_ok(), "it was one minute");
        bench.fails("core", Kind::Trap);
        assert!(bench.breakers.enter("core", "x", "1f2e").is_err());
        assert!(bench.breakers.enter("core", "x", "another").is_ok(), "a changed file is another plugin");
        (0..3).for_each(|_| bench.fails("core", Kind::Trap));
        bench.breakers.forget("x");
        assert!(bench.breakers.pairs().is_empty());
    }
}
