//! The step against a scripted host, which finds lines as the server does.

use crate::{Settings, Warnings};
use expect_test::{Expect, expect, expect_file};
use serde_json::{Value, json};
use weir_plugin_sdk::testing::Script;
use weir_plugin_sdk::{Error, Exit, Outcome, Step, settings_schema};

fn run(script: &Script, more: Value) -> Result<Outcome, Error> {
    let mut settings = json!({ "command": ["make"] });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Warnings::run(&mut script.context(), serde_json::from_value::<Settings>(settings).unwrap())
}

/// The list of warnings in this output.
fn lists(more: Value, output: &str, expected: Expect) {
    let script = Script::new().prints(["make"], output);
    run(&script, more).unwrap();
    expected.assert_eq(&script.log("warnings"));
}

#[test]
fn warnings_of_gcc_and_clang_are_listed_with_their_place_in_the_output_and_in_the_source() {
    let output = "cc -c x.c\n\
        x.c: In function 'main':\n\
        x.c:3:5: warning: unused variable 'x' [-Wunused-variable]\n\
        C:\\src\\y.c:7: warning: C style\n\
        x.c:9:1: error: no warning: this\n\
        x.c:9:1: note: a warning: about\n\
        clang: warning: argument unused during compilation: '-x'\n\
        Makefile:3: warning: overriding recipe for target 'all'\n";
    let expected = "stdout 3: x.c:3: unused variable 'x' [-Wunused-variable]\n\
        stdout 4: C:\\src\\y.c:7: C style\n\
        stdout 7: clang: argument unused during compilation: '-x'\n\
        stdout 8: Makefile:3: overriding recipe for target 'all'\n";
    for format in ["gcc", "clang"] {
        let script = Script::new().prints(["make"], output);
        let outcome = run(&script, json!({ "format": format })).unwrap();
        assert_eq!(outcome, Outcome::warnings("4 warnings"));
        assert_eq!(script.log("warnings"), expected);
        assert_eq!(script.statistic("warnings"), Some(4.0));
    }
}

