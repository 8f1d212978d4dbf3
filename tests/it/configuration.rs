//! The configuration of a real site, loaded from files as the server loads it.

use serde_json::json;
use std::sync::Arc;
use weir::config::plugin::Plugin;
use weir::config::server::Server;
use weir::config::{self, Described, NotDescribed, PluginCatalogue};
use weir_tests::fleet;

/// One plugin, of which only the schema is asked.
struct OnlyShell;

impl PluginCatalogue for OnlyShell {
    fn describe(&self, name: &str, _: &Plugin, _: &Server) -> Result<Described, NotDescribed> {
        if name != "shell" {
            return Err(NotDescribed::Unknown);
        }
        let schema = json!({"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]});
        Ok(Described { is_step: true, settings_schema: Arc::new(schema) })
    }

    fn names(&self, _: &Server) -> Vec<String> {
        vec!["shell".to_owned()]
    }
}

#[test]
fn the_real_fleet_loads_and_every_builder_is_in_the_views_of_its_tags() {
    let builders = fleet::builders();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("weir.toml");
    std::fs::write(&file, fleet::toml(&builders, "make test")).expect("the folder takes a file");

    let loaded = config::load(&file, [], &OnlyShell);

    assert!(loaded.diagnostics.is_empty(), "{}", loaded.diagnostics[0]);
    let config = loaded.config.expect("nothing is wrong");
    let team = &config.teams[fleet::TEAM];
    assert_eq!(team.builders.len(), 1_038);
    assert_eq!(config.workers.len(), 56);
    assert_eq!(config.views.len(), 38);
    for builder in &builders {
        let frozen = &team.builders[&builder.name];
        let mut views: Vec<&str> =
            config.views.values().filter(|v| v.selects(frozen)).map(|v| v.name.as_str()).collect();
        let mut tags: Vec<&str> = builder.tags.iter().map(String::as_str).collect();
        views.sort_unstable();
        tags.sort_unstable();
        assert_eq!(views, tags, "{}", builder.name);
    }
}
