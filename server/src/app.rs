//! The composition root: build every part once, wire, start, stop.
