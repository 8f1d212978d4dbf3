//! Status to browsers and scripts; the only actix.
