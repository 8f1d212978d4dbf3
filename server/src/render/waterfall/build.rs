//! One build of a Waterfall: the start box, then a box for each step.

use super::Drawing;
use crate::model::time::Time;
use crate::render::links::segment;
use crate::render::look::{self, Look};
use crate::render::words::{escape_into, iso, short, span};
use crate::status::resource::{Build, Step};
use crate::status::waterfall::{LINE_PX, Placed, Waterfall};
use std::fmt::Write as _;

/// Boxes of one build whose row the style sheet knows by their place; later ones say theirs.
const NUMBERED_MAX: usize = 24;

/// Writes a build. `filled_px` is where the build below it ends.
pub fn write(out: &mut String, build: &Build, placed: &Placed, filled_px: u32, layout: &Waterfall, d: Drawing<'_>) {
    let look = look::of(build.results);
    let gap = layout.edge_px(placed.rows().start) - filled_px;
    let cut = match (placed.is_cut_below, placed.is_cut_above) {
        (false, false) => "",
        (true, false) => " cb",
        (false, true) => " ca",
        (true, true) => " cb ca",
    };
    let _ = write!(out, "<ol class=\"b {}{cut}{}\" style=\"", look.class, room(build, placed, layout));
    if gap > 0 {
        let _ = write!(out, "margin-bottom:{gap}px;");
    }
    out.push_str("grid-template-rows:");
    for (i, cell) in placed.cells.iter().enumerate().rev() {
        let _ = write!(out, "{}px{}", layout.height_px(&cell.rows), if i == 0 { "\">" } else { " " });
    }
    let prefix = d.links.build(&build.builder, build.number);
    if placed.is_cut_below || placed.is_cut_above || build.results.is_none() {
        start_box(out, build, look, &prefix, placed, d.now);
        for (i, cell) in placed.cells.iter().enumerate() {
            if let Some(step) = cell.step {
                step_box(out, &build.steps[step], i, &prefix, d.now);
            }
        }
    } else {
        inside(out, build, &prefix, d.now);
    }
    out.push_str("</ol>");
}

/// The class of a build whose first bad step has room for its words under its name: one line of them, or two.
fn room(build: &Build, placed: &Placed, layout: &Waterfall) -> &'static str {
    let is_bad = |step: usize| build.steps[step].results.is_some_and(|r| !r.is_good());
    let bad = placed.cells.iter().find(|cell| cell.step.is_some_and(is_bad));
    match bad.map_or(0, |cell| layout.height_px(&cell.rows) / (LINE_PX - 3)) {
        0 | 1 => "",
        2 => " r2",
        _ => " r3",
    }
}

/// The inside of a whole, finished build. It depends on the build and on today's date only, never on the axis.
pub fn inside(out: &mut String, build: &Build, prefix: &str, now: Time) {
    let whole = Placed { build: 0, cells: Vec::new(), is_cut_below: false, is_cut_above: false };
    start_box(out, build, look::of(build.results), prefix, &whole, now);
    for (i, step) in build.steps.iter().enumerate() {
        step_box(out, step, i + 1, prefix, now);
    }
}

/// The box at a build's bottom: result, number, when it began, why.
fn start_box(out: &mut String, build: &Build, look: Look, prefix: &str, placed: &Placed, now: Time) {
    let _ = write!(out, "<li class=n><a href=\"{prefix}\">{} #{}</a> <b>{}</b>", look.sign, build.number, look.word);
    let _ = write!(out, " <time datetime={}>{}</time> ", iso(build.started_at), short(build.started_at, now));
    if placed.is_cut_below {
        out.push_str("<em>began earlier</em> ");
    }
    if placed.is_cut_above {
        out.push_str("<em>goes on later</em> ");
    }
    escape_into(out, &build.reason);
    out.push_str("</li>");
}

/// One step: its result's shape, its name leading to its first log, its words, how long it took, its other logs and links.
fn step_box(out: &mut String, step: &Step, place: usize, prefix: &str, now: Time) {
    let look = look::of(step.results);
    let _ = write!(out, "<li class={}", look.class);
    if place >= NUMBERED_MAX {
        let _ = write!(out, " style=grid-row:{}", -(place as i64) - 2);
    }
    let said = words(step, look);
    // What went wrong is told whole also where there is neither room nor script.
    if !said.is_empty() && !matches!(look.class, "g" | "s" | "y") {
        out.push_str(" title=\"");
        escape_into(out, &step.name);
        out.push(' ');
        escape_into(out, said);
        out.push('"');
    }
    let _ = write!(out, ">{} <a href=\"{prefix}/step/{}", look.sign, step.number);
    let first_log = step.logs.iter().find(|l| l.n_lines > 0 || !l.complete);
    if let Some(log) = first_log {
        let _ = write!(out, "/log/{}", segment(&log.slug));
    }
    out.push_str("\">");
    escape_into(out, &step.name);
    out.push_str("</a>");
    if !said.is_empty() {
        out.push_str(" <span>");
        escape_into(out, said);
        out.push_str("</span>");
    }
    let end = step.finished_at.unwrap_or(now);
    let elapsed = span((end - step.started_at).num_seconds());
    if step.finished_at.is_none() {
        let _ = write!(out, " <i data-t={}>{elapsed}</i>", step.started_at.timestamp());
    } else if step.results != Some(crate::model::results::Results::Skipped) {
        let _ = write!(out, " <i>{}</i>", if elapsed == "<1s" { "0s" } else { &elapsed });
    }
    for log in step.logs.iter().filter(|l| first_log.is_none_or(|f| f.id != l.id)) {
        let _ = write!(out, " <a class=x href=\"{prefix}/step/{}/log/{}\">", step.number, segment(&log.slug));
        escape_into(out, &log.name);
        out.push_str("</a>");
    }
    for link in step.urls.iter().filter(|l| is_web(&l.url)) {
        out.push_str(" <a class=x rel=\"noopener nofollow\" href=\"");
        escape_into(out, &link.url);
        out.push_str("\">[");
        escape_into(out, &link.name);
        out.push_str("]</a>");
    }
    out.push_str("</li>");
}

/// A step's own words, where they say more than its name; a state that is not success always has a word.
fn words(step: &Step, look: Look) -> &str {
    let said = step.summary.strip_prefix(&step.name).unwrap_or(&step.summary).trim();
    match said {
        "" if !matches!(look.class, "g" | "y") => look.word,
        said if matches!(look.class, "g" | "y") && said == look.word => "",
        said => said,
    }
}

/// Whether a plugin's link may be shown as a link: `http` and `https` only.
pub fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}
