//! The example of the documents is accepted as it stands.

use super::{TestCatalogue, said};
use crate::config::builder::ParameterKind;
use crate::config::worker::WorkerKind;
use crate::config::{Loaded, load};
use expect_test::expect;
use serde_json::json;
use std::path::Path;

fn example() -> Loaded {
    let set = ["CORE_WEBHOOK_TOKEN", "CORE_HOOK_SECRET"].map(|name| (name.to_owned(), "x".to_owned()));
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/example/weir.toml"), set, &TestCatalogue)
}

#[test]
fn the_example_has_no_error() {
    let loaded = example();
    let said = said(&loaded).replace(env!("CARGO_MANIFEST_DIR"), "");
    expect![[r#"
        /../tests/data/example/teams/core.toml:73:7: warning: unknown plugin `mail` [unknown-plugin]
          key: team.core.reporter.owners.use
            73 | use = "mail"
               |       ^^^^^^
          expected: a plugin that is present: one of `git`, `shell`, `webhook`
        /../tests/data/example/weir.toml:42:9: warning: plugin `mail` is not present, so its table does nothing [unknown-plugin]
          key: plugin.mail
            42 | [plugin.mail]
               |         ^^^^
          expected: a plugin that is present: one of `git`, `shell`, `webhook`
        /../tests/data/example/weir.toml:95:7: warning: view `machines` selects no builder [selects-nothing]
          key: view.machines
            95 | [view.machines]
               |       ^^^^^^^^
          expected: patterns that together fit at least one builder
    "#]].assert_eq(&said);
    assert!(loaded.config.is_some());
}

#[test]
fn a_matrix_makes_a_builder_of_each_value() {
    let config = example().config.unwrap();
    let core = &config.teams["core"];
    assert_eq!(core.builders.keys().collect::<Vec<_>>(), ["full-2.3", "full-2.4"]);
    let builder = &core.builders["full-2.3"];
    assert_eq!(builder.categories, ["release", "2.3"]);
    assert_eq!(builder.properties.text("branch"), Some("release2.3-maint"));
    assert_eq!(builder.properties.text("version"), Some("2.3"));
    assert_eq!(builder.steps.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["git", "compile", "test"]);
    let dir = config.dir.join("teams");
    assert_eq!(builder.steps[0].settings, json!({"repository": dir.join("repos/cpython.git"), "branch": "{{branch}}"}));
    assert!(builder.steps[2].always && builder.steps[2].warn_on_failure);
    assert_eq!(builder.steps[1].timeout.unwrap().as_secs(), 1800);
    assert_eq!(builder.steps[0].idle_timeout.unwrap().as_secs(), 1200);
    assert!(matches!(&builder.force.parameters[0].kind, ParameterKind::Choice(choices) if choices.len() == 2));
}

#[test]
fn the_instance_is_read_with_its_paths_absolute() {
    let config = example().config.unwrap();
    assert_eq!(config.server.public_url.as_str(), "http://127.0.0.1:8010/");
    assert_eq!(config.server.state_dir, config.dir.join("state"));
    assert_eq!(config.server.database, format!("sqlite:{}", config.dir.join("state/weir.db").display()));
    assert_eq!(config.auth.local.keys().collect::<Vec<_>>(), ["local"]);
    assert_eq!(config.workers["arm1"].kind, WorkerKind::Remote);
    assert_eq!(config.workers["local"].kind, WorkerKind::Embedded);
    assert_eq!(config.views.keys().collect::<Vec<_>>(), ["all", "core", "docs", "machines", "release"]);
    assert_eq!(config.not_acted_on.len(), 4);
}
