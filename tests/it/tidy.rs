//! The law of the house, kept by machine (`STYLE.md` and `ARCHITECTURE.md` say why). Each rule is a function from a file to
//! what is wrong with it, and is itself seen to find what it is for.

use regex::Regex;
use std::collections::{BTreeSet, HashMap};
use std::sync::{LazyLock, Mutex};
use weir_tests::source::{Source, read, root};

/// Where a module of the server may look besides itself. Everything may look at `BASE`.
const IMPORTS: [(&str, &[&str]); 18] = [
    ("model", &[]),
    ("clock", &[]),
    ("shutdown", &[]),
    ("nice", &[]),
    ("memory", &[]),
    ("open_files", &[]),
    ("outbound", &[]),
    ("config", &[]),
    ("store", &[]),
    ("status", &["config", "store"]),
    ("render", &["config", "status"]),
    ("worker", &["config"]),
    // Links to triggered builds stand beside a step, and every link is made in one file.
    ("engine", &["config", "status", "worker", "render::links"]),
    ("delivery", &["config", "status", "render"]),
    ("plugins", &["config", "status", "worker", "engine::step", "delivery::reporter", "outbound"]),
    ("web", &["config", "status", "render", "outbound"]),
    ("app", &["*"]),
    ("cli", &["*"]),
];
/// What nobody needs to be allowed.
const BASE: [&str; 5] = ["clock", "model", "nice", "open_files", "shutdown"];

/// Libraries that one module owns alone; entries with `.rs` are single files.
const OWNERS: [(&str, &[&str]); 16] = [
    // `model` derives diesel's mapping on enums and ids: the table below says that this is all it does.
    ("diesel", &["store", "model"]),
    ("diesel_migrations", &["store"]),
    ("wasmtime", &["plugins"]),
    ("wasmtime_wasi", &["plugins"]),
    ("wasmparser", &["plugins"]),
    ("actix_web", &["web"]),
    ("jsonwebtoken", &["web"]),
    ("openidconnect", &["web"]),
    ("figment", &["config"]),
    ("toml_edit", &["config"]),
    ("saphyr_parser", &["config"]),
    ("jsonc_parser", &["config"]),
    ("handlebars", &["render", "engine/interpolate.rs"]),
    ("clap", &["cli", "main"]),
    ("mimalloc", &["main"]),
    ("libmimalloc_sys", &["memory"]),
];

/// Of code, style sheets, scripts and templates.
const LINES_MAX: usize = 500;

/// Each is compiled once: a rule asks for its pattern again for each file.
fn pattern(text: &str) -> Regex {
    static COMPILED: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock().expect("no rule panics here");
    compiled.entry(text.to_owned()).or_insert_with(|| Regex::new(text).expect("a rule's pattern is one")).clone()
}

/// `path:line: what`, for each finding.
fn findings<'a>(file: &'a Source, regex: &'a Regex, why: &'a str) -> impl Iterator<Item = String> + 'a {
    file.lines_with(regex).map(move |(line, text)| format!("{}:{line}: {why}: {text}", file.path))
}

/// Fails with all of them at once.
fn none(findings: impl IntoIterator<Item = String>) {
    let findings: Vec<String> = findings.into_iter().collect();
    assert!(findings.is_empty(), "{} against the law:\n{}", findings.len(), findings.join("\n"));
}

fn server() -> Vec<Source> {
    let files = read("server/src", &[".rs"]);
    assert!(files.len() > 50, "the server's source is where it was");
    files
}

fn rust() -> Vec<Source> {
    ["server", "plugin-sdk", "plugin-build", "plugins", "tests", "xtask"]
        .iter()
        .flat_map(|folder| read(folder, &[".rs"]))
        .collect()
}

/// Rust that ships: no tests, no harness.
fn shipped() -> Vec<Source> {
    rust().into_iter().filter(|file| !file.is_test).collect()
}

// ---------------------------------------------------------------- who may import whom

/// Modules at the crate's root that a file names, with the line and, for one level more, what it takes from there.
fn imports(file: &Source) -> Vec<(usize, String)> {
    // `use crate::{a, b::c}` is spelt out by its own rule, so a path follows `crate::` wherever it stands.
    let direct = pattern(r"\bcrate::((?:r#)?[a-z_]+(?:::[a-z_]+)?)");
    let upwards = pattern(r"\b((?:super::)+)([a-z_]+(?:::[a-z_]+)?)");
    let depth = file.modules().len();
    let mut found = Vec::new();
    for (index, line) in file.code.lines().enumerate() {
        found.extend(direct.captures_iter(line).map(|c| (index + 1, c[1].to_owned())));
        let beyond = upwards.captures_iter(line).filter(|c| c[1].matches("super").count() >= depth);
        found.extend(beyond.map(|c| (index + 1, c[2].to_owned())));
    }
    found
}

