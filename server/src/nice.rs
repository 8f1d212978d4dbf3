//! Who leaves the processors to others where these are short: pages are answered and builds are started while something compiles.

/// How far work in the background stands back (see nice(1)).
pub const BACKGROUND: i32 = 10;

/// This thread, with whatever it starts from now on, stands back behind those that somebody waits for.
pub fn stand_back() {
    // Refused where somebody gave the server an even lower priority than this, which is as well.
    let _ = rustix::process::setpriority_process(None, BACKGROUND);
}
