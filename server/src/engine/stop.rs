//! How a running build is told to end: by somebody, or because the server shuts down.

use super::course::Stop;
use std::sync::OnceLock;
use tokio_util::sync::CancellationToken;

/// One build's switch. It is used once; what comes later changes nothing.
#[derive(Debug)]
pub struct StopSwitch {
    asked: OnceLock<String>,
    token: CancellationToken,
    shutdown: CancellationToken,
}

impl StopSwitch {
    /// A switch that the server's shutdown also turns.
    pub fn new(shutdown: &CancellationToken) -> Self {
        Self { asked: OnceLock::new(), token: shutdown.child_token(), shutdown: shutdown.clone() }
    }

    /// Somebody wants the build to end, with these words.
    pub fn ask(&self, words: &str) {
        if !self.shutdown.is_cancelled() && self.asked.set(words.to_owned()).is_ok() {
            self.token.cancel();
        }
    }

    /// Why the build shall end, where it shall.
    pub fn why(&self) -> Option<Stop> {
        match self.asked.get() {
            Some(words) => Some(Stop::Asked(words.clone())),
            None => self.shutdown.is_cancelled().then_some(Stop::Shutdown),
        }
    }

    /// The token for the next step: once the build was stopped by somebody, what still runs is ended by shutdown only.
    pub fn token(&self) -> CancellationToken {
        if self.asked.get().is_some() { self.shutdown.child_token() } else { self.token.child_token() }
    }

    /// Whether somebody asked for the end.
    pub fn is_asked(&self) -> bool {
        self.asked.get().is_some()
    }

    /// Whether the server shuts down.
    pub fn is_shutdown(&self) -> bool {
        self.shutdown.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::{Stop, StopSwitch};
    use tokio_util::sync::CancellationToken;

    #[test]
    fn a_stop_reaches_the_running_step_but_not_those_that_always_run() {
        let shutdown = CancellationToken::new();
        let switch = StopSwitch::new(&shutdown);
        let step = switch.token();
        switch.ask("by ada: wrong");
        switch.ask("by bob: again");
        assert!(step.is_cancelled());
        assert_eq!(switch.why(), Some(Stop::Asked("by ada: wrong".to_owned())));
        let clean = switch.token();
        assert!(!clean.is_cancelled());
        shutdown.cancel();
        assert!(clean.is_cancelled());
    }

    #[test]
    fn a_shutdown_turns_every_switch() {
        let shutdown = CancellationToken::new();
        let switch = StopSwitch::new(&shutdown);
        assert_eq!(switch.why(), None);
        shutdown.cancel();
        switch.ask("too late");
        assert!(switch.token().is_cancelled());
        assert_eq!(switch.why(), Some(Stop::Shutdown));
    }
}
