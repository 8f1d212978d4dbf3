//! Builds and steps to cells on a squeezed time axis. Pure: no clock, no store.
//!
//! Time runs upward and all columns share it. It is cut into slices at the moments where something begins or a build ends. A slice
//! has as many rows as the fullest lane has beginnings in it, so that a build of five seconds still shows each of its steps; its
//! top row grows with the logarithm of the slice's length, so that three hours are taller than five seconds but not two thousand
//! times. Time in which nothing runs takes no space. Slices start ten seconds long; where all that is to be shown needs more rows
//! than wanted they get coarser, and only then is older time left out.
//!
//! Rows and pixels count from the bottom (the oldest moment): what is drawn already keeps its place when new rows come on top.

use super::resource::Build;
use crate::model::time::Time;
use std::ops::Range;
use std::sync::Arc;

/// Height of a row that holds one line of text, in CSS pixels.
pub const LINE_PX: u32 = 21;

/// How long a slice may be, finest first, in seconds.
const GRAINS_S: [i64; 10] = [10, 20, 60, 120, 300, 600, 1_200, 3_600, 10_800, 43_200];

/// How many of them are tried where nobody asks for a certain time: builds of one slice stand side by side whenever they ran, and
/// beyond twenty minutes that tells more wrong than older builds tell right.
const N_GRAINS_OPEN: usize = 7;

/// What part of time is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The oldest moment; none is as far as builds are given and rows suffice.
    pub first: Option<Time>,
    /// The newest moment; running builds reach up to it.
    pub last: Time,
    /// Rows at most. One slice of ten seconds is drawn whole even where it alone has more.
    pub rows_max: usize,
}

/// A Waterfall laid out: where everything stands, without a word of how it looks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waterfall {
    /// Slices of time, oldest first; slices without rows are left out.
    pub slices: Vec<Slice>,
    /// For each column that was given: its lanes. One, unless builds of the builder overlap in time.
    pub columns: Vec<Vec<Lane>>,
    /// Older builds that were given are not drawn because they need more rows.
    pub is_cut: bool,
    /// Pixels from the bottom to each row's lower edge, and to the top of the last.
    edges: Vec<u32>,
}

/// A piece of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// Its oldest moment: something begins or ends here.
    pub from: Time,
    /// Its rows.
    pub rows: Range<usize>,
    /// Seconds before it in which nothing ran; they take no space.
    pub idle_before_s: i64,
}

/// Builds of one builder that do not overlap, oldest first.
pub type Lane = Vec<Placed>;

/// A build and its boxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Its index among the column's builds as given.
    pub build: usize,
    /// From the bottom: the start box, then a box for each step. Each reaches up to the next.
    pub cells: Vec<Cell>,
    /// It began before the oldest moment shown.
    pub is_cut_below: bool,
    /// It goes on after the newest moment shown.
    pub is_cut_above: bool,
}

/// One box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The step's index in its build; none is the start box.
    pub step: Option<usize>,
    /// Its rows, at least one.
    pub rows: Range<usize>,
}

impl Placed {
    /// All its rows.
    pub fn rows(&self) -> Range<usize> {
        let (first, last) = (self.cells.first(), self.cells.last());
        first.map_or(0, |c| c.rows.start)..last.map_or(0, |c| c.rows.end)
    }
}

impl Waterfall {
    /// How many rows there are.
    pub fn n_rows(&self) -> usize {
        self.edges.len().saturating_sub(1)
    }

    /// Pixels from the bottom to the lower edge of `row`.
    pub fn edge_px(&self, row: usize) -> u32 {
        self.edges.get(row).or(self.edges.last()).copied().unwrap_or(0)
    }

    /// Height of `rows` in pixels.
    pub fn height_px(&self, rows: &Range<usize>) -> u32 {
        self.edge_px(rows.end) - self.edge_px(rows.start)
    }

