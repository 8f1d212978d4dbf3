//! The step against a scripted host.

use super::{Settings, Trigger};
use expect_test::expect_file;
use serde_json::{Value, json};
use weir_plugin_sdk::testing::Script;
use weir_plugin_sdk::trigger::{Order, Results};
use weir_plugin_sdk::{Build, Error, Outcome, Step, settings_schema};

fn run(script: &Script, settings: Value) -> Result<Outcome, Error> {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    Trigger::run(&mut script.context(), settings)
}

/// A build of `main`.
fn script() -> Script {
    let build = Build { branch: Some("main".into()), revision: Some("asked".into()), ..Build::default() };
    Script::new().build(build).builder("a", Results::Success).builder("b", Results::Success)
}

fn stamp(order: &Order) -> (Option<&str>, Option<&str>) {
    (order.branch.as_deref(), order.revision.as_deref())
}

#[test]
fn every_builder_is_asked_and_without_wait_the_step_is_done() {
    let script = script();
    assert_eq!(run(&script, json!({ "builders": ["a", "b"] })).unwrap(), Outcome::success("requested a, b"));
    let orders = script.orders();
    assert_eq!(orders.iter().map(|o| o.builder.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(orders.iter().all(|order| order.reason.is_empty()), "the host says who asked");
}

#[test]
fn the_triggered_builds_build_what_this_one_did() {
    let of = |script: Script, settings: Value| {
        run(&script, settings).unwrap();
        let order = script.orders().pop().unwrap();
        let (branch, revision) = stamp(&order);
        format!("{} {}", branch.unwrap_or("-"), revision.unwrap_or("-"))
    };
    let checked_out = || script().property("got_revision", "found");
    assert_eq!(of(checked_out(), json!({ "builders": ["a"] })), "main found");
    assert_eq!(of(script(), json!({ "builders": ["a"] })), "main asked");
    assert_eq!(of(checked_out(), json!({ "builders": ["a"], "latest": true })), "main -");
    assert_eq!(of(checked_out(), json!({ "builders": ["a"], "branch": "main" })), "main found");
    assert_eq!(of(checked_out(), json!({ "builders": ["a"], "branch": "dev" })), "dev -");
    assert_eq!(of(checked_out(), json!({ "builders": ["a"], "branch": "dev", "revision": "r" })), "dev r");
    assert_eq!(of(Script::new().builder("a", Results::Success), json!({ "builders": ["a"] })), "- -");
}

#[test]
fn properties_are_handed_on_and_given() {
    let script = script().property("kind", "nightly").property("size", 3);
    let settings = json!({
        "builders": ["a"],
        "copy_properties": ["kind", "size", "missing"],
        "properties": { "kind": "release", "list": [1] },
    });
    run(&script, settings).unwrap();
    let expected = [("kind", json!("release")), ("list", json!([1])), ("size", json!(3))];
    assert_eq!(script.orders()[0].properties, expected.map(|(name, value)| (name.to_owned(), value)));
    assert!(script.log("stdio").contains("no property missing"), "{}", script.log("stdio"));
}

#[test]
fn the_step_ends_as_the_worst_of_what_it_waited_for() {
    use Results::{Cancelled, Exception, Failure, Skipped, Success, Warnings};
    let waits = |b: Results, c: Results| {
        let script = Script::new().builder("b", b).builder("c", c);
        let outcome = run(&script, json!({ "builders": ["b", "c"], "wait": true })).unwrap();
        assert_eq!(script.summaries(), ["waiting for b, c"]);
        outcome
    };
    assert_eq!(waits(Success, Skipped), Outcome::success("b #1 success, c #2 skipped"));
    assert_eq!(waits(Skipped, Skipped), Outcome::skipped("b #1 skipped, c #2 skipped"));
    assert_eq!(waits(Success, Warnings), Outcome::warnings("c #2 warnings, b #1 success"));
    assert_eq!(waits(Warnings, Failure), Outcome::failure("c #2 failure, b #1 warnings"));
    assert_eq!(waits(Exception, Success), Outcome::failure("b #1 exception, c #2 success"));
    assert_eq!(waits(Success, Cancelled), Outcome::failure("c #2 cancelled, b #1 success"));
}

#[test]
fn a_builder_that_is_not_there_is_an_error_and_no_red_build() {
    let said = run(&script(), json!({ "builders": ["nowhere"] })).unwrap_err();
    assert!(matches!(&said, Error::Failed(why) if why.contains("nowhere")), "{said:?}");
}

#[test]
fn many_builders_are_not_all_named() {
    let names: Vec<String> = (1..=12).map(|n| format!("b{n}")).collect();
    let script = names.iter().fold(Script::new(), |script, name| script.builder(name, Results::Success));
    let outcome = run(&script, json!({ "builders": names })).unwrap();
    assert_eq!(outcome, Outcome::success("requested b1, b2, b3, b4, b5, b6, b7, b8, b9, b10 and 2 more"));
}

#[test]
fn the_schema_in_the_component_is_that_of_the_settings() {
    expect_file!["settings.json"].assert_eq(&format!("{:#}\n", settings_schema::<Trigger>()));
}

#[test]
fn a_timeout_is_a_span_of_time() {
    let wrong = serde_json::from_value::<Settings>(json!({ "builders": ["a"], "timeout": "soon" })).unwrap_err();
    assert!(wrong.to_string().contains("`soon` is no span of time"), "{wrong}");
}