fn forbidden_imports(file: &Source) -> Vec<String> {
    let modules = file.modules();
    let Some(home) = modules.first() else { return Vec::new() };
    let Some((_, allowed)) = IMPORTS.iter().find(|(module, _)| module == home) else {
        return vec![format!("{}: `{home}` has no row in the import table of tests/it/tidy.rs", file.path)];
    };
    let may = |path: &str| {
        let top = path.split("::").next().expect("a path begins");
        top == *home || BASE.contains(&top) || allowed.iter().any(|a| *a == "*" || *a == top || path.starts_with(a))
    };
    let wrong = imports(file).into_iter().filter(|(_, path)| !may(path));
    wrong.map(|(line, path)| format!("{}:{line}: `{home}` may not import `{path}`", file.path)).collect()
}

fn grouped_crate_import(file: &Source) -> Vec<String> {
    findings(file, &pattern(r"\bcrate::\{"), "one `use` a module, so that the import table can be read").collect()
}

#[test]
fn imports_point_left() {
    none(server().iter().flat_map(|file| forbidden_imports(file).into_iter().chain(grouped_crate_import(file))));
}

#[test]
fn an_import_against_the_table_is_found() {
    let engine =
        Source::new("server/src/engine/build.rs", "//! x\nuse crate::store::builds;\nuse crate::model::id::BuildId;\n");
    assert_eq!(forbidden_imports(&engine), ["server/src/engine/build.rs:2: `engine` may not import `store::builds`"]);
    let web = Source::new("server/src/web/pages/mod.rs", "//! x\nfn f() { super::super::store::open() }\n");
    assert_eq!(forbidden_imports(&web).len(), 1);
    let plugins = Source::new(
        "server/src/plugins/as_step.rs",
        "//! x\nuse crate::engine::step::StepEnd;\nuse crate::engine::build;\n",
    );
    assert_eq!(forbidden_imports(&plugins).len(), 1);
    assert_eq!(forbidden_imports(&Source::new("server/src/misc/mod.rs", "//! x\n")).len(), 1);
    assert_eq!(grouped_crate_import(&Source::new("server/src/a.rs", "use crate::{model, store};\n")).len(), 1);
}

// ---------------------------------------------------------------- who owns which library

fn borrowed_libraries(file: &Source) -> Vec<String> {
    let modules = file.modules();
    let home = modules.first().copied().unwrap_or("main");
    let strangers = OWNERS.iter().filter(|(_, owners)| {
        !owners.iter().any(|owner| *owner == home || file.path.ends_with(&format!("src/{owner}")))
    });
    strangers
        .flat_map(|(library, owners)| {
            let named = pattern(&format!(r"(?:^|[^\w:]){library}::|\buse {library}\b"));
            let why = format!("`{library}` belongs to {} alone", owners.join(" and "));
            findings(file, &named, &why).collect::<Vec<_>>()
        })
        .collect()
}

/// Of diesel, `model` has the mapping derives and nothing else.
fn queries_in_model(file: &Source) -> Vec<String> {
    let used = pattern(r"\bdiesel\b");
    let derived = pattern(
        r"derive\(|#\[diesel\(|^use diesel::(deserialize|serialize|expression|sql_types|backend|FromSqlRow|AsExpression)|impl.*(ToSql|FromSql)|-> diesel::(de)?serialize::Result",
    );
    let lines = file.lines_with(&used).filter(|(_, line)| !derived.is_match(line));
    lines
        .map(|(line, text)| format!("{}:{line}: `model` maps to the database and asks it nothing: {text}", file.path))
        .collect()
}

#[test]
fn each_library_stays_with_its_owner() {
    let files = server();
    none(files.iter().flat_map(borrowed_libraries));
    none(files.iter().filter(|file| file.path.starts_with("server/src/model/")).flat_map(queries_in_model));
}

#[test]
fn a_borrowed_library_is_found() {
    let file = Source::new(
        "server/src/engine/build.rs",
        "//! x\nuse diesel::prelude::*;\nlet e = wasmtime::Engine::default();\n",
    );
    assert_eq!(borrowed_libraries(&file).len(), 2);
    let helper = Source::new("server/src/engine/interpolate.rs", "//! x\nuse handlebars::Handlebars;\n");
    assert_eq!(borrowed_libraries(&helper), Vec::<String>::new());
    let model = Source::new(
        "server/src/model/id.rs",
        "//! x\n#[derive(diesel::AsExpression)]\nlet c = diesel::SqliteConnection::new();\n",
    );
    assert_eq!(queries_in_model(&model).len(), 1);
}