    /// The oldest moment that has a row.
    pub fn first(&self) -> Option<Time> {
        self.slices.first().map(|s| s.from)
    }
}

/// Lays out `columns`: for each builder its builds, in any order. Builds outside the window are passed over. Cost: the boxes, times
/// the logarithm of their number.
pub fn lay_out(columns: &[Vec<Arc<Build>>], window: Window) -> Waterfall {
    let whole = Marks::of(columns, window.first, window.last);
    let mut longest: Option<(Time, i64)> = None;
    let grains = if window.first.is_some() { &GRAINS_S[..] } else { &GRAINS_S[..N_GRAINS_OPEN] };
    for &grain_s in grains {
        let axis = Axis::cut(&whole, grain_s);
        if axis.n_rows <= window.rows_max {
            return axis.place(&whole, columns.len());
        }
        if let Some(reach) = axis.reaches(window.rows_max, longest.is_none())
            && longest.is_none_or(|(first, _)| reach < first)
        {
            longest = Some((reach, grain_s));
        }
    }
    // Not all fits, however coarse: the grain that reaches furthest back.
    let (first, grain_s) = longest.expect("the finest grain always reaches somewhere");
    let marks = Marks::of(columns, Some(first), window.last);
    Waterfall { is_cut: true, ..Axis::cut(&marks, grain_s).place(&marks, columns.len()) }
}

/// What is drawn of one build: its beginnings in order.
struct Run {
    column: usize,
    lane: usize,
    build: usize,
    /// The start box's moment, then those of the steps that are drawn; never falling.
    begins: Vec<(Time, Option<usize>)>,
    end: Time,
    /// It reaches the top: it runs, or goes on after the window.
    is_open: bool,
    is_cut_below: bool,
    is_cut_above: bool,
}

/// Everything that begins or ends in the window.
struct Marks {
    /// By column, lane, then time.
    runs: Vec<Run>,
    /// Lanes of each column, and the first lane's number among all.
    lanes: Vec<(usize, usize)>,
    n_lanes: usize,
    /// Moments in order; `Some(lane)` is a beginning in that lane of all lanes, `None` an end.
    moments: Vec<Moment>,
}

/// A beginning or an end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    at: Time,
    /// The lane among all where a box begins; none at the end of a build.
    lane: Option<usize>,
    /// What it does to the number of running builds.
    running: i8,
}

impl Marks {
    fn of(columns: &[Vec<Arc<Build>>], first: Option<Time>, last: Time) -> Self {
        let mut runs = Vec::new();
        let mut lanes = Vec::with_capacity(columns.len());
        let mut n_lanes = 0;
        for (column, builds) in columns.iter().enumerate() {
            let mut own: Vec<Run> =
                builds.iter().enumerate().filter_map(|(i, b)| run(column, i, b, first, last)).collect();
            own.sort_by_key(|r| (r.begins[0].0, builds[r.build].started_at, builds[r.build].number));
            let in_column = share_lanes(&mut own);
            own.sort_by_key(|r| r.lane);
            runs.append(&mut own);
            lanes.push((n_lanes, in_column));
            n_lanes += in_column;
        }
        let mut moments = Vec::new();
        for r in &runs {
            let lane = Some(lanes[r.column].0 + r.lane);
            for (i, (at, _)) in r.begins.iter().enumerate() {
                moments.push(Moment { at: *at, lane, running: i8::from(i == 0) });
            }
            moments.push(Moment { at: r.end, lane: None, running: -1 });
        }
        moments.sort_by_key(|m| m.at);
        Self { runs, lanes, n_lanes, moments }
    }
}

