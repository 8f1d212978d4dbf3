//! What the allocator does with memory that is free again.

use libmimalloc_sys::{mi_option_set, mi_option_t};
use std::ffi::c_long;

/// `mi_option_purge_delay` of mimalloc's `mimalloc.h`, which the crate has no name for: after how many milliseconds memory that is free
/// goes back to the system.
const PURGE_DELAY: mi_option_t = 15;
/// Whichever thread frees memory or asks for some once this is over gives all back, which takes it some milliseconds: with mimalloc's own second, one
/// page in a hundred was late for it beside a team that keeps the server busy.
const HELD_MS: c_long = 10_000;

/// Has free memory given back every ten seconds and no more often; to be said once, at the start of the program.
#[expect(
    unsafe_code,
    reason = "the allocator's options are set by a call of C, which stores a number and can be made at any time"
)]
pub fn hold_free_memory() {
    unsafe { mi_option_set(PURGE_DELAY, HELD_MS) }
}

#[cfg(test)]
mod tests {
    use super::{HELD_MS, PURGE_DELAY, hold_free_memory};
    use libmimalloc_sys::mi_option_get;

    #[test]
    #[expect(unsafe_code, reason = "reads a number that a call of C holds")]
    fn the_option_is_still_the_one_that_it_was() {
        let held_ms = || unsafe { mi_option_get(PURGE_DELAY) };
        // What mimalloc's options.c gives this one; those beside it have other values.
        assert_eq!(held_ms(), 1_000);
        hold_free_memory();
        assert_eq!(held_ms(), HELD_MS);
    }
}
