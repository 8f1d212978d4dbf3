//! Which builds a Waterfall is drawn from: newest first over all its columns, as far back as its time or its rows may reach; the
//! layout decides how many of them fit. What the board does not hold is read from the database, builder by builder, never more than
//! may be shown.

use super::board::Entry;
use super::in_force::InForce;
use super::query::Narrowing;
use super::registry::{Declared, Registry};
use super::resource::{Build, BuilderState, BuilderStatus};
use super::select::{Chosen, Selection};
use super::view::{Column, ViewPage};
use super::{Result, Status, load};
use crate::model::category;
use crate::model::id::BuilderId;
use crate::model::results::Results;
use crate::model::scope::Scope;
use crate::model::time::Time;
use crate::store::{DbConnection, builds};
use chrono::TimeDelta;
use std::sync::Arc;
use std::time::Duration;

/// Rows of time where nobody says otherwise, and at most.
const ROWS: usize = 200;
const ROWS_MAX: usize = 10_000;
/// Boxes at most, of all columns together: what 500 builders with four builds of six steps have.
const BOXES_MAX: usize = 14_000;
/// Builds that are read from the database at once for a builder, and for a whole page.
const BATCH: i64 = 32;
const READ_MAX: usize = 4_000;
/// Looks into the database for a page at most.
const ROUNDS: usize = 12;
/// A build that took longer than this and began before the window is not looked for in the database.
const LONGEST: TimeDelta = TimeDelta::days(7);

/// What a page says of itself.
pub(super) struct Frame {
    /// The view's name; none for all builders.
    pub name: Option<String>,
    /// For people.
    pub title: String,
    /// The team that declares it.
    pub team: Option<String>,
    /// Whether columns carry groups.
    pub is_grouped: bool,
    /// How far back it reaches where no argument says otherwise.
    pub window: Option<Duration>,
}

/// A column that is being filled.
struct Filling {
    status: BuilderStatus,
    group: Option<String>,
    /// Newest start first.
    builds: Vec<Arc<Build>>,
    /// Builds under this number are only in the database; none where there are none.
    horizon: Option<i64>,
    /// Builds older than the page reaches are in the database.
    has_older: bool,
}

/// A view's page for one asker.
pub(super) async fn page(
    status: &Status,
    now: &InForce,
    scope: &Scope,
    frame: Frame,
    selection: &Selection,
    narrowing: &Narrowing,
) -> Result<ViewPage> {
    let registry = now.registry.clone();
    let readable = selection.chosen.iter().filter(|chosen| {
        let declared = &registry.declared[chosen.slot];
        declared.is_readable(scope) && is_wanted(narrowing, declared)
    });
    let (entries, as_of) = {
        let board = now.board.look();
        let entries: Vec<(&Chosen, Arc<Entry>)> =
            readable.map(|chosen| (chosen, board.entries[chosen.slot].clone())).collect();
        (entries, board.as_of)
    };
    let last_time = narrowing.last_time.unwrap_or_else(|| status.now());
    let first_time = match (narrowing.first_time, narrowing.num_events, frame.window) {
        (Some(first), ..) => Some(first),
        (None, None, Some(window)) => TimeDelta::from_std(window).ok().and_then(|w| last_time.checked_sub_signed(w)),
        _ => None,
    };
    let rows = if first_time.is_some() { ROWS_MAX } else { ROWS };
    let num_events = narrowing.num_events.unwrap_or(rows).clamp(1, ROWS_MAX);
    let mut columns: Vec<Filling> = entries
        .into_iter()
        .map(|(chosen, entry)| fill(&registry.declared[chosen.slot], chosen, &entry, narrowing, last_time))
        .filter(|column| !narrowing.failures_only || fails_now(&column.status))
        .collect();
    let bounds = Bounds { first_time, last_time, num_events };
    let edge = reach_back(status, &registry, &mut columns, &bounds, narrowing).await?;
    let mut has_older = false;
    for column in &mut columns {
        let n = column.builds.len();
        column.builds.retain(|build| build.finished_at.is_none_or(|at| edge.is_none_or(|edge| at >= edge)));
        has_older |= column.builds.len() < n || column.has_older;
        column.builds.sort_by_key(|build| std::cmp::Reverse(build.number));
    }
    Ok(ViewPage {
        name: frame.name,
        title: frame.title,
        team: frame.team,
        columns: columns
            .into_iter()
            .map(|column| Column { status: column.status, group: column.group, builds: column.builds })
            .collect(),
        is_grouped: frame.is_grouped,
        first_time,
        last_time,
        num_events,
        has_older,
        as_of,
        generation: now.generation,
    })
}

/// Whether the page's arguments take this builder.
fn is_wanted(narrowing: &Narrowing, declared: &Declared) -> bool {
    let builder = &declared.builder;
    let named = |wanted: &String| match wanted.split_once('/') {
        Some((team, name)) => builder.key.team == team && builder.key.name == name,
        None => builder.key.name == *wanted,
    };
    let any_of = |wanted: &[String], fits: &dyn Fn(&String) -> bool| wanted.is_empty() || wanted.iter().any(fits);
    any_of(&narrowing.builders, &named)
        && any_of(&narrowing.categories, &|wanted| builder.categories.iter().any(|c| category::includes(wanted, c)))
}