/// What the window shows of a build, if anything.
fn run(column: usize, index: usize, build: &Build, first: Option<Time>, last: Time) -> Option<Run> {
    let oldest = first.unwrap_or(build.started_at);
    if build.started_at > last || build.finished_at.is_some_and(|end| end < oldest) || oldest > last {
        return None;
    }
    let start = build.started_at.max(oldest);
    let end = build.finished_at.unwrap_or(last).clamp(start, last);
    let mut begins = vec![(start, None)];
    let mut is_cut_above = build.finished_at.is_some_and(|f| f > last);
    for (i, step) in build.steps.iter().enumerate() {
        if step.started_at > last {
            is_cut_above = true;
            break;
        }
        let until = build.steps.get(i + 1).map_or(end, |next| next.started_at);
        if step.started_at < oldest && until <= oldest && i + 1 < build.steps.len() {
            continue;
        }
        let floor = begins.last().map_or(start, |(at, _)| *at);
        begins.push((step.started_at.clamp(floor, end.max(floor)), Some(i)));
    }
    let is_open = build.finished_at.is_none() || is_cut_above;
    Some(Run {
        column,
        lane: 0,
        build: index,
        begins,
        end: if is_open { last } else { end },
        is_open,
        is_cut_below: build.started_at < oldest,
        is_cut_above,
    })
}

/// Gives builds that overlap different lanes, as few as it takes; returns how many. `runs` are in order of their start.
fn share_lanes(runs: &mut [Run]) -> usize {
    // For each lane: until when it is taken; none is for good.
    let mut taken: Vec<Option<Time>> = Vec::new();
    for r in runs {
        let free = taken.iter().position(|until| until.is_some_and(|t| t <= r.begins[0].0));
        r.lane = free.unwrap_or(taken.len());
        if r.lane == taken.len() {
            taken.push(None);
        }
        taken[r.lane] = (!r.is_open).then_some(r.end);
    }
    taken.len().max(1)
}

/// Time cut into slices of one grain.
struct Axis {
    slices: Vec<Cut>,
    n_rows: usize,
}

/// A slice while it is made.
struct Cut {
    from: Time,
    /// Seconds of it in which something ran.
    busy_s: i64,
    base: usize,
    n_rows: usize,
    idle_before_s: i64,
}

impl Axis {
    fn cut(marks: &Marks, grain_s: i64) -> Self {
        let mut slices: Vec<Cut> = Vec::new();
        // For each lane: the slice it was last counted in, and how many boxes begin there.
        let mut counts = vec![(usize::MAX, 0_usize); marks.n_lanes];
        let mut n_running = 0_i64;
        let mut previous: Option<Time> = None;
        for moment in &marks.moments {
            let starts_new = slices.last().is_none_or(|s| (moment.at - s.from).num_seconds() >= grain_s);
            if starts_new {
                let mut idle_before_s = 0;
                if let (Some(open), Some(before)) = (slices.last_mut(), previous) {
                    let until = if n_running > 0 { moment.at } else { before };
                    open.busy_s = (until - open.from).num_seconds();
                    // Something runs on through the slice: it needs a row to be seen in.
                    open.n_rows = open.n_rows.max(usize::from(n_running > 0));
                    idle_before_s = (moment.at - until).num_seconds();
                }
                slices.push(Cut { from: moment.at, busy_s: 0, base: 0, n_rows: 0, idle_before_s });
            }
            let (index, open) = (slices.len() - 1, slices.last_mut().expect("one was just made"));
            if let Some(lane) = moment.lane {
                let count = &mut counts[lane];
                *count = if count.0 == index { (index, count.1 + 1) } else { (index, 1) };
                open.n_rows = open.n_rows.max(count.1);
            }
            n_running += i64::from(moment.running);
            previous = Some(moment.at);
        }
        if let (Some(open), Some(end)) = (slices.last_mut(), previous) {
            open.busy_s = (end - open.from).num_seconds();
        }
        let mut n_rows = 0;
        for slice in &mut slices {
            slice.base = n_rows;
            n_rows += slice.n_rows;
        }
        Self { slices, n_rows }
    }

