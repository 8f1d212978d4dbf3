//! Words and rules, no IO. Everything else may import these; these import nothing of ours.

pub mod alike;
pub mod bucket;
pub mod category;
pub mod claim;
pub mod disguise;
pub mod egress;
pub mod glob;
pub mod id;
pub mod mask;
pub mod name;
pub mod one_line;
pub mod placeholder;
pub mod property;
pub mod results;
pub mod right;
pub mod scope;
pub mod secret;
pub mod shell;
pub mod size;
pub mod source_stamp;
pub mod test_outcome;
pub mod text;
pub mod time;
pub mod whose;
