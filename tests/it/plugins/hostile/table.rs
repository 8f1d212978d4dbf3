//! `docs/hostile-plugins.md` held against the tests: each row has some, each is there, and each that names a row stands in it.

use std::collections::{BTreeMap, BTreeSet};
use weir_tests::source::{Source, read, root};

/// The rows of the table.
const ROWS: u32 = 48;
/// Rows whose capability is still being made.
const PENDING: [u32; 0] = [];

/// Tests by row, as the document has them.
fn rows(document: &str) -> BTreeMap<u32, BTreeSet<String>> {
    let lines = document.lines().filter_map(|line| line.strip_prefix("| "));
    let rows = lines.filter_map(|line| {
        let cells: Vec<&str> = line.trim_end_matches(" |").split(" | ").collect();
        let row = cells.first()?.parse().ok()?;
        let tests = cells.last()?.split_whitespace().map(|name| name.trim_matches('`'));
        Some((row, tests.filter(|name| *name != "—").map(str::to_owned).collect()))
    });
    rows.collect()
}

/// Every test of plugins by name, with the rows that its comment names.
fn tests(files: &[Source]) -> BTreeMap<String, BTreeSet<u32>> {
    let test = regex::Regex::new(
        r"((?: *///.*\n)*) *#\[(?:tokio::|actix_web::)?test[^\n]*\]\n(?: *#\[[^\n]*\n)* *(?:async )?fn (\w+)",
    )
    .unwrap();
    let mut found = BTreeMap::new();
    for file in files {
        for captures in test.captures_iter(&file.text) {
            found.insert(captures[2].to_owned(), named_rows(&captures[1]));
        }
    }
    found
}

/// `/// Rows 1, 3 and 5: why.` names three.
fn named_rows(comment: &str) -> BTreeSet<u32> {
    let said = comment.lines().map(|line| line.trim_start().trim_start_matches("///").trim_start());
    let said = said.filter(|line| line.starts_with("Row ") || line.starts_with("Rows "));
    let words = said.flat_map(|line| line.split(':').next().unwrap_or_default().split(|c: char| !c.is_ascii_digit()));
    words.filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn the_table_of_hostile_plugins_and_the_tests_agree() {
    let document = std::fs::read_to_string(root().join("docs/hostile-plugins.md")).unwrap();
    let files: Vec<Source> = ["tests/it/plugins", "server/src/plugins", "server/src/config"]
        .iter()
        .flat_map(|folder| read(folder, &[".rs"]))
        .collect();
    let (rows, tests) = (rows(&document), tests(&files));
    let mut wrong = Vec::new();
    for row in 1..=ROWS {
        match rows.get(&row) {
            None => wrong.push(format!("row {row} is not there")),
            Some(names) if names.is_empty() && !PENDING.contains(&row) => wrong.push(format!("row {row} has no test")),
            Some(names) => {
                wrong.extend(
                    names
                        .iter()
                        .filter(|n| !tests.contains_key(*n))
                        .map(|n| format!("row {row}: there is no test `{n}`")),
                );
            }
        }
    }
    for (name, named) in &tests {
        let missing = named.iter().filter(|row| !rows.get(row).is_some_and(|names| names.contains(name)));
        wrong.extend(missing.map(|row| format!("row {row} does not list `{name}`, which names it")));
    }
    assert!(wrong.is_empty(), "docs/hostile-plugins.md:\n{}", wrong.join("\n"));
}

#[test]
fn a_row_and_the_comment_of_a_test_are_read() {
    let row = rows("| 7 | Grows | `a` | `one_test` `other_test` |\n| 8 | x | y | — |\n| # | no | no | row |");
    assert_eq!(row[&7], BTreeSet::from(["one_test".to_owned(), "other_test".to_owned()]));
    assert!(row[&8].is_empty() && row.len() == 2);
    let text =
        "//! x\n/// Rows 1, 3 and 15: because of 9.\n#[tokio::test]\nasync fn one_test() {}\n#[test]\nfn none() {}\n";
    let found = tests(&[Source::new("tests/it/a.rs", text)]);
    assert_eq!(found["one_test"], BTreeSet::from([1, 3, 15]));
    assert!(found["none"].is_empty());
}
