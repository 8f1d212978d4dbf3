//! What became of what somebody asked for by a form, told on the page that the form leads to. It is told from what is, never from the
//! address alone: whoever sends somebody such an address cannot make the page say what is not so.

use super::Anchor;
use crate::model::results::Results;
use crate::render::links::Links;
use crate::status::get::{BuildPage, RequestPage};
use serde::Serialize;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// In a sentence.
    pub text: String,
    /// Where more is to be seen.
    pub link: Option<Anchor>,
}

impl Said {
    /// What became of a request.
    pub fn of_request(page: &RequestPage, links: &Links) -> Self {
        let id = page.request.id;
        let Some(build) = page.builds.last() else {
            let text = match page.complete {
                true => format!("Request {id} was cancelled: nothing was built for it."),
                false => format!(
                    "Request {id} is accepted. It waits for a free worker; this page shows when its build begins."
                ),
            };
            return Self { text, link: None };
        };
        let text = match build.results {
            None => format!("Request {id} is being built."),
            Some(_) if !page.complete => format!("Request {id} waits again: its build was interrupted."),
            Some(results) => format!("Request {id} was built: {results}."),
        };
        let (text_of_link, href) = (format!("Build #{}", build.number), links.build(&build.builder, build.number));
        Self { text, link: Some(Anchor { text: text_of_link, href, is_current: false }) }
    }

    /// What became of a stop; none where nobody asked for one and the build runs.
    pub fn of_stop(page: &BuildPage) -> Option<Self> {
        let text = match page.build.results {
            None if !page.is_stopping => return None,
            None => {
                "The stop is asked for: the command is interrupted now, and killed where it does not end by itself."
                    .to_owned()
            }
            Some(Results::Cancelled) => "The build is stopped.".to_owned(),
            Some(results) => format!("The build has ended by itself before anything could be stopped: {results}."),
        };
        Some(Self { text, link: None })
    }
}