// ---------------------------------------------------------------- the host knows no tool

/// A literal that names a bundled plugin, or its file. A word that is also something else is excused by its line.
fn tool_names(file: &Source, plugins: &BTreeSet<String>) -> Vec<String> {
    let named = file.strings.iter().filter(|(_, text)| {
        let name = text.strip_suffix(".wasm").unwrap_or(text);
        plugins.contains(name)
    });
    // The configuration of a team may lie in a repository, which the server itself fetches: the program and the scheme, not the plugin.
    let is_fetching = ["server/src/config/fetched.rs", "server/src/config/repository.rs"].contains(&file.path.as_str());
    let lines: Vec<&str> = file.text.lines().collect();
    // JSON Schema's `format` of a setting that is a line for the shell: a kind of text, not the plugin.
    let is_format = |line: usize| lines.get(line - 1).is_some_and(|line| line.to_lowercase().contains("format"));
    let words = words_of_the_contract();
    let named = named.filter(|(line, text)| {
        !(words.contains(text) || text == "shell" && is_format(*line) || text == "git" && is_fetching)
    });
    named.map(|(line, text)| format!("{}:{line}: the host knows no tool, and \"{text}\" is one", file.path)).collect()
}

/// What the contract itself names: its interfaces and records, and results. A plugin that does nothing else may be called the same (`trigger`,
/// `warnings`), and then the word alone tells nothing; its file does.
fn words_of_the_contract() -> BTreeSet<String> {
    let contract = std::fs::read_to_string(root().join("plugin-sdk/wit/imports.wit")).expect("the contract is there");
    let named = |line: &'_ str| {
        let line = line.trim_start();
        let rest = line.strip_prefix("interface ").or_else(|| line.strip_prefix("record "));
        rest?.strip_suffix(" {").map(str::to_owned)
    };
    let interfaces = contract.lines().filter_map(named);
    let results = weir::model::results::Results::ALL.into_iter().map(|results| results.word());
    let words: BTreeSet<String> = interfaces.chain(results.map(str::to_owned)).collect();
    assert!(words.contains("command") && words.contains("warnings"), "the contract is written as it was");
    words
}

fn bundled_plugins() -> BTreeSet<String> {
    let folders = std::fs::read_dir(root().join("plugins")).expect("plugins/ is there").flatten();
    let folders = folders.filter(|entry| entry.path().is_dir());
    let names: BTreeSet<String> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert!(names.contains("git"), "the bundled plugins are where they were");
    names
}

#[test]
fn the_host_knows_no_tool() {
    let plugins = bundled_plugins();
    none(server().iter().filter(|file| !file.is_test).flat_map(|file| tool_names(file, &plugins)));
}

#[test]
fn a_tool_named_in_the_host_is_found() {
    let text = "//! git\nlet a = \"git\";\nlet b = \"shell.wasm\";\nlet is_format = format == \"shell\";\n// \"git\"\nlet file = \"trigger.wasm\";\n\"trigger\";\n";
    assert_eq!(tool_names(&Source::new("server/src/plugins/a.rs", text), &bundled_plugins()).len(), 3);
}

// ---------------------------------------------------------------- rights are checked in one place

/// `web/auth/` makes a scope of claims, so it knows roles; `web/routes.rs` says which right a route needs. Everything else in
/// `web/` hands the scope on.
fn role_checks(file: &Source) -> Vec<String> {
    let asks = file.path.starts_with("server/src/web/");
    let may = file.path.starts_with("server/src/web/auth/") || file.path == "server/src/web/routes.rs";
    if !asks || may {
        return Vec::new();
    }
    findings(file, &pattern(r"\b(Role|Right)\b"), "rights are checked in `status`, not in a handler").collect()
}

#[test]
fn no_handler_checks_a_role() {
    none(server().iter().flat_map(role_checks));
}

#[test]
fn a_role_check_in_a_handler_is_found() {
    let text = "//! x\nif role < Role::Admin { return forbidden() }\n";
    assert_eq!(role_checks(&Source::new("server/src/web/pages/team.rs", text)).len(), 1);
    assert_eq!(role_checks(&Source::new("server/src/web/auth/claims.rs", text)).len(), 0);
}

