//! Lines that are found, and searches that are refused.

use super::{BATCH_BYTES_MAX, Batch, Channel, FoundLine, LINE_BYTES_MAX, LINES_MAX, LineFilter, LineFinder};
use bytes::Bytes;

/// Everything that is found when output comes in these pieces, one batch after the other.
fn found_in(want: LineFilter, pieces: &[(Channel, &[u8])]) -> Vec<FoundLine> {
    let mut finder = LineFinder::new(want).unwrap();
    let mut all = Vec::new();
    for (source, piece) in pieces {
        let mut bytes = Bytes::copy_from_slice(piece);
        while !bytes.is_empty() {
            let mut batch = Batch::default();
            finder.look(*source, &mut bytes, &mut batch);
            assert!(batch.lines.len() <= LINES_MAX && batch.bytes <= BATCH_BYTES_MAX);
            all.append(&mut batch.lines);
        }
    }
    loop {
        let mut batch = Batch::default();
        let is_more = finder.end(&mut batch);
        all.append(&mut batch.lines);
        if !is_more {
            return all;
        }
    }
}

fn texts(found: &[FoundLine]) -> Vec<(u32, &str)> {
    found.iter().map(|line| (line.number, line.text.as_str())).collect()
}

fn patterns(patterns: &[&str]) -> LineFilter {
    LineFilter::Patterns(patterns.iter().map(|p| (*p).to_owned()).collect())
}

#[test]
fn lines_are_put_together_from_pieces_and_numbered_in_their_stream() {
    let (out, err) = (Channel::Stdout, Channel::Stderr);
    let pieces: [(Channel, &[u8]); 6] =
        [(out, b"on"), (err, b"E1\nE"), (out, b"e\r\ntwo\n\nfo"), (err, b"2"), (out, b"ur"), (err, b"")];
    let found = found_in(LineFilter::All, &pieces);
    let of = |source| -> Vec<_> { found.iter().filter(|l| l.source == source).cloned().collect() };
    assert_eq!(texts(&of(out)), [(1, "one"), (2, "two"), (3, ""), (4, "four")]);
    assert_eq!(texts(&of(err)), [(1, "E1"), (2, "E2")]);
}

#[test]
fn the_first_prefix_or_pattern_that_fits_is_told_with_its_groups() {
    let text: &[u8] = b"make: x\nwarning: a\nerror: b\nnote\nmain.c:7: warning: unused\n";
    let prefixes = LineFilter::Prefixes(vec!["error: ".to_owned(), "warn".to_owned()]);
    let found = found_in(prefixes, &[(Channel::Stdout, text)]);
    assert_eq!(texts(&found), [(2, "warning: a"), (3, "error: b")]);
    assert_eq!([found[0].which, found[1].which], [1, 0]);

    let found =
        found_in(patterns(&[r"^(\S+):(\d+):(x)? (?<kind>warning)", "error", "warning"]), &[(Channel::Stdout, text)]);
    assert_eq!(texts(&found), [(2, "warning: a"), (3, "error: b"), (5, "main.c:7: warning: unused")]);
    let groups: Vec<_> = found[2].groups.iter().map(Option::as_deref).collect();
    assert_eq!(groups, [Some("main.c"), Some("7"), None, Some("warning")]);
    assert_eq!((found[2].which, found[1].which, found[0].which), (0, 1, 2));
    assert!(found[0].groups.is_empty());
}

#[test]
fn bytes_that_are_no_utf_8_are_matched_as_they_are_and_replaced() {
    let found = found_in(patterns(&[r".\xffab"]), &[(Channel::Stdout, b"x\xffab\nab\n")]);
    assert_eq!(texts(&found), [(1, "x\u{fffd}ab")]);
    let found = found_in(patterns(&["^.ä$", "(?u)^.ä$"]), &[(Channel::Stdout, "öä\n".as_bytes())]);
    assert_eq!(found[0].which, 1, "a byte is no letter, unless it is asked for");
}

#[test]
fn a_long_line_is_cut_and_what_follows_the_cut_is_not_looked_at() {
    let mut text = vec![b'a'; LINE_BYTES_MAX];
    text.extend_from_slice(b"needle\nneedle\n");
    for cut in [1, 100, LINE_BYTES_MAX, LINE_BYTES_MAX + 3, text.len()] {
        let (first, rest) = text.split_at(cut);
        let pieces = [(Channel::Stdout, first), (Channel::Stdout, rest)];
        assert_eq!(texts(&found_in(patterns(&["needle"]), &pieces)), [(2, "needle")], "cut at {cut}");
        let all = found_in(LineFilter::All, &pieces);
        assert_eq!((all.len(), all[0].text.len(), all[0].number), (2, LINE_BYTES_MAX, 1), "cut at {cut}");
    }
    // What is replaced is longer than what was there.
    let bad = [0xff; LINE_BYTES_MAX];
    assert!(found_in(LineFilter::All, &[(Channel::Stdout, &bad)])[0].text.len() <= LINE_BYTES_MAX);
}

#[test]
fn nothing_is_lost_or_told_twice_where_batches_are_full() {
    let text: String = (1..=2_500).map(|n| format!("{n}\n")).collect();
    let found = found_in(LineFilter::All, &[(Channel::Stdout, text.as_bytes())]);
    let numbers: Vec<u32> = found.iter().map(|line| line.text.parse().unwrap()).collect();
    assert_eq!(numbers, (1..=2_500).collect::<Vec<_>>());

    // Each with all its groups as large as a batch.
    let pattern = format!("^{}a*{}", "(".repeat(15), ")".repeat(15));
    let line = [vec![b'a'; LINE_BYTES_MAX], b"\n".to_vec()].concat().repeat(3);
    let found = found_in(patterns(&[&pattern]), &[(Channel::Stdout, &line)]);
    assert_eq!(found.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn what_cannot_be_looked_for_is_told_and_costs_no_memory() {
    let refused = |want| LineFinder::new(want).unwrap_err();
    assert!(refused(patterns(&["ok", "(x"])).starts_with("pattern 1 (from 0): unclosed group"));
    assert!(refused(patterns(&[r"(?=x)"])).contains("look-around"), "{}", refused(patterns(&["(?=x)"])));
    assert!(refused(patterns(&["((a{100}){100}){100}"])).contains("compiles to more than"));
    assert!(refused(patterns(&[r"\w{900}"; 100])).contains("together"), "{}", refused(patterns(&[r"\w{900}"; 100])));
    assert!(refused(patterns(&["x"; 101])).contains("101 are given"));
    assert!(refused(patterns(&[&"x".repeat(4_097)])).contains("more than 4096 bytes"));
    assert!(refused(patterns(&[&"()".repeat(16)])).contains("16 groups; at most 15"));
    assert!(refused(patterns(&[])).contains("no pattern is given"));
    assert!(refused(LineFilter::Prefixes(Vec::new())).contains("no prefix is given"));
}