#[test]
fn warnings_of_rustc_get_the_place_that_stands_in_their_next_line() {
    lists(
        json!({ "format": "rustc" }),
        "   Compiling x v0.1.0\n\
         warning: unused variable: `a`\n \x20--> src/main.rs:2:9\n  |\n\
         warning[E0133]: deprecated\n\n  --> src/far.rs:1:1\n\
         error: cannot\n  --> src/main.rs:4:1\n\
         warning: `x` (bin \"x\") generated 2 warnings\n\
         warning: build failed, waiting for other jobs to finish...\n",
        expect![[r#"
            stdout 2: src/main.rs:2: unused variable: `a`
            stdout 5: deprecated
        "#]],
    );
}

#[test]
fn warnings_of_msvc_python_and_javac_are_known() {
    lists(
        json!({ "format": "msvc" }),
        "x.cpp\n  1>C:\\src\\x.cpp(3,5): warning C4101: 'x': unreferenced\r\n\
         x.cpp(7) : warning C4996: old\nLINK : warning LNK4098: defaultlib\nx.cpp(9): error C2065: no\n",
        expect![[r#"
            stdout 2: C:\src\x.cpp:3: C4101: 'x': unreferenced
            stdout 3: x.cpp:7: C4996: old
            stdout 4: LINK: LNK4098: defaultlib
        "#]],
    );
    lists(
        json!({ "format": "python" }),
        "/a/x.py:3: DeprecationWarning: invalid escape\n  '\\d'\n<string>:1: SyntaxWarning: is\nx.py:4: Error: no\n",
        expect![[r#"
            stdout 1: /a/x.py:3: DeprecationWarning: invalid escape
            stdout 3: <string>:1: SyntaxWarning: is
        "#]],
    );
    lists(
        json!({ "format": "javac" }),
        "src/X.java:3: warning: [deprecation] f() is old\n    f();\nwarning: [options] bootstrap\n2 warnings\n",
        expect![[r#"
            stdout 1: src/X.java:3: [deprecation] f() is old
            stdout 3: [options] bootstrap
        "#]],
    );
}

#[test]
fn an_own_pattern_says_what_a_warning_is_and_its_groups_say_more() {
    let output = "W3 at top: old\nfine\nW4 somewhere\n";
    lists(
        json!({ "pattern": r"^W\d+ (?:at (?<file>\w+): )?(?<message>.*)" }),
        output,
        expect![[r#"
            stdout 1: top: old
            stdout 3: somewhere
        "#]],
    );
    lists(
        json!({ "pattern": r"^W\d+" }),
        output,
        expect![[r#"
            stdout 1: W3 at top: old
            stdout 3: W4 somewhere
        "#]],
    );
}

#[test]
fn ignored_lines_are_no_warnings() {
    let output = "/usr/include/x.h:1: warning: theirs\nx.c:1: warning: ours [-Wfoo]\nx.c:2: warning: ours\n";
    lists(
        json!({ "format": "gcc", "ignore": ["^/usr/", r"\[-Wfoo\]"] }),
        output,
        expect![[r#"
            stdout 3: x.c:2: ours
        "#]],
    );
}

#[test]
fn how_many_are_too_many_is_said_by_max_and_fail_over() {
    let script = || Script::new().prints(["make"], "x.c:1: warning: a\nx.c:2: warning: b\n");
    for (more, expected) in [
        (json!({}), Outcome::warnings("2 warnings")),
        (json!({ "max": 1 }), Outcome::warnings("2 warnings")),
        (json!({ "max": 2 }), Outcome::success("2 warnings")),
        (json!({ "fail_over": 2 }), Outcome::warnings("2 warnings")),
        (json!({ "max": 5, "fail_over": 1 }), Outcome::failure("2 warnings, at most 1 allowed")),
        (json!({ "ignore": [":1:"] }), Outcome::warnings("1 warning")),
        (json!({ "ignore": ["x.c"] }), Outcome::success("0 warnings")),
    ] {
        let mut with = json!({ "format": "gcc" });
        with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(run(&script(), with).unwrap(), expected, "{more}");
    }
}

#[test]
fn the_commands_own_exit_code_decides_whether_it_failed() {
    let printed = b"x.c:1: warning: a\n".to_vec();
    let script = Script::new().answers(["make"], Ok((Exit::Code(2), printed)));
    let outcome = run(&script, json!({ "format": "gcc", "max": 9 })).unwrap();
    assert_eq!(outcome, Outcome::failure("'make' exited with 2, 1 warning"));
    assert_eq!(script.statistic("warnings"), Some(1.0), "counted all the same");
    let script = Script::new().exits(["make"], 3);
    let outcome = run(&script, json!({ "format": "gcc", "success_codes": [3] })).unwrap();
    assert_eq!(outcome, Outcome::success("0 warnings"));
}

#[test]
fn very_many_are_all_counted_and_not_all_listed() {
    let script = Script::new().prints(["make"], &"x.c:1: warning: a\n".repeat(5_003));
    assert_eq!(run(&script, json!({ "format": "gcc" })).unwrap(), Outcome::warnings("5003 warnings"));
    let list = script.log("warnings");
    assert_eq!(list.lines().count(), 5_001);
    assert!(list.ends_with("\n... and 3 more\n"), "{}", &list[list.len() - 100..]);
}

#[test]
fn settings_that_look_for_nothing_and_patterns_that_are_none_are_refused() {
    let script = Script::new();
    let error = run(&script, json!({})).unwrap_err();
    assert!(matches!(&error, Error::InvalidSettings(issues) if issues[0].0 == "/format"), "{error}");
    assert_eq!(script.commands(), [""; 0]);
    assert!(run(&script, json!({ "pattern": "(" })).is_err());
}

#[test]
fn the_schema_in_the_component_is_that_of_the_settings() {
    expect_file!["settings.json"].assert_eq(&format!("{:#}\n", settings_schema::<Warnings>()));
}
