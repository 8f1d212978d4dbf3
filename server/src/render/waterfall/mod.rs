//! A Waterfall's body as HTML. Written by functions, not by a template: a page has up to fifteen thousand boxes.
//!
//! Each column is a section with a heading, and its builds are lists in the order of time (start box first), which is how a text
//! browser and a screen reader tell them. The style sheet stands each list on its head: time runs upward. Positions stand in two
//! places only: the distance below a build and its row heights, on the build's list. What is inside the list does not depend on
//! them, so a finished build's inside can be kept as bytes ([`build::inside`]) however the axis changes.

/// One build: its boxes.
pub mod build;
/// A column's head.
pub mod head;

use super::links::Links;
use super::words::{coarse, escape_into, iso};
use crate::model::time::Time;
use crate::status::view::{Column, ViewPage};
use crate::status::waterfall::{LINE_PX, Lane, Waterfall};
use std::fmt::Write as _;

/// What drawing needs to know besides the page.
#[derive(Clone, Copy)]
pub struct Drawing<'a> {
    /// Every link.
    pub links: &'a Links,
    /// Now: ages count from here, running builds reach to here.
    pub now: Time,
    /// Builders of several teams are shown: heads name the team.
    pub names_teams: bool,
}

/// Draws `page`, laid out as `layout`.
pub fn draw(page: &ViewPage, layout: &Waterfall, d: Drawing<'_>) -> String {
    let n_cells: usize = layout.columns.iter().flatten().flatten().map(|p| p.cells.len()).sum();
    let mut out = String::with_capacity(n_cells * 220 + page.columns.len() * 900 + 4_096);
    let height = layout.edge_px(layout.n_rows()).max(LINE_PX);
    // Heights that the whole page shares; boxes that were drawn before keep theirs, because all count from the bottom.
    let lines = head::name_lines(&page.columns, d);
    let _ = write!(out, "<div class=wf id=wf style=\"--h:{height}px;--hl:{lines}\">");
    if !page.columns.is_empty() {
        axis(&mut out, layout, d.now);
    }
    let mut at = 0;
    while at < page.columns.len() {
        let group = &page.columns[at].group;
        let end = page.columns[at..].iter().position(|c| c.group != *group).map_or(page.columns.len(), |n| at + n);
        let n_lanes: usize = (at..end).map(|i| layout.columns.get(i).map_or(1, Vec::len)).sum();
        group_open(&mut out, page.is_grouped, group.as_deref(), n_lanes);
        for index in at..end {
            column(&mut out, &page.columns[index], layout.columns.get(index).map_or(&[][..], Vec::as_slice), layout, d);
        }
        out.push_str("</div>");
        at = end;
    }
    out.push_str("</div>");
    out
}

/// The opening of a group of columns.
fn group_open(out: &mut String, is_grouped: bool, group: Option<&str>, n_lanes: usize) {
    let _ = write!(out, "<div class=gr style=--gc:{n_lanes}>");
    if is_grouped {
        out.push_str("<h2 class=gn><span>");
        escape_into(out, group.unwrap_or("without category"));
        out.push_str("</span></h2>");
    }
}

/// The column of times. Each build tells its own times, so this one is for the eye.
fn axis(out: &mut String, layout: &Waterfall, now: Time) {
    out.push_str("<div class=ax aria-hidden=true><b>UTC</b><div class=at>");
    let with_seconds = layout.slices.windows(2).any(|s| (s[1].from - s[0].from).num_seconds() < 60);
    let mut day = None;
    for slice in &layout.slices {
        let bottom = layout.edge_px(slice.rows.start);
        let today = slice.from.date_naive();
        let is_new_day =
            day.replace(today).is_some_and(|d| d != today) || (slice.rows.start == 0 && today != now.date_naive());
        let class = if slice.idle_before_s > 0 { " class=gap" } else { "" };
        let _ = write!(out, "<time{class} style=bottom:{bottom}px datetime={}", iso(slice.from));
        if slice.idle_before_s > 0 {
            let _ = write!(out, " title=\"nothing ran for {} before\"", coarse(slice.idle_before_s));
        }
        out.push('>');
        if is_new_day {
            let _ = write!(out, "<b>{}</b> ", slice.from.format("%b %-d"));
        }
        let _ = write!(
            out,
            "{}</time> ",
            slice.from.format(if with_seconds && !is_new_day { "%H:%M:%S" } else { "%H:%M" })
        );
    }
    out.push_str("</div></div>");
}

/// One builder.
fn column(out: &mut String, column: &Column, lanes: &[Lane], layout: &Waterfall, d: Drawing<'_>) {
    let id = column.status.builder.id;
    let wide = if lanes.len() > 1 { format!(" style=--nc:{}", lanes.len()) } else { String::new() };
    let _ = write!(out, "<section class=c id=c{id} aria-labelledby=h{id}{wide}>");
    head::write(out, column, d);
    out.push_str("<div class=t>");
    for lane in lanes {
        out.push_str("<div class=l>");
        // Newest first, as the page reads.
        for (i, placed) in lane.iter().enumerate().rev() {
            let filled = if i == 0 { 0 } else { layout.edge_px(lane[i - 1].rows().end) };
            build::write(out, &column.builds[placed.build], placed, filled, layout, d);
        }
        out.push_str("</div>");
    }
    out.push_str("</div></section>");
}