// ---------------------------------------------------------------- each file

fn missing_caption(file: &Source) -> Option<String> {
    (!file.text.starts_with("//! "))
        .then(|| format!("{}:1: the first line says what the file is for: `//! ...`", file.path))
}

fn too_long(file: &Source) -> Option<String> {
    let n_lines = file.text.lines().count();
    (n_lines > LINES_MAX).then(|| format!("{}: {n_lines} lines: is it one thing?", file.path))
}

#[test]
fn every_file_says_what_it_is_for_and_is_not_too_long() {
    let files = rust();
    none(files.iter().filter_map(missing_caption));
    let others = read("views", &[".hbs", ".css", ".js"]);
    none(files.iter().chain(&others).filter_map(too_long));
}

#[test]
fn a_file_without_caption_or_end_is_found() {
    assert!(missing_caption(&Source::new("server/src/a.rs", "use std::fmt;\n")).is_some());
    assert!(too_long(&Source::new("server/src/a.rs", &"//! x\n".repeat(LINES_MAX + 1))).is_some());
}

/// What does not belong into code that ships, and why.
fn forbidden_words(file: &Source) -> Vec<String> {
    let rules = [
        (r"\.unwrap\(\)", "say with `expect` which invariant holds"),
        (r"\b(todo|unimplemented|dbg)!", "unfinished work is not landed"),
        (r"#!?\[allow\b", "`#[expect(..., reason = \"...\")]` goes away with its reason"),
    ];
    rules.iter().flat_map(|(words, why)| findings(file, &pattern(words), why).collect::<Vec<_>>()).collect()
}

#[test]
fn what_ships_is_finished() {
    none(shipped().iter().flat_map(forbidden_words));
}

#[test]
fn unfinished_code_is_found() {
    let text = "//! x\nx.unwrap();\ntodo!()\n#[allow(dead_code)]\nx.expect(\"y\")\n// todo!()\n";
    assert_eq!(forbidden_words(&Source::new("server/src/a.rs", text)).len(), 3);
}

/// A note of unfinished work in any kind of file.
fn notes(file: &Source) -> Vec<String> {
    let note = pattern(&format!(r"\b({}|{}|{})\b", concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")));
    let lines = file.text.lines().enumerate().filter(|(_, line)| note.is_match(line));
    lines
        .map(|(index, line)| format!("{}:{}: do it or make it an issue: {}", file.path, index + 1, line.trim()))
        .collect()
}

#[test]
fn nothing_is_left_for_later() {
    let folders = ["server", "plugin-sdk", "plugins", "tests", "xtask", "views", "migrations", "deploy"];
    let endings = [".rs", ".hbs", ".css", ".js", ".toml", ".sql", ".wit", ".md"];
    none(folders.iter().flat_map(|folder| read(folder, &endings)).flat_map(|file| notes(&file)));
}

#[test]
fn a_note_of_unfinished_work_is_found() {
    assert_eq!(notes(&Source::new("views/a.css", concat!("/* TO", "DO: colours */\n"))).len(), 1);
}

/// Tests that time itself is part of, each with how.
const LETS_TIME_PASS: [(&str, &str); 3] = [
    ("tests/plugins/bench/src/lib.rs", "a guest that waits is what is measured"),
    ("tests/it/worker/command.rs", "an idle timeout may not run while it is the log that is slow"),
    ("tests/it/crash.rs", "the server is killed at random moments, and the clients work on until then"),
];

/// A test that waits for time to pass is slow where it holds and wrong where it does not.
fn sleeps(file: &Source) -> Vec<String> {
    if LETS_TIME_PASS.iter().any(|(path, _)| *path == file.path) {
        return Vec::new();
    }
    findings(file, &pattern(r"\bsleep(_until)?\("), "wait for what happens, not for time to pass").collect()
}

#[test]
fn no_test_sleeps() {
    none(read("tests", &[".rs"]).iter().flat_map(sleeps));
}

#[test]
fn a_test_that_sleeps_is_found() {
    let text = "//! x\ntokio::time::sleep(d).await;\nlet command = \"sleep 60\";\n";
    assert_eq!(sleeps(&Source::new("tests/it/a.rs", text)).len(), 1);
}

// ---------------------------------------------------------------- both databases

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |backend: &str| -> BTreeSet<String> {
        let folder = root().join("migrations").join(backend);
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    };
    let sqlite = names("sqlite");
    assert!(!sqlite.is_empty(), "there are migrations");
    assert_eq!(sqlite, names("postgres"));
}