/// Whether the page's arguments take a build of this branch. `trunk` also means none.
fn is_on_branch(narrowing: &Narrowing, build: &Build) -> bool {
    let branch = build.source_stamp.branch.as_deref();
    narrowing.branches.is_empty()
        || narrowing.branches.iter().any(|wanted| branch == Some(wanted) || (wanted == "trunk" && branch.is_none()))
}

/// Offline, last build not good, or a failed step in a running build.
fn fails_now(status: &BuilderStatus) -> bool {
    let is_bad = |results: Option<Results>| results.is_some_and(|results| !results.is_good());
    status.state == BuilderState::Offline
        || status.last.as_ref().is_some_and(|build| is_bad(build.results))
        || status.running.iter().any(|build| build.steps.iter().any(|step| is_bad(step.results)))
}

/// A column with what the board holds.
fn fill(declared: &Declared, chosen: &Chosen, entry: &Entry, narrowing: &Narrowing, last_time: Time) -> Filling {
    let mut status = entry.status(declared);
    let mut builds = entry.builds();
    if !narrowing.branches.is_empty() {
        builds.retain(|build| is_on_branch(narrowing, build));
        if status.last.as_ref().is_some_and(|last| !is_on_branch(narrowing, last)) {
            status.last = builds.iter().find(|build| build.finished_at.is_some()).cloned();
            status.last_since = status.last.as_ref().and_then(|build| build.finished_at);
        }
    }
    builds.retain(|build| build.started_at <= last_time);
    builds.sort_by_key(|build| std::cmp::Reverse((build.started_at, build.number)));
    Filling {
        status,
        group: chosen.group.as_deref().map(str::to_owned),
        builds,
        horizon: entry.horizon(),
        has_older: entry.horizon().is_some(),
    }
}

/// How far a page may reach.
struct Bounds {
    first_time: Option<Time>,
    last_time: Time,
    num_events: usize,
}

/// Reads older builds until the page is full; returns the oldest moment that it shows, or none where it shows everything.
async fn reach_back(
    status: &Status,
    registry: &Arc<Registry>,
    columns: &mut [Filling],
    bounds: &Bounds,
    narrowing: &Narrowing,
) -> Result<Option<Time>> {
    let mut n_read = 0;
    for _ in 0..ROUNDS {
        let edge = edge(columns, bounds);
        let wanted: Vec<Wanted> =
            columns.iter().enumerate().filter_map(|(column, filling)| wanted(column, filling, edge, bounds)).collect();
        if wanted.is_empty() {
            return Ok(edge);
        }
        let known = registry.clone();
        let read = status.0.store.read(move |c| read_older(c, &known, wanted, READ_MAX - n_read)).await?;
        for (column, oldest, is_last, older) in read {
            n_read += older.len();
            columns[column].horizon = Some(oldest).filter(|_| !is_last);
            columns[column].has_older = oldest > 1;
            let older = older.into_iter().filter(|build| is_on_branch(narrowing, build));
            columns[column].builds.extend(older.map(Arc::new));
        }
        if n_read >= READ_MAX {
            break;
        }
    }
    // What was read so far is shown as far as every column is known.
    let known_to = columns.iter().filter(|c| c.horizon.is_some()).filter_map(|c| c.builds.last()?.finished_at).max();
    Ok(edge(columns, bounds).max(known_to))
}

/// The oldest moment that may fit the page: its time, or where a column has more boxes than there are rows, or where all have more
/// than a page holds. How much of that fits is for the layout to say, which may draw time coarser.
fn edge(columns: &[Filling], bounds: &Bounds) -> Option<Time> {
    let end = |build: &Build| build.finished_at.unwrap_or(bounds.last_time).min(bounds.last_time);
    let mut edge = bounds.first_time;
    let mut shown: Vec<(Time, usize)> = Vec::new();
    for filling in columns {
        let mut n_boxes = 0;
        for build in &filling.builds {
            let (end, own) = (end(build), 1 + build.steps.len());
            if edge.is_some_and(|edge| end < edge) {
                continue;
            }
            n_boxes += own;
            if n_boxes > bounds.num_events && n_boxes > own {
                edge = edge.max(Some(end + TimeDelta::microseconds(1)));
                break;
            }
            shown.push((end, own));
        }
    }
    shown.retain(|(end, _)| edge.is_none_or(|edge| *end >= edge));
    if shown.iter().map(|(_, own)| own).sum::<usize>() > BOXES_MAX {
        shown.sort_unstable_by_key(|(end, _)| std::cmp::Reverse(*end));
        let mut n_boxes = 0;
        let is_over = |(_, own): &&(Time, usize)| {
            n_boxes += own;
            n_boxes > BOXES_MAX && n_boxes > *own
        };
        let over = shown.iter().find(is_over).map(|(end, _)| *end + TimeDelta::microseconds(1));
        edge = edge.max(over);
    }
    edge
}

