//! The head of a column: name, last result and since when, what runs and how far, what waits, what comes next.

use super::Drawing;
use crate::render::look;
use crate::render::words::{coarse, escape_into, iso, span};
use crate::status::resource::{Build, BuilderState};
use crate::status::view::Column;
use std::fmt::Write as _;

/// A name of more characters may need two lines, in the narrowest column that there is.
const LINE_CHARS: usize = 17;

/// Lines of the longest name in `columns`: one or two. All heads of a page are of one height.
pub fn name_lines(columns: &[Column], d: Drawing<'_>) -> usize {
    let n_chars = |column: &Column| {
        let key = &column.status.builder.key;
        key.name.chars().count() + if names_team(column, d) { key.team.chars().count() + 1 } else { 0 }
    };
    1 + usize::from(columns.iter().any(|column| n_chars(column) > LINE_CHARS))
}

/// Whether a head says its team: several teams are shown, and this column's group does not say it already.
fn names_team(column: &Column, d: Drawing<'_>) -> bool {
    d.names_teams && column.group.as_deref() != Some(column.status.builder.key.team.as_str())
}

/// Writes a column's head.
pub fn write(out: &mut String, column: &Column, d: Drawing<'_>) {
    let status = &column.status;
    let key = &status.builder.key;
    let last = status.last.as_deref().map_or(look::NONE, |b| look::of(b.results));
    let _ = write!(out, "<header class=\"hd {}\"><h3 id=h{}><a href=\"", last.class, status.builder.id);
    escape_into(out, &d.links.builder(key));
    out.push_str("\" title=\"");
    escape_into(out, &key.name);
    if !status.builder.description.is_empty() {
        out.push_str(": ");
        escape_into(out, &status.builder.description);
    }
    out.push_str("\">");
    if names_team(column, d) {
        out.push_str("<small>");
        escape_into(out, &key.team);
        out.push_str("/</small>");
    }
    escape_into(out, &key.name);
    out.push_str("</a></h3><p class=ls>");
    match status.last.as_deref() {
        Some(build) => last_build(out, column, build, d),
        None => {
            let _ = write!(out, "<b>{} {}</b>", last.sign, last.word);
        }
    }
    out.push_str("</p><p class=ac>");
    activity(out, column, d);
    out.push_str("</p></header>");
}

/// `✕ failure #7, for 3h`.
fn last_build(out: &mut String, column: &Column, build: &Build, d: Drawing<'_>) {
    let look = look::of(build.results);
    let href = d.links.build(&build.builder, build.number);
    let _ = write!(out, "<a href=\"{href}\"><b>{} {}</b> #{}</a>", look.sign, look.word, build.number);
    if let Some(since) = column.status.last_since.or(build.finished_at) {
        let age = (d.now - since).num_seconds();
        let _ = write!(out, " <time data-s={} datetime={}>for {}</time>", since.timestamp(), iso(since), coarse(age));
    }
}

/// What the builder does now, what waits, what comes next.
fn activity(out: &mut String, column: &Column, d: Drawing<'_>) {
    let status = &column.status;
    let state = look::of_state(status.state);
    if let Some(build) = status.running.first() {
        running(out, build, d);
        if status.running.len() > 1 {
            let _ = write!(out, " <span>+{} more</span>", status.running.len() - 1);
        }
    } else {
        let _ = write!(out, "<span class=st>{} {}</span>", state.sign, state.word);
    }
    if status.n_pending > 0 && status.state != BuilderState::Pending {
        let _ = write!(out, " <span class=pn>{} {} waiting</span>", look::WAITING.sign, status.n_pending);
    } else if status.n_pending > 1 || status.state == BuilderState::Pending {
        let _ = write!(out, " <span class=pn>{}</span>", status.n_pending);
    }
    if let Some(next) = status.next {
        let _ = write!(
            out,
            " <time class=nx datetime={}>next in {}</time>",
            iso(next),
            coarse((next - d.now).num_seconds())
        );
    }
}

/// A running build: number, progress and time left where they can be told.
fn running(out: &mut String, build: &Build, d: Drawing<'_>) {
    let href = d.links.build(&build.builder, build.number);
    let elapsed = (d.now - build.started_at).num_seconds().max(0);
    let sign = look::RUNNING.sign;
    let _ = write!(out, "<a class=st href=\"{href}\">{sign} #{}</a> ", build.number);
    match build.expected_s.filter(|s| *s >= 1.0) {
        Some(expected) => {
            let (began, expected) = (build.started_at.timestamp(), expected.round() as i64);
            let left = expected - elapsed;
            let word = if left > 0 { format!("{} left", span(left)) } else { format!("{} over", span(-left)) };
            let _ = write!(
                out,
                "<progress max={expected} value={} data-b={began} aria-label=\"progress of build {}\"></progress><i data-l={}>{word}</i>",
                elapsed.min(expected),
                build.number,
                began + expected,
            );
        }
        None => {
            let _ = write!(out, "<i data-t={}>{}</i>", build.started_at.timestamp(), span(elapsed));
        }
    }
}
