//! Who did what, and who may do what, with all that may stand in it.

use super::now;
use crate::render::context::Page;
use crate::render::context::Site;
use crate::render::context::audit::{AuditContext, AuditParts};
use crate::render::context::can::{Asked, CanContext};
use crate::render::links::Links;
use crate::status::audit::{AuditEntry, AuditPage};
use crate::status::can::{Reason, Verdict};
use chrono::TimeDelta;
use serde_json::{Value, json};

fn entry(id: i64, subject: &str, what: (&str, &str), refused: Option<&str>, details: Value) -> AuditEntry {
    AuditEntry {
        id,
        at: now() - TimeDelta::minutes(37 * (100 - id)),
        subject: subject.into(),
        by: Some("0b7c".into()),
        team: what.1.split_once('/').map(|(team, _)| team.into()),
        action: what.0.into(),
        object: what.1.into(),
        allowed: refused.is_none(),
        reason: refused.unwrap_or("the release is <b>tonight</b>").into(),
        details,
    }
}

/// The audit of the team `core`, and one that holds nothing.
pub fn audit(site: &Site, links: &Links) -> [Page<AuditContext>; 2] {
    let forced = json!({"branch": "main", "revision": null, "parameters": ["tests", "<note>"], "properties": []});
    let entries = vec![
        entry(99, "anna", ("force", "core/full-2.4"), None, forced),
        entry(98, "forge:eve <script>", ("stop", "core/full-2.3 build 43"), Some("you may not stop here"), json!({})),
        entry(90, "main:anna", ("sign-in", "0b7c"), None, json!({"person": "issuer:main:<4711>"})),
        entry(
            80,
            "anonymous",
            ("sign-in", "provider main"),
            Some("3 more tries of which the provider proved nobody"),
            json!({"tries": 3, "addresses": ["192.0.2.7"], "more_addresses": null}),
        ),
        entry(71, "root", ("token.issue", "token 4711"), None, json!({"role": "operator", "team": "core"})),
    ];
    let page = AuditPage { entries, older: Some(71), is_whole: false };
    let arguments = [("subject".to_owned(), "<anna>".to_owned()), ("before".to_owned(), "100".to_owned())];
    let own = AuditParts { team: Some(("core", "Core developers")), page, arguments: &arguments };
    let none = AuditPage { entries: Vec::new(), older: None, is_whole: true };
    let none = AuditParts { team: None, page: none, arguments: &[] };
    [AuditContext::page(site.clone(), own, links, now()), AuditContext::page(site.clone(), none, links, now())]
}

/// Nothing asked yet, an answer of each kind, and a question that is none.
pub fn can(site: &Site, links: &Links) -> [Page<CanContext>; 4] {
    let asked =
        |subject: &str| Asked { subject: subject.into(), action: "force".into(), object: "core/full-2.4".into() };
    let reason = |text: &str, place: Option<&str>| Reason { text: text.into(), place: place.map(str::to_owned) };
    let by = "admin in team core, by [[auth.user]] anna";
    let yes = Verdict { allowed: true, reasons: vec![reason(by, Some("/etc/weir/weir.toml:38:17"))] };
    let no = vec![reason("no role in team core", None), reason("force needs the role operator in team core", None)];
    let no = Verdict { allowed: false, reasons: no };
    [
        CanContext::page(site.clone(), Asked::default(), None, links),
        CanContext::page(site.clone(), asked("user:anna"), Some(Ok(yes)), links),
        CanContext::page(site.clone(), asked("forge:groups=<docs>"), Some(Ok(no)), links),
        CanContext::page(site.clone(), asked("nobody"), Some(Err("`<nobody>` is no subject".to_owned())), links),
    ]
}
