//! Where values come from.

use super::{SHELL, in_memory, load_texts, said, step, variables};
use crate::config::path::KeyPath;
use crate::config::source::Sources;
use expect_test::expect;

#[test]
fn file_then_conf_d_then_environment() {
    let main = ("weir.toml", "[server]\ntitle = \"file\"\n");
    let fragment = ("conf.d/10-title.toml", "[server]\ntitle = \"fragment\"\n");
    let variable = [("WEIR_SERVER__TITLE", "variable"), ("WEIR_SERVER_URL", "never configuration")];
    let title = |files: &[(&str, &str)], environment: &[(&str, &str)]| {
        let (sources, said) = Sources::merge("/etc/weir".into(), in_memory(files), variables(environment));
        assert!(said.told().is_empty());
        let (value, origin) = sources.effective(&KeyPath::of(&["server", "title"])).unwrap();
        (value.as_str().unwrap().to_owned(), origin.to_string())
    };
    let is = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(title(&[("weir.toml", "")], &[]), is("Weir", "built-in default"));
    assert_eq!(title(&[main], &[]), is("file", "weir.toml"));
    assert_eq!(title(&[main, fragment], &[]), is("fragment", "conf.d/10-title.toml"));
    assert_eq!(title(&[main, fragment], &variable), is("variable", "environment WEIR_SERVER__TITLE"));
}

#[test]
fn arrays_of_tables_are_appended_and_errors_in_each_are_located() {
    let user = "[[auth.user]]\nname = \"a\"\npassword_hash = \"x\"\n";
    let said = said(&load_texts(&[("weir.toml", user), ("conf.d/1.toml", user)], &[]));
    let places: Vec<&str> = said.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(
        places,
        [
            "conf.d/1.toml:2:8: there are two users `a` [name-taken]",
            "conf.d/1.toml:3:17: this is no password hash [bad-hash]",
            "weir.toml:3:17: this is no password hash [bad-hash]",
        ]
    );
}

#[test]
fn a_variable_reaches_any_key_whatever_the_case_of_names() {
    let main = "[worker.Big]\nslots = 1\n[team.docs]\ntitle = \"Docs\"\n";
    let environment = [
        ("WEIR_WORKER__BIG__SLOTS", "3"),
        ("WEIR_TEAM__DOCS__TITLE", "2026"),
        ("WEIR_SERVER__LISTEN", "127.0.0.1:9"),
        ("WEIR_SERVER__STATE_DIR", "var"),
        ("WEIR_AUTH__JWT__LOCAL__KEY_FILE", "/run/key.pem"),
    ];
    let loaded = load_texts(&[("weir.toml", main)], &environment);
    assert_eq!(said(&loaded), "");
    let config = loaded.config.unwrap();
    assert_eq!(config.workers["Big"].slots, 3);
    assert_eq!(config.teams["docs"].title, "2026");
    assert_eq!(config.server.public_url.as_str(), "http://127.0.0.1:9/");
    assert_eq!(config.server.state_dir.to_str(), Some("/etc/weir/var"));
    assert_eq!(config.auth.local["local"].key_file.to_str(), Some("/run/key.pem"));
}

#[test]
fn paths_start_in_the_folder_of_the_file_that_writes_them() {
    let main = "[server]\nplugin_dir = \"plugins\"\ndatabase = \"sqlite:db/weir.db\"\n[worker.a]\n";
    let fragment = "[server]\nstate_dir = \"../state\"\n[worker.b]\npaths = [\"x\", \"/y\"]\n";
    let git = "use = \"git\"\nwith = { repository = \"r.git\" }\n";
    let team = format!("[secret]\nkey = {{ file = \"key\" }}\n{}", step(git));
    let files = [("weir.toml", main), ("conf.d/1.toml", fragment), ("teams/core.toml", &*team)];
    let config = load_texts(&files, &[]).config.unwrap();
    assert_eq!(config.server.plugin_dir.as_ref().unwrap().to_str(), Some("/etc/weir/plugins"));
    assert_eq!(config.server.database, "sqlite:/etc/weir/db/weir.db");
    assert_eq!(config.server.state_dir.to_str(), Some("/etc/weir/state"));
    let paths = config.workers["b"].paths.as_ref().unwrap();
    assert_eq!(paths.iter().map(|p| p.to_str().unwrap()).collect::<Vec<_>>(), ["/etc/weir/conf.d/x", "/y"]);
    assert_eq!(config.teams["core"].builders["a"].steps[0].settings["repository"], "/etc/weir/teams/r.git");
    expect![[r#"
        TeamSecret {
            from: File(
                "/etc/weir/teams/key",
            ),
            hosts: None,
        }
    "#]]
    .assert_debug_eq(&config.teams["core"].secrets["key"]);
}

#[test]
fn a_team_s_broken_file_breaks_only_that_team() {
    let good = format!("[view.mine]\n{}", step(SHELL));
    for bad in ["titel = 1\n", "[builder.a]\nlabels = [\n", "[builder.a]\nrecipe = \"none\"\n[view.b]\n"] {
        let files = [("weir.toml", "[view.all]\n"), ("teams/bad.toml", bad), ("teams/good.toml", &*good)];
        let loaded = load_texts(&files, &[]);
        assert!(loaded.n_errors() > 0);
        let config = loaded.config.expect("an error in a team's file does not keep the server from starting");
        assert_eq!(config.broken_teams.keys().collect::<Vec<_>>(), ["bad"]);
        assert!(config.teams["bad"].builders.is_empty());
        assert_eq!(config.teams["good"].builders.len(), 1);
        assert_eq!(config.views.keys().collect::<Vec<_>>(), ["all", "mine"]);
    }
}

#[test]
fn an_error_in_the_instance_s_files_keeps_the_server_from_starting() {
    for files in [
        [("weir.toml", "titel = 1\n"), ("conf.d/1.toml", "")],
        [("weir.toml", ""), ("conf.d/1.toml", "[server]\ntitel = 1\n")],
        [("weir.toml", "[team.docs]\ntitel = 1\n"), ("conf.d/1.toml", "")],
    ] {
        assert!(load_texts(&files, &[]).config.is_none());
    }
    assert!(load_texts(&[("weir.toml", "")], &[("WEIR_SERVER__LISTEN", "nowhere")]).config.is_none());
    assert!(load_texts(&[("weir.toml", "")], &[]).config.is_some());
}

#[test]
fn without_a_worker_there_is_one_and_without_a_key_there_is_one() {
    let config = load_texts(&[("weir.toml", "")], &[]).config.unwrap();
    assert_eq!(config.workers.keys().collect::<Vec<_>>(), ["local"]);
    assert!(config.workers["local"].slots >= 1);
    assert_eq!(config.auth.local["local"].key_file.to_str(), Some("/etc/weir/state/jwt.pem"));
    assert_eq!(config.server.database, "sqlite:/etc/weir/state/weir.db");
}
