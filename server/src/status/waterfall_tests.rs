//! Rules of the Waterfall's layout, by example and by property.

use super::*;
use crate::model::id::{BuildId, BuildRequestId, BuilderId, StepId};
use crate::model::name::BuilderKey;
use crate::model::results::Results;
use crate::model::source_stamp::SourceStamp;
use proptest::prelude::*;

fn at(s: i64) -> Time {
    Time::from_timestamp(1_000_000 + s, 0).unwrap()
}

/// A build from `start` whose steps take `steps` seconds each; it runs where `is_running`.
fn build(number: i64, start: i64, steps: &[i64], is_running: bool) -> Arc<Build> {
    let mut t = start;
    let mut made = Vec::new();
    for (i, s) in steps.iter().enumerate() {
        let open = is_running && i + 1 == steps.len();
        made.push(crate::status::resource::Step {
            id: StepId(i as i64),
            number: i as i32,
            name: format!("s{i}"),
            started_at: at(t),
            finished_at: (!open).then(|| at(t + s)),
            results: (!open).then_some(Results::Success),
            summary: String::new(),
            tests: crate::status::resource::TestTotals::default(),
            urls: vec![],
            logs: vec![],
        });
        t += s;
    }
    Arc::new(Build {
        id: BuildId(number),
        builder_id: BuilderId(1),
        builder: BuilderKey::new("t", "b"),
        number,
        request_id: BuildRequestId(number),
        worker: "w".into(),
        reason: String::new(),
        owner: None,
        source_stamp: SourceStamp::default(),
        got_revision: None,
        started_at: at(start),
        finished_at: (!is_running).then(|| at(t)),
        results: (!is_running).then_some(Results::Success),
        summary: String::new(),
        expected_s: None,
        steps: made,
    })
}

fn window(last: i64) -> Window {
    Window { first: None, last: at(last), rows_max: 200 }
}

/// Each build as `#number: rows of start, rows of steps`, with `<` and `>` where it is cut.
fn text(w: &Waterfall, columns: &[Vec<Arc<Build>>]) -> String {
    let mut out = String::new();
    for (c, lanes) in w.columns.iter().enumerate() {
        for (l, lane) in lanes.iter().enumerate() {
            for p in lane {
                let rows: Vec<_> = p.cells.iter().map(|c| format!("{:?}", c.rows)).collect();
                let cut = (if p.is_cut_below { "<" } else { "" }, if p.is_cut_above { ">" } else { "" });
                let number = columns[c][p.build].number;
                out += &format!("{c}.{l} {}#{number}{} {}\n", cut.0, cut.1, rows.join(" "));
            }
        }
    }
    out
}