    /// The oldest moment from which at most `rows_max` rows are needed; with `at_least_one` the newest slice, however full.
    fn reaches(&self, rows_max: usize, at_least_one: bool) -> Option<Time> {
        // Two rows are kept for what runs across the cut: a start box and the step that ran.
        let fits = |slice: &&Cut| slice.n_rows > 0 && self.n_rows - slice.base + 2 <= rows_max;
        let newest = || self.slices.iter().rfind(|s| at_least_one && s.n_rows > 0);
        self.slices.iter().find(fits).or_else(newest).map(|s| s.from)
    }

    fn place(&self, marks: &Marks, n_columns: usize) -> Waterfall {
        let mut columns: Vec<Vec<Lane>> =
            marks.lanes.iter().map(|(_, n)| vec![Lane::new(); *n]).take(n_columns).collect();
        let mut lane = (usize::MAX, 0);
        let mut cursor = Cursor::default();
        for r in &marks.runs {
            if lane != (r.column, r.lane) {
                lane = (r.column, r.lane);
                cursor = Cursor::default();
            }
            columns[r.column][r.lane].push(self.place_run(r, &mut cursor));
        }
        let mut slices = Vec::with_capacity(self.slices.len());
        let mut edges = vec![0];
        for slice in self.slices.iter().filter(|s| s.n_rows > 0) {
            let rows = slice.base..slice.base + slice.n_rows;
            let mut edge = *edges.last().expect("it starts with one");
            for row in rows.clone() {
                let is_top = row + 1 == rows.end;
                let lines = LINE_PX * (slice.n_rows as u32 - 1);
                edge += if is_top { stretched_px(slice.busy_s).saturating_sub(lines).max(LINE_PX) } else { LINE_PX };
                edges.push(edge);
            }
            slices.push(Slice { from: slice.from, rows, idle_before_s: slice.idle_before_s });
        }
        Waterfall { slices, columns, is_cut: false, edges }
    }

    /// Places one build; `cursor` stands where its lane is full to.
    fn place_run(&self, r: &Run, cursor: &mut Cursor) -> Placed {
        let begins: Vec<usize> = r.begins.iter().map(|(at, _)| cursor.next_row(self, *at)).collect();
        let end = if r.is_open { self.n_rows } else { cursor.row_at(self, r.end) };
        let cells = r
            .begins
            .iter()
            .enumerate()
            .map(|(i, (_, step))| Cell { step: *step, rows: begins[i]..begins.get(i + 1).copied().unwrap_or(end) });
        Placed { build: r.build, cells: cells.collect(), is_cut_below: r.is_cut_below, is_cut_above: r.is_cut_above }
    }
}

/// How far a lane is filled: a slice and how many boxes begin in it.
#[derive(Default)]
struct Cursor {
    slice: usize,
    n_begun: usize,
}

impl Cursor {
    /// Goes to the slice of `at`. Moments of one lane never fall.
    fn seek(&mut self, axis: &Axis, at: Time) {
        let ahead = axis.slices[self.slice..].partition_point(|s| s.from <= at);
        if ahead > 1 {
            *self = Self { slice: self.slice + ahead - 1, n_begun: 0 };
        }
    }

    /// The row up to which the lane is filled at `at`.
    fn row_at(&mut self, axis: &Axis, at: Time) -> usize {
        self.seek(axis, at);
        axis.slices[self.slice].base + self.n_begun
    }

    /// The row of a box that begins at `at`.
    fn next_row(&mut self, axis: &Axis, at: Time) -> usize {
        let row = self.row_at(axis, at);
        self.n_begun += 1;
        row
    }
}

/// How tall a slice of that many seconds is: 21 px at once, 32 for 10 s, 64 for 5 min, 100 for an hour, 117 for three.
fn stretched_px(seconds: i64) -> u32 {
    let tall = 11.0 * (1.0 + seconds.max(0) as f64 / 20.0).log2();
    LINE_PX + tall.min(200.0) as u32
}

#[cfg(test)]
#[path = "waterfall_tests.rs"]
mod tests;
