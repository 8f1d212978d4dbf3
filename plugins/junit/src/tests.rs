//! Reports of several tools against a scripted host.

use crate::{Junit, Settings, report};
use expect_test::{expect, expect_file};
use serde_json::{Value, json};
use weir_plugin_sdk::testing::Script;
use weir_plugin_sdk::{Error, Outcome, Step, TestCase, TestOutcome, settings_schema};

fn run(script: &Script, settings: Value) -> Result<Outcome, Error> {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    Junit::run(&mut script.context(), settings)
}

fn read(text: &str) -> (Vec<TestCase>, Result<(), String>) {
    let mut cases = Vec::new();
    let ended = report::read(text.as_bytes(), &mut |case| cases.push(case));
    (cases, ended.map_err(|at| format!("{}:{}: {}", at.line, at.column, at.why)))
}

/// Each case in a line.
fn told(text: &str) -> String {
    let (cases, ended) = read(text);
    let line = |case: TestCase| {
        let took = case.duration.map_or_else(String::new, |took| format!(" {took:?}"));
        let message = case.message.map_or_else(String::new, |message| format!(": {message:?}"));
        format!("{:?} {} {}{took}{message}\n", case.outcome, case.suite, case.name)
    };
    let end = ended.err().map_or_else(String::new, |why| format!("broken {why}\n"));
    cases.into_iter().map(line).collect::<String>() + &end
}

const PYTEST: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.1">
<properties><property name="a" value="b"/></properties>
<testcase classname="tests.test_a.TestA" name="test_ok[a &lt; b]" time="0.001"/>
<testcase classname="tests.test_a" name="test_bad" time="1,234.5"><failure message="assert 1 == 2">def test_bad():
&gt;       assert 1 == 2
E       assert 1 == 2</failure><system-out>noise</system-out></testcase>
<testcase classname="tests.test_a" name="test_broken"><error message="failed on setup"><![CDATA[fixture <x> & y]]></error></testcase>
<testcase classname="tests.test_a" name="test_later"><skipped type="pytest.skip" message="only on Windows">a.py:7: only on Windows</skipped></testcase>
</testsuite></testsuites>"#;

