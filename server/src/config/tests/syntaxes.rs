//! YAML and JSON beside TOML: the same values, and the same said of what is wrong, each at its place.

use super::{load_texts, said};
use expect_test::expect;

const TOML: &str = r#"
title = "Core"
quota = { builds = 2, log_bytes = "1 MiB" }

[recipe.unix]
[[recipe.unix.step]]
use = "git"
with = { repository = "repos/core.git", depth = 1 }

[builder."full-{{version}}"]
matrix = { version = ["2.3", "2.4"] }
recipe = "unix"
properties = { branch = "main", "x-y" = 3, on = true }

[view.core]
builders = ["full-*"]
"#;

const YAML: &str = r#"
title: Core
quota: { builds: 2, log_bytes: 1 MiB }
recipe:
  unix:
    step:
      - use: git
        with:
          repository: repos/core.git
          depth: 1
builder:
  "full-{{version}}":
    matrix: { version: ["2.3", "2.4"] }
    recipe: unix
    properties:
      branch: main
      x-y: 3
      on: true
view:
  core:
    builders: ["full-*"]
"#;

const JSON: &str = r#"{
  "title": "Core",
  "quota": {"builds": 2, "log_bytes": "1 MiB"},
  "recipe": {"unix": {"step": [{"use": "git", "with": {"repository": "repos/core.git", "depth": 1}}]}},
  "builder": {"full-{{version}}": {
    "matrix": {"version": ["2.3", "2.4"]},
    "recipe": "unix",
    "properties": {"branch": "main", "x-y": 3, "on": true}
  }},
  "view": {"core": {"builders": ["full-*"]}}
}"#;

#[test]
fn a_team_is_the_same_however_it_is_written() {
    let team = |name: &str, text: &str| {
        let loaded = load_texts(&[("weir.toml", ""), (name, text)], &[]);
        assert_eq!(said(&loaded), "");
        let config = loaded.config.unwrap();
        let mut team = config.teams["core"].as_ref().clone();
        // Its own file is reserved, and has another name.
        team.reserved = Default::default();
        team.file = Default::default();
        format!("{team:#?} {:#?}", config.views).replace(name, "FILE")
    };
    let toml = team("teams/core.toml", TOML);
    assert_eq!(team("teams/core.yaml", YAML), toml);
    assert_eq!(team("teams/core.yml", YAML), toml);
    assert_eq!(team("teams/core.json", JSON), toml);
}

#[test]
fn the_main_file_and_fragments_may_be_written_in_any_of_them() {
    let main = "server:\n  title: Yaml\nauth:\n  user:\n    - name: anna\n      password_hash: x\nworker:\n  a: { slots: 2 }\n";
    let fragment = r#"{"server": {"title": "Json"}, "auth": {"user": [{"name": "anna", "password_hash": "x"}]}}"#;
    let loaded = load_texts(&[("weir.yaml", main), ("conf.d/1.json", fragment)], &[]);
    let places: Vec<String> = loaded.diagnostics.iter().map(|d| format!("{} {}", d.place, d.rule)).collect();
    // Arrays of tables are appended, and each element is located where it was written.
    assert_eq!(
        places,
        ["conf.d/1.json:1:58 name-taken", "conf.d/1.json:1:83 bad-hash", "weir.yaml:6:22 bad-hash"],
        "{}",
        said(&loaded)
    );
    let title = load_texts(
        &[("weir.yaml", "server:\n  title: Yaml\n"), ("conf.d/1.json", "{\"server\": {\"title\": \"Json\"}}")],
        &[],
    );
    assert_eq!(title.config.unwrap().server.title, "Json");
}

