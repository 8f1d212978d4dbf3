//! `/about`.

use super::{Context, Crumb, Page, Site};
use serde::Serialize;

/// The page about Weir.
#[derive(Debug, Serialize)]
pub struct About {
    /// What runs plugins: that engine's version, as locked.
    pub wasmtime: &'static str,
    /// The licence.
    pub licence: &'static str,
}

impl Context for About {
    const TEMPLATE: &'static str = "pages/about";
}

impl About {
    /// The page.
    pub fn page(site: Site) -> Page<Self> {
        let own = Self { wasmtime: env!("WEIR_WASMTIME"), licence: env!("CARGO_PKG_LICENSE") };
        let crumbs = vec![Crumb::here("About")];
        Page { title: "About".to_owned(), crumbs, reload_s: None, events: None, kind: "about", site, own }
    }
}