#[test]
fn a_report_of_pytest_is_read() {
    expect![[r#"
        Passed tests.test_a.TestA test_ok[a < b] 1ms
        Failed tests.test_a test_bad 1234.5s: "assert 1 == 2\ndef test_bad():\n>       assert 1 == 2\nE       assert 1 == 2"
        Errored tests.test_a test_broken: "failed on setup\nfixture <x> & y"
        Skipped tests.test_a test_later: "only on Windows\na.py:7: only on Windows"
    "#]]
    .assert_eq(&told(PYTEST));
}

#[test]
fn suites_nest_and_what_tools_leave_out_is_no_error() {
    expect![[r#"
        Errored outer outer: "beforeAll broke"
        Passed inner plain
        Skipped inner off
        Passed outer (without a name)
        Failed c both: "not run\n\nx"
        Failed c typed: "java.lang.AssertionError"
    "#]]
    .assert_eq(&told(
        r#"<testsuite name="outer"><error message="beforeAll broke"/><testsuite name="inner"><testcase name="plain" time="soon"/>
        <testcase name="off" status="notrun"/></testsuite><testcase/>
        <testcase name="both" classname="c"><skipped message="not run"/><failure>x</failure></testcase>
        <testcase name="typed" classname="c"><failure type="java.lang.AssertionError"/></testcase></testsuite>"#,
    ));
}

#[test]
fn what_is_no_report_is_refused_where_it_begins_to_be_none() {
    for (text, why) in [
        ("", "1:1: it is empty"),
        (
            "<html><body/></html>",
            "1:7: it is no JUnit report: it begins with <html>, not with <testsuites> or <testsuite>",
        ),
        ("<testsuite>\n  <testcase name='a'>", "2:22: it breaks off"),
        (
            "<testsuite><testcase><failure>&x;</failure>",
            "1:34: `&x;` stands for nothing: only XML's own entities are read",
        ),
    ] {
        assert_eq!(read(text).1.unwrap_err(), why, "{text}");
    }
    let crossed = read("<testsuite>\n<testcase name='a'></testsuite>").1.unwrap_err();
    assert!(crossed.starts_with("2:"), "{crossed}");
    let deep = read(&"<testsuite>".repeat(101)).1.unwrap_err();
    assert!(deep.ends_with("nested deeper than 100"), "{deep}");
    let wide = report::read(b"\xff\xfe<\0", &mut |_| {}).unwrap_err();
    assert_eq!(wide.why, "it is UTF-16; write it as UTF-8");
}

#[test]
fn no_entity_is_expanded_and_nothing_is_fetched() {
    let bomb = r#"<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>
        <testsuite><testcase name="t"><failure>&b;&f;</failure></testcase></testsuite>"#;
    let (cases, ended) = read(bomb);
    assert!(cases.is_empty());
    assert!(ended.unwrap_err().contains("`&b;` stands for nothing"));
    assert!(read(r#"<testsuite name="&a;"/>"#).1.is_err());
}

#[test]
fn bytes_that_are_no_utf_8_are_replaced() {
    let mut cases = Vec::new();
    let text = b"\xef\xbb\xbf<testsuite><testcase name='a\xffb'/></testsuite>";
    report::read(text, &mut |case| cases.push(case)).unwrap();
    assert_eq!(cases[0].name, "a\u{fffd}b");
}

#[test]
fn a_long_message_is_cut() {
    let text =
        format!("<testsuite><testcase name='a'><failure>{}</failure></testcase></testsuite>", "é".repeat(60_000));
    assert_eq!(read(&text).0[0].message.as_ref().unwrap().len(), 64 << 10);
}

#[test]
fn failed_tests_are_a_failure_or_warnings_and_everything_is_reported() {
    let script = Script::new().file("r/a.xml", PYTEST).file("r/b.xml", "<testsuites><testcase name='x'/></testsuites>");
    let outcome = run(&script, json!({ "files": "r/*.xml" })).unwrap();
    assert_eq!(outcome, Outcome::failure("1 failed, 1 errored of 5 tests"));
    assert_eq!(script.tests().len(), 5);
    let numbers = ["tests", "failed", "errored", "skipped", "duration"].map(|name| script.statistic(name).unwrap());
    assert_eq!(numbers, [5.0, 1.0, 1.0, 1.0, 1234.501]);
    assert!(script.log("stdio").contains("r/a.xml: 4 tests"), "{}", script.log("stdio"));
    let outcome = run(&script, json!({ "files": ["r/a.xml", "r/*.xml"], "fail": false })).unwrap();
    assert_eq!(outcome, Outcome::warnings("1 failed, 1 errored of 5 tests"));
}

#[test]
fn good_tests_are_counted() {
    let many = "<testcase name='x'/>".repeat(3_204);
    let script = Script::new().file("a.xml", &format!("<testsuite>{many}</testsuite>"));
    assert_eq!(run(&script, json!({ "files": "*.xml" })).unwrap(), Outcome::success("3,204 tests passed"));
    assert_eq!(script.tests().len(), 3_204);
    let script = Script::new()
        .file("a.xml", "<testsuite><testcase name='a'/><testcase name='b'><skipped/></testcase></testsuite>");
    assert_eq!(run(&script, json!({ "files": "*.xml" })).unwrap(), Outcome::success("1 test passed, 1 skipped"));
    let script = Script::new().file("a.xml", "<testsuites/>");
    assert_eq!(run(&script, json!({ "files": "*.xml" })).unwrap(), Outcome::warnings("the reports hold no test"));
}

#[test]
fn no_file_is_a_failure_unless_none_is_required() {
    let script = Script::new();
    let outcome = run(&script, json!({ "files": ["a/*.xml", "b.xml"] })).unwrap();
    assert_eq!(outcome, Outcome::failure("no file fits `a/*.xml` or `b.xml`"));
    let outcome = run(&script, json!({ "files": "a/*.xml", "required": false })).unwrap();
    assert_eq!(outcome, Outcome::skipped("no file fits `a/*.xml`"));
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_its_place_and_the_others_go_on() {
    let big = "x".repeat(4 << 20);
    let script = Script::new()
        .file("a.xml", "<testsuite>\n<testcase name='a'/>\n<oops")
        .file("b.xml", &big)
        .file("c.xml", "<testsuite><testcase name='c'/></testsuite>");
    let outcome = run(&script, json!({ "files": "*.xml" })).unwrap();
    assert_eq!(outcome, Outcome::failure("2 tests passed; 2 files could not be read"));
    let said = script.log("stdio");
    assert!(said.contains("a.xml:3:"), "{said}");
    assert!(said.contains("b.xml: it has more than 4128768 bytes"), "{said}");
    assert_eq!(script.tests()[1], TestCase::new("", "c", TestOutcome::Passed));
}

#[test]
fn the_schema_in_the_component_is_that_of_the_settings() {
    expect_file!["settings.json"].assert_eq(&format!("{:#}\n", settings_schema::<Junit>()));
}
