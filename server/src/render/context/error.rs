//! The page of every error.

use super::{Context, Crumb, Page, Site};
use crate::render::words;
use serde::Serialize;
use std::collections::BTreeMap;

/// What went wrong, and what to do.
#[derive(Debug, Default, Serialize)]
pub struct ErrorContext {
    /// The HTTP status code.
    pub status: u16,
    /// What happened, in a sentence.
    pub sentence: String,
    /// The same as HTML: what stands between backticks is code.
    pub sentence_html: String,
    /// The code for scripts.
    pub code: String,
    /// The request's id, to quote to the operator.
    pub request_id: String,
    /// Wrong fields and why.
    pub fields: BTreeMap<String, String>,
    /// The same as HTML.
    pub fields_html: BTreeMap<String, String>,
    /// Where it would be right, if that is known.
    pub hint_url: Option<String>,
    /// Where to sign in, where that may help.
    pub sign_in: Option<String>,
    /// Something was sent: what was typed is still in the browser.
    pub was_sent: bool,
    /// Nothing is there, or it may not be seen.
    pub is_not_found: bool,
    /// Credentials are wanted, or were bad.
    pub is_unauthenticated: bool,
    /// The fault is ours.
    pub is_internal: bool,
}

impl Context for ErrorContext {
    const TEMPLATE: &'static str = "pages/error";
}

impl ErrorContext {
    /// The page of an error with that HTTP status.
    pub fn page(site: Site, mut own: Self) -> Page<Self> {
        own.sentence_html = words::code_html(&own.sentence);
        own.fields_html = own.fields.iter().map(|(name, why)| (name.clone(), words::code_html(why))).collect();
        own.is_not_found = own.status == 404;
        own.is_unauthenticated = own.status == 401;
        own.is_internal = own.status >= 500;
        let title = match own.status {
            404 => "Not found".to_owned(),
            401 => "Sign in".to_owned(),
            403 => "Not allowed".to_owned(),
            429 => "A limit is reached".to_owned(),
            500.. => "Something went wrong".to_owned(),
            _ => "That did not work".to_owned(),
        };
        let crumbs = vec![Crumb::here(title.clone())];
        Page { title, crumbs, reload_s: None, events: None, kind: "error", site, own }
    }
}