/// What a column wants from the database.
struct Wanted {
    column: usize,
    builder: BuilderId,
    from: Option<Time>,
    to: Time,
    before: i64,
}

/// Whether builds that only the database holds may belong on the page, and which.
fn wanted(column: usize, filling: &Filling, edge: Option<Time>, bounds: &Bounds) -> Option<Wanted> {
    let before = filling.horizon?;
    let oldest = filling.builds.iter().map(|build| build.started_at).min();
    if oldest.is_some_and(|oldest| edge.is_some_and(|edge| oldest < edge)) {
        return None;
    }
    let from = edge.or(bounds.first_time).and_then(|first| first.checked_sub_signed(LONGEST));
    let to = oldest.unwrap_or(bounds.last_time).min(bounds.last_time);
    Some(Wanted { column, builder: filling.status.builder.id, from, to, before })
}

/// The next older builds of each column, the lowest number seen, and whether no more of them belong on the page.
type Older = Vec<(usize, i64, bool, Vec<Build>)>;

/// Reads `max` builds at most, shared out among the columns; those whose oldest known build is the newest come first, because the
/// page reaches no further back than the least known of them.
fn read_older(c: &mut DbConnection, registry: &Registry, mut wanted: Vec<Wanted>, max: usize) -> Result<Older> {
    let mut older = Vec::with_capacity(wanted.len());
    let batch = i64::try_from(max / wanted.len().max(1)).unwrap_or(BATCH).clamp(1, BATCH);
    wanted.sort_by_key(|wanted| std::cmp::Reverse(wanted.to));
    let mut n_left = i64::try_from(max).unwrap_or(i64::MAX);
    for Wanted { column, builder, from, to, before } in wanted {
        let limit = batch.min(n_left);
        if limit == 0 {
            break;
        }
        let rows = builds::list_started(c, builder, from, to, before, limit)?;
        n_left -= rows.len() as i64;
        let oldest = rows.iter().map(|row| row.number).min().unwrap_or(before);
        let is_last = (rows.len() as i64) < limit || oldest <= 1;
        older.push((column, oldest, is_last, load::builds(c, registry, rows)?));
    }
    Ok(older)
}

#[cfg(test)]
mod tests {
    use super::{READ_MAX, Registry, Result, Wanted, read_older};
    use crate::model::name::BuilderKey;
    use crate::model::source_stamp::SourceStamp;
    use crate::model::time::Time;
    use crate::store::{DbConnection, Store, build_requests, builders, builds, buildsets, source_stamps};
    use chrono::TimeDelta;

    /// A builder with `n` builds, one a minute up to `newest`, and what a page wants of it.
    fn wanted(c: &mut DbConnection, column: usize, n: i64, newest: Time) -> Result<Wanted> {
        let builder = builders::insert(c, &BuilderKey::new("t", column.to_string()), newest)?;
        let stamp = source_stamps::insert(c, &SourceStamp::default())?;
        let buildset = buildsets::insert(c, stamp, "", None, newest)?;
        let request = build_requests::insert(c, buildset, builder, 0, newest)?;
        for number in 1..=n {
            let at = newest - TimeDelta::minutes(n - number);
            let (worker, summary) = ("w", "");
            let new = builds::NewBuild { builder, number, request, buildset, worker, at, summary, expected_s: None };
            builds::insert(c, &new)?;
        }
        Ok(Wanted { column, builder, from: None, to: newest, before: i64::MAX })
    }

    #[tokio::test]
    async fn a_round_reads_no_more_builds_than_a_page_may_and_the_newest_columns_first() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", dir.path().join("weir.db").display())).unwrap();
        let noon: Time = "2026-11-22T12:00:00Z".parse().unwrap();
        let read = move |c: &mut DbConnection| {
            let hours = (0_i64..).map(|hour| noon + TimeDelta::hours(hour));
            let mut read = |n_columns: usize, max: usize| {
                let wanted: Result<Vec<Wanted>> = hours
                    .clone()
                    .take(n_columns)
                    .enumerate()
                    .map(|(i, at)| wanted(c, n_columns * 100 + i, 40, at))
                    .collect();
                let older = read_older(c, &Registry::of(vec![]), wanted?, max)?;
                let columns: Vec<usize> = older.iter().map(|(column, ..)| column - n_columns * 100).collect();
                let n: Vec<usize> = older.iter().map(|(.., builds)| builds.len()).collect();
                Ok::<_, crate::status::Error>((columns, n))
            };
            Ok::<_, crate::status::Error>([read(3, READ_MAX)?, read(4, 40)?, read(5, 3)?])
        };
        let [all, shared, few] = store.write(read).await.unwrap();
        assert_eq!(all, (vec![2, 1, 0], vec![32, 32, 32]));
        assert_eq!(shared, (vec![3, 2, 1, 0], vec![10, 10, 10, 10]));
        assert_eq!(few, (vec![4, 3, 2], vec![1, 1, 1]));
    }
}
