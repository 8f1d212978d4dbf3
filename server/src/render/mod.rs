//! Status to text: templates, contexts, helpers, every link in one file.

/// Files that pages need: style sheet, script, icon.
pub mod asset;
/// What templates receive.
pub mod context;
/// Every link that Weir writes.
pub mod links;
/// Log lines as HTML.
pub mod log_line;
/// How a result looks.
pub mod look;
/// Made-up status at any size, for looking at pages.
#[cfg(test)]
mod sample;
/// The templates.
pub mod template;
/// A Waterfall's body.
pub mod waterfall;
/// Moments, spans, sizes in words.
pub mod words;
