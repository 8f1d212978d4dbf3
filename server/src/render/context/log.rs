//! `.../log/<slug>`: a window of lines, whatever the log's size.

use super::line::{BuildLine, LogLink, StepLine};
use super::{Context, Crumb, Page, Site};
use crate::model::time::Time;
use crate::render::links::Links;
use crate::render::words;
use crate::status::get::LogPage;
use serde::Serialize;

/// Where a log page's template has its lines: what stands before goes out first, then lines as they come, then what stands after.
pub const LINES_MARK: &str = "<!--lines-->";

/// A log's page.
#[derive(Debug, Serialize)]
pub struct LogContext {
    /// Its build.
    pub build: BuildLine,
    /// Its step.
    pub step: StepLine,
    /// The log.
    pub log: LogLink,
    /// It has no line (yet).
    pub is_empty: bool,
    /// The page follows the log: lines are added while they are written.
    pub is_following: bool,
    /// The first line shown, from 1.
    pub first: String,
    /// The last line shown when the page was made.
    pub last: String,
    /// Lines in all when the page was made.
    pub total: String,
    /// Lines on one page, for the script.
    pub page_lines: i64,
    /// The log's own address, for the script.
    pub here: String,
    /// From the first line.
    pub to_first: Option<String>,
    /// The window before.
    pub to_previous: Option<String>,
    /// The middle of the log.
    pub to_middle: Option<String>,
    /// The window after.
    pub to_next: Option<String>,
    /// The last lines.
    pub to_last: Option<String>,
    /// Where the lines go.
    pub lines_html: &'static str,
}

impl Context for LogContext {
    const TEMPLATE: &'static str = "pages/log";
}

/// The part of a log that a page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogWindow {
    /// The first line, from 0.
    pub first: i64,
    /// Lines at most.
    pub max: i64,
    /// New lines are added as they come.
    pub is_following: bool,
}

impl LogWindow {
    /// Which lines to show of a log with `n_lines`: from `from` (from 1) where it is given; else the tail of what runs or failed;
    /// else the beginning.
    pub fn choose(from: Option<i64>, n_lines: i64, max: i64, is_open: bool, is_good: bool) -> Self {
        let tail = (n_lines - max).max(0);
        let first = match from {
            Some(line) => (line - 1).clamp(0, (n_lines - 1).max(0)),
            None if is_open || !is_good => tail,
            None => 0,
        };
        Self { first, max, is_following: is_open && first >= tail }
    }
}

impl LogContext {
    /// The page of one log; lines go to [`LINES_MARK`].
    pub fn page(
        site: Site,
        page: &LogPage,
        window: LogWindow,
        team_title: &str,
        links: &Links,
        now: Time,
    ) -> Page<Self> {
        let LogPage { build, step, log } = page;
        let from = |line: i64| links.log_from(&build.builder, build.number, step.number, &log.slug, line + 1);
        let (n, first, max) = (log.n_lines, window.first, window.max);
        let tail = (n - max).max(0);
        let middle = ((n - max) / 2).max(0);
        let here = LogLink::new(build, step, log, links);
        let own = Self {
            build: BuildLine::new(build, links, now),
            step: StepLine::new(build, step, links, now),
            is_empty: n == 0 && log.complete,
            is_following: window.is_following,
            first: words::number((first + 1).min(n.max(1))),
            last: words::number((first + max).min(n)),
            total: words::number(n),
            page_lines: max,
            to_first: (first > 0).then(|| from(0)),
            to_previous: (first > 0).then(|| from((first - max).max(0))),
            to_middle: (n > 2 * max && first != middle).then(|| from(middle)),
            to_next: (first + max < n).then(|| from(first + max)),
            to_last: (first < tail).then(|| from(tail)),
            here: here.href.clone(),
            log: here,
            lines_html: LINES_MARK,
        };
        let title = format!("{} of {}, {} #{}", log.name, step.name, build.builder.name, build.number);
        let mut crumbs = super::build::crumbs(build, team_title, links);
        crumbs.push(Crumb::to(format!("#{}", build.number), links.build(&build.builder, build.number)));
        crumbs.push(Crumb::to(step.name.as_str(), links.step(&build.builder, build.number, step.number)));
        crumbs.push(Crumb::here(log.name.as_str()));
        Page { title, crumbs, reload_s: None, events: None, kind: "log", site, own }
    }
}

#[cfg(test)]
mod tests {
    use super::LogWindow;

    #[test]
    fn the_tail_of_what_runs_or_failed_and_the_beginning_of_the_rest() {
        let window = |from, n, open, good| {
            let w = LogWindow::choose(from, n, 100, open, good);
            (w.first, w.is_following)
        };
        assert_eq!(window(None, 1_000, true, true), (900, true));
        assert_eq!(window(None, 1_000, false, false), (900, false));
        assert_eq!(window(None, 1_000, false, true), (0, false));
        assert_eq!(window(Some(120), 1_000, true, true), (119, false));
        assert_eq!(window(Some(5_000), 1_000, false, true), (999, false));
        assert_eq!(window(Some(-7), 0, true, true), (0, true));
    }
}
