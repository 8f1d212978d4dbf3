//! What people who are signed in see besides: forms and buttons.

use super::page::site;
use crate::config::builder::{Force, Parameter, ParameterKind};
use crate::render::context::builder::BuilderPage;
use crate::render::context::field::Refused;
use crate::render::context::{Site, Viewer};
use crate::status::control::Offers;
use crate::status::get::RequestPage;
use crate::status::resource::{Build, BuilderStatus};
use std::sync::Arc;

/// What an operator is offered.
pub(super) const ALL: Offers = Offers { force: true, rebuild: true, stop: true, cancel: true };

/// The site as somebody sees it who is signed in.
pub(super) fn site_of_ada() -> Site {
    Site { viewer: Some(Viewer { name: "ada <b>".into(), csrf: "c\"srf".into() }), ..site() }
}

/// A parameter of each type, with names that are hard to write.
pub(super) fn force() -> Force {
    let parameter = |name: &str, label: &str, kind, default: Option<serde_json::Value>, required| Parameter {
        name: name.into(),
        label: label.into(),
        kind,
        default,
        required,
    };
    let whole = |pattern: &str| regex::Regex::new(&format!(r"\A(?:{pattern})\z")).unwrap();
    Force {
        enabled: true,
        parameters: vec![
            parameter(
                "tests",
                "Which tests",
                ParameterKind::Choice(vec!["all".into(), "\"quick\" <b>".into()]),
                Some("all".into()),
                false,
            ),
            parameter("jobs", "Jobs at once", ParameterKind::Int, None, true),
            parameter("fresh", "Throw the work directory away first", ParameterKind::Bool, Some(true.into()), false),
            parameter(
                "<i>",
                "A <script>label</script>",
                ParameterKind::String(Some(whole("[a-z<>]{0,5}"))),
                None,
                false,
            ),
            parameter("notes", "Notes", ParameterKind::Text(None), Some("two\nlines </textarea>".into()), false),
        ],
        properties: vec!["extra".into()],
    }
}

/// A force that was sent and not taken.
pub(super) fn refused() -> Refused {
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    Refused {
        typed: pairs(&[("parameters.jobs", "\"><script>x"), ("parameters.fresh", "false"), ("branch", "-rf")]),
        fields: pairs(&[
            ("parameters.jobs", "must be a whole number"),
            ("branch", "must not begin with `-`"),
            ("parameters.gone", "is no parameter of this builder; it takes <none>"),
        ]),
        whole: Some("The number of requests of team core that wait is limited to 1000.".into()),
    }
}

/// A builder's page as an operator sees it.
pub(super) fn builder_page<'a>(
    status: &'a BuilderStatus,
    builds: &'a [Arc<Build>],
    force: Option<&'a Force>,
    refused: Option<&'a Refused>,
    request: Option<&'a RequestPage>,
) -> BuilderPage<'a> {
    BuilderPage {
        status,
        builds,
        before: None,
        has_older: true,
        force,
        offers: ALL,
        refused,
        request,
        team_title: "Core developers",
    }
}
