//! The embedded worker: process groups, timeouts, work directories.
