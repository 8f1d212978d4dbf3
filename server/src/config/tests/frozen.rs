//! What is made of what was written.

use super::{SHELL, load_texts, said, step};
use crate::config::plugin::CommandGrant;
use crate::config::team::Team;
use crate::config::view::View;
use serde_json::json;
use std::sync::Arc;

/// The team that a file declares, without any error.
fn team(text: &str) -> Arc<Team> {
    let loaded = load_texts(&[("weir.toml", ""), ("teams/core.toml", text)], &[("TOKEN", "x")]);
    assert_eq!(said(&loaded), "");
    Arc::clone(&loaded.config.unwrap().teams["core"])
}

#[test]
fn what_is_not_said_of_commands_is_not_the_same_as_none() {
    let main = "[plugin.git]\nmemory = \"32 MiB\"\n[plugin.shell]\ncommand = false\n";
    let plugins = load_texts(&[("weir.toml", main)], &[]).config.unwrap().plugins.clone();
    assert_eq!(plugins["git"].grants.command, None);
    assert_eq!(plugins["shell"].grants.command, Some(CommandGrant::Nothing));
}

#[test]
fn a_matrix_makes_every_combination() {
    let team = team(&format!(
        "[builder.\"t {{{{py}}}} {{{{ os }}}}\"]\nmatrix = {{ py = [\"3.9\", \"3.10\"], os = [\"a\", \"b\"], n = [1] }}\n\
         categories = [\"{{{{os}}}}|{{{{py}}}}\", \"n{{{{n}}}}\"]\ndescription = \"on {{{{os}}}}\"\n{}",
        step(SHELL).replace("builder.a", "builder.\"t {{py}} {{ os }}\"")
    ));
    assert_eq!(team.builders.keys().collect::<Vec<_>>(), ["t 3.10 a", "t 3.10 b", "t 3.9 a", "t 3.9 b"]);
    let builder = &team.builders["t 3.10 b"];
    assert_eq!(builder.categories, ["b|3.10", "n1"]);
    assert_eq!(builder.description, "on b");
    assert_eq!(builder.properties.get("n"), Some(&json!(1)));
    assert_eq!(builder.properties.0["py"].source, "Builder");
}

#[test]
fn steps_without_a_name_are_called_after_their_plugin_and_counted() {
    let named = format!("{}name = \"shell-2\"\n", step(SHELL));
    let team = team(&format!("{}{}{named}{}", step(SHELL), step(SHELL), step(SHELL)));
    let names: Vec<&str> = team.builders["a"].steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["shell", "shell-3", "shell-2", "shell-4"]);
}

#[test]
fn a_recipe_s_steps_come_first_and_secrets_are_handed_over_by_name() {
    let text = "[secret]\ntoken = { env = \"TOKEN\" }\n[[recipe.r.step]]\nuse = \"git\"\nwith = { repository = \"git@host:x.git\" }\n\
                [builder.a]\nrecipe = \"r\"\nforce = false\n";
    let with = "use = \"shell\"\nwith = { command = \"x\", env = { T = { secret = \"token\" } } }";
    let team = team(&format!("{text}{}", step(with)));
    let builder = &team.builders["a"];
    assert!(!builder.force.enabled);
    assert_eq!(builder.steps[0].settings, json!({"repository": "git@host:x.git"}));
    assert_eq!(builder.steps[1].settings["env"]["T"], json!({"$secret": "token"}));
}

#[test]
fn a_view_takes_any_entry_of_a_key_and_all_keys_and_leaves_out_what_is_excluded() {
    let builders = "[builder.plain]\n[builder.one]\ncategories = [\"rel|2.3\"]\nlabels = [\"x86\"]\n[builder.two]\ncategories = [\"rel\", \"b\"]\n";
    let steps: String =
        ["plain", "one", "two"].map(|b| step(SHELL).replace("builder.a", &format!("builder.{b}"))).concat();
    let views = "[view.v1]\n[view.v2]\ncategories = [\"*\"]\n[view.v3]\ncategories = [\"rel\"]\n[view.v4]\ncategories = [\"b\", \"rel|*\"]\n\
                 [view.v5]\nbuilders = [\"core/*\"]\nexclude = [\"t*\"]\n[view.v6]\nlabels = [\"x*\"]\nteams = [\"c*\"]\n\
                 [view.v7]\nteams = [\"docs\"]\n[worker.a]\nlabels = [\"x86\"]\n[team.docs]\n";
    let loaded = load_texts(&[("weir.toml", views), ("teams/core.toml", &format!("{builders}{steps}"))], &[]);
    let config = loaded.config.unwrap();
    let takes = |view: &View| -> Vec<String> {
        config.teams["core"].builders.values().filter(|b| view.selects(b)).map(|b| b.key.name.clone()).collect()
    };
    let all: Vec<String> =
        config.views.values().map(|view| format!("{} {}", view.name, takes(view).join(" "))).collect();
    assert_eq!(
        all,
        ["v1 one plain two", "v2 one plain two", "v3 one two", "v4 one two", "v5 one plain", "v6 one", "v7 "]
    );
}

#[test]
fn a_public_url_ends_in_a_slash() {
    let config =
        load_texts(&[("weir.toml", "[server]\npublic_url = \"https://example.org/ci\"\n")], &[]).config.unwrap();
    assert_eq!(config.server.public_url.as_str(), "https://example.org/ci/");
}
