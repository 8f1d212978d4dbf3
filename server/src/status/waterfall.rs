//! Builds and steps to cells on a squeezed time axis. Pure: no clock, no store.