#[test]
fn what_is_wrong_is_said_at_its_place_in_yaml() {
    let text = "titel: Core\nquota:\n  builds: none\nbuilder:\n  a:\n    step:\n      - use: sehll\n        with: {command: make, pasword: s3cret}\n        timeout: 30x\n    properties:\n      version: 1.10\n  a: {}\nview:\n  v:\n    builders: no\n";
    let said = said(&load_texts(&[("weir.toml", ""), ("teams/core.yaml", text)], &[]));
    assert!(!said.contains("s3cret"), "{said}");
    expect![[r#"
        teams/core.yaml:1:1: unknown key `titel` [unknown-key]
          key: team.core.titel
             1 | titel: ...
               | ^^^^^
          expected: one of `config`, `title`, `visibility`, `quota`, `weight`, `secret`, `source`, `recipe`, `builder`, `scheduler`, `reporter`, `view`
          did you mean `title`?
        teams/core.yaml:3:11: this is the string "none" [wrong-type]
          key: team.core.quota.builds
             3 |   builds: none
               |           ^^^^
          expected: a whole number, at least 1
        teams/core.yaml:7:14: unknown plugin `sehll` [unknown-plugin]
          key: team.core.builder.a.step[0].use
             7 |       - use: sehll
               |              ^^^^^
          expected: a plugin that is present: one of `git`, `shell`, `webhook`
          did you mean `shell`?
        teams/core.yaml:9:18: `30x` is no span of time [bad-span]
          key: team.core.builder.a.step[0].timeout
             9 |         timeout: 30x
               |                  ^^^
          expected: a span of time such as `30s`, `10m`, `24h`, `90d`
        teams/core.yaml:11:16: `1.10` may be a number or text [yaml-number]
            11 |       version: 1.10
               |                ^^^^
          expected: quotes around it for text, or the number in its plainest form
        teams/core.yaml:12:3: the key `a` is there already [duplicate-key]
            12 |   a: {}
               |   ^
          expected: each key once in its table
        teams/core.yaml:15:15: this is the string "no" [wrong-type]
          key: team.core.view.v.builders
            15 |     builders: no
               |               ^^
          expected: a list, each a pattern such as `full-*`
    "#]]
    .assert_eq(&said);
}

#[test]
fn what_is_wrong_is_said_at_its_place_in_json() {
    let text = "{\n  \"titel\": \"Core\",\n  \"quota\": {\"builds\": \"none\"},\n  \"view\": {\"v\": {\"builders\": \"x\"}},\n  \"secret\": {\"token\": \"s3cret\"}\n}";
    let said = said(&load_texts(&[("weir.toml", ""), ("teams/core.json", text)], &[]));
    assert!(!said.contains("s3cret"), "{said}");
    expect![[r#"
        teams/core.json:2:3: unknown key `titel` [unknown-key]
          key: team.core.titel
             2 |   "titel": ...
               |   ^^^^^^^
          expected: one of `config`, `title`, `visibility`, `quota`, `weight`, `secret`, `source`, `recipe`, `builder`, `scheduler`, `reporter`, `view`
          did you mean `title`?
        teams/core.json:3:23: this is the string "none" [wrong-type]
          key: team.core.quota.builds
             3 |   "quota": {"builds": "none"},
               |                       ^^^^^^
          expected: a whole number, at least 1
        teams/core.json:4:30: this is the string "x" [wrong-type]
          key: team.core.view.v.builders
             4 |   "view": {"v": {"builders": "x"}},
               |                              ^^^
          expected: a list, each a pattern such as `full-*`
        teams/core.json:5:23: this is a string; a secret does not stand in the configuration [wrong-type]
          key: team.core.secret.token
             5 |   "secret": {"token": ...
               |                       ^^^
          expected: `{ env = "VARIABLE" }`, `{ file = "PATH" }`, `{ credential = "NAME" }` or `{ command = ["PROGRAM"] }`
    "#]].assert_eq(&said);
}

#[test]
fn a_syntax_error_breaks_its_file_and_names_its_place() {
    let yaml = "builder:\n  a: [\nview: }\n";
    let json = "{\"builder\": {\n  \"a\": ,\n}}";
    let files = [("weir.toml", ""), ("teams/one.yaml", yaml), ("teams/two.json", json)];
    let loaded = load_texts(&files, &[]);
    expect![[r#"
        teams/one.yaml:3:1: invalid indentation [yaml-syntax]
             3 | view: }
               | ^
        teams/two.json:2:8: expected value [json-syntax]
             2 |   "a": ,
               |        ^
          expected: JSON, without comments and without a comma at the end
    "#]]
    .assert_eq(&said(&loaded));
    assert_eq!(loaded.config.unwrap().broken_teams.len(), 2);
    assert!(load_texts(&[("weir.yaml", yaml)], &[]).config.is_none());
}