#[test]
fn a_short_build_shows_each_step_and_a_long_one_is_taller_but_not_by_much() {
    let columns = vec![vec![build(1, 0, &[1, 1, 3], false)], vec![build(1, 0, &[1, 10_799], false)]];
    let w = lay_out(&columns, window(20_000));
    expect_test::expect![[r"
        0.0 #1 0..1 1..2 2..3 3..4
        1.0 #1 0..1 1..2 2..4
    "]]
    .assert_eq(&text(&w, &columns));
    let (short, long) = (w.height_px(&w.columns[0][0][0].rows()), w.height_px(&w.columns[1][0][0].rows()));
    assert!(short >= 4 * LINE_PX && long < 10 * LINE_PX, "{short} {long}");
}

#[test]
fn idle_time_takes_no_space_and_is_told() {
    let columns = vec![vec![build(1, 0, &[5], false), build(2, 90_000, &[5], false)]];
    let w = lay_out(&columns, window(100_000));
    assert_eq!(w.n_rows(), 4);
    assert_eq!(w.slices.iter().map(|s| s.idle_before_s).collect::<Vec<_>>(), [0, 89_995]);
}

#[test]
fn a_running_step_reaches_to_now() {
    let columns = vec![vec![build(1, 0, &[30, 30], true)], vec![build(1, 395, &[1, 1, 1], false)]];
    let w = lay_out(&columns, window(400));
    assert_eq!(w.columns[0][0][0].cells.last().unwrap().rows.end, w.n_rows());
}

#[test]
fn builds_of_one_builder_that_overlap_stand_side_by_side() {
    let columns = vec![vec![build(3, 200, &[10], false), build(2, 50, &[100], false), build(1, 0, &[100], false)]];
    let w = lay_out(&columns, window(400));
    assert_eq!(w.columns[0].iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn a_build_across_the_windows_edge_is_clipped_and_says_so() {
    let columns = vec![vec![build(1, 0, &[50, 100], false), build(2, 200, &[50, 50], false)]];
    let w = lay_out(&columns, Window { first: Some(at(100)), ..window(220) });
    expect_test::expect![[r"
        0.0 <#1 0..1 1..2
        0.0 #2> 2..3 3..4
    "]]
    .assert_eq(&text(&w, &columns));
    assert!(!w.is_cut);
}

#[test]
fn where_rows_are_few_the_grain_gets_coarser_before_anything_is_left_out() {
    let columns: Vec<_> = (0..50).map(|i| vec![build(1, i * 60, &[20, 20], false)]).collect();
    let fine = lay_out(&columns, window(4_000));
    let coarse = lay_out(&columns, Window { rows_max: 40, ..window(4_000) });
    assert!(fine.n_rows() > 100 && coarse.n_rows() <= 40, "{} {}", fine.n_rows(), coarse.n_rows());
    assert!(!coarse.is_cut);
    let cut = lay_out(
        &[(0..50).map(|i| build(i, i * 60, &[20, 20], false)).collect()],
        Window { rows_max: 40, ..window(4_000) },
    );
    assert!(cut.is_cut && cut.n_rows() <= 40 && cut.n_rows() > 20, "{}", cut.n_rows());
}

#[test]
fn nothing_to_show_is_nothing() {
    let w = lay_out(&[vec![], vec![build(1, 500, &[1], false)]], window(400));
    assert_eq!((w.n_rows(), w.slices.len(), w.columns.len()), (0, 0, 2));
    assert_eq!(lay_out(&[], window(0)).n_rows(), 0);
}

prop_compose! {
    fn builds()(
        specs in prop::collection::vec((0_i64..20_000, prop::collection::vec(0_i64..900, 0..6), prop::bool::weighted(0.1)), 0..8)
    ) -> Vec<Arc<Build>> {
        let running = |i: usize, wanted: bool, steps: &[i64]| wanted && i.is_multiple_of(3) && !steps.is_empty();
        specs.iter().enumerate().map(|(i, (start, steps, r))| build(i as i64 + 1, *start, steps, running(i, *r, steps))).collect()
    }
}

proptest! {
    #[test]
    fn layout_keeps_its_promises(
        columns in prop::collection::vec(builds(), 0..6),
        first in prop::option::of(0_i64..15_000),
        last in 5_000_i64..30_000,
        rows_max in 10_usize..120,
    ) {
        let window = Window { first: first.map(at), last: at(last), rows_max };
        let w = lay_out(&columns, window);
        prop_assert_eq!(&w, &lay_out(&columns, window), "deterministic");
        let fullest = columns.iter().flatten().map(|b| b.steps.len() + 1).sum::<usize>();
        prop_assert!(w.n_rows() <= rows_max.max(fullest) + 2, "rows are bounded");
        prop_assert_eq!(w.columns.len(), columns.len());
        for (lanes, builds) in w.columns.iter().zip(&columns) {
            let mut seen: Vec<usize> = lanes.iter().flatten().map(|p| p.build).collect();
            seen.sort_unstable();
            let in_window: Vec<usize> = (0..builds.len()).filter(|i| {
                let b = &builds[*i];
                b.started_at <= window.last && b.finished_at.is_none_or(|f| window.first.is_none_or(|o| f >= o))
                    && window.first.is_none_or(|o| o <= window.last)
            }).collect();
            if w.is_cut {
                prop_assert!(seen.iter().all(|i| in_window.contains(i)));
                prop_assert!(seen.windows(2).all(|s| s[0] != s[1]));
            } else {
                prop_assert_eq!(&seen, &in_window, "each build of the window once");
            }
            for lane in lanes {
                let mut filled = 0;
                for p in lane {
                    prop_assert!(p.cells[0].step.is_none(), "a start box first");
                    for cell in &p.cells {
                        prop_assert!(cell.rows.start >= filled, "no overlap, in order");
                        prop_assert!(cell.rows.end > cell.rows.start && cell.rows.end <= w.n_rows());
                        filled = cell.rows.end;
                    }
                    let steps: Vec<_> = p.cells.iter().filter_map(|c| c.step).collect();
                    prop_assert!(steps.windows(2).all(|s| s[0] < s[1]), "steps in order");
                    if !p.is_cut_below && !p.is_cut_above {
                        prop_assert_eq!(steps.len(), builds[p.build].steps.len(), "all steps of a whole build");
                    }
                    prop_assert!(p.cells.windows(2).all(|c| c[0].rows.end == c[1].rows.start), "each reaches the next");
                }
            }
        }
        prop_assert!(w.slices.windows(2).all(|s| s[0].from < s[1].from && s[0].rows.end == s[1].rows.start));
    }

    #[test]
    fn order_in_time_is_order_on_the_page(columns in prop::collection::vec(builds(), 2..5)) {
        let w = lay_out(&columns, Window { first: None, last: at(30_000), rows_max: 300 });
        let starts: Vec<(Time, usize)> = w.columns.iter().zip(&columns).flat_map(|(lanes, builds)| {
            lanes.iter().flatten().map(|p| (builds[p.build].started_at, p.cells[0].rows.start)).collect::<Vec<_>>()
        }).collect();
        for (t, row) in &starts {
            let slice = w.slices.iter().rfind(|s| s.from <= *t).expect("a slice for each start");
            prop_assert!(slice.rows.contains(row), "a box stands in the slice of its moment");
        }
    }
}
