//! Words and rules, no IO. Everything else may import these; these import nothing of ours.

pub mod category;
pub mod glob;
pub mod id;
pub mod name;
pub mod placeholder;
pub mod property;
pub mod results;
pub mod right;
pub mod scope;
pub mod shell;
pub mod size;
pub mod source_stamp;
pub mod time;
