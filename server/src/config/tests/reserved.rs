//! What a team's secret may not come from.

use super::{TestCatalogue, load_texts, said};
use crate::config;

fn rules(files: &[(&str, &str)]) -> Vec<String> {
    let said = said(&load_texts(files, &[("OF_A", "x"), ("ARM", "x"), ("MAIL", "x"), ("OIDC", "x"), ("OWN", "x")]));
    let places = said.lines().filter(|line| line.contains("[reserved-secret]"));
    places.map(|line| line.split(": ").next().unwrap().to_owned()).collect()
}

#[test]
fn a_team_s_secret_does_not_come_from_what_is_the_server_s_own() {
    let main = "[server]\nstate_dir = \"/var/weir\"\ndatabase = \"sqlite:/srv/weir.db\"\n\
                [auth.jwt.local]\nkey_file = \"/keys/jwt.pem\"\n\
                [mail]\nsmtp = \"smtp://mail.example.org:25\"\nfrom = \"a@example.org\"\npassword = { env = \"MAIL\" }\n\
                [auth.oidc.a]\nissuer = \"https://a.example.org\"\nclient_id = \"weir\"\nclient_secret = { env = \"OIDC\" }\n\
                [auth.oidc.b]\nissuer = \"https://b.example.org\"\nclient_id = \"weir\"\nclient_secret = { file = \"/oidc/b\" }\n\
                [worker.a]\n[worker.arm]\npassword = { file = \"/var/weir/arm\" }\n[worker.arm2]\npassword = { env = \"ARM\" }\n";
    let secret = |from: &str| format!("[secret]\nk = {{ {from} }}\n");
    for from in [
        "file = \"/var/weir/jwt.pem\"",
        "file = \"/var/other/../weir/jwt.pem\"",
        "file = \"/srv/weir.db-wal\"",
        "file = \"/keys/jwt.pem\"",
        "file = \"/keys/jwt.pem.retired/a\"",
        "file = \"/oidc/b\"",
        "env = \"OIDC\"",
        "file = \"../weir.toml\"",
        "file = \"other.toml\"",
        "file = \"/proc/self/environ\"",
        "env = \"WEIR_AUTH__JWT__LOCAL__KEY_FILE\"",
        "env = \"weir_x\"",
        "env = \"ARM\"",
        "env = \"MAIL\"",
    ] {
        let at = if from.starts_with("file") { "teams/core.toml:2:14" } else { "teams/core.toml:2:13" };
        assert_eq!(rules(&[("weir.toml", main), ("teams/core.toml", &secret(from))]), [at], "{from}");
        let inline = format!("{main}[team.core]\n[team.core.{}", &secret(from)[1..]);
        let is_relative = from.contains(".toml");
        assert_eq!(rules(&[("weir.toml", &inline)]).len(), usize::from(!is_relative), "{from}");
    }
    for from in ["file = \"/var/weir2/k\"", "file = \"k\"", "file = \"/etc/weir/secrets/k\"", "env = \"OWN\""] {
        assert!(rules(&[("weir.toml", main), ("teams/core.toml", &secret(from))]).is_empty(), "{from}");
    }
}

#[test]
fn no_team_s_file_names_another_team_s_secret_and_none_breaks_the_operator_s() {
    let of_a = "[secret]\nk = { env = \"OF_A\" }\nf = { file = \"/secrets/a\" }\n";
    let both = rules(&[("weir.toml", ""), ("teams/a.toml", of_a), ("teams/b.toml", of_a)]);
    let at = |team: &str, line: &str| format!("teams/{team}.toml:{line}");
    assert_eq!(both, [at("a", "2:13"), at("a", "3:14"), at("b", "2:13"), at("b", "3:14")]);

    let main =
        "[team.a]\n[team.a.secret]\nf = { file = \"/secrets/a\" }\n[team.c.secret]\nf = { file = \"/secrets/a\" }\n";
    assert_eq!(rules(&[("weir.toml", main), ("teams/b.toml", of_a)]), [at("b", "3:14")]);
}

#[test]
fn a_link_to_the_signing_key_is_found_when_the_configuration_is_checked() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for folder in ["state", "teams"] {
        std::fs::create_dir(at(folder)).unwrap();
    }
    std::fs::write(at("state/jwt.pem"), "signing-key").unwrap();
    std::os::unix::fs::symlink(at("state"), at("innocent")).unwrap();
    std::fs::write(at("weir.toml"), "").unwrap();
    std::fs::write(at("teams/core.toml"), "[secret]\nk = { file = \"../innocent/jwt.pem\" }\n").unwrap();
    let loaded = config::load(&at("weir.toml"), [], &TestCatalogue);
    assert!(said(&loaded).contains("[reserved-secret]"), "{}", said(&loaded));
    assert!(loaded.config.unwrap().teams["core"].secrets.is_empty());
}

#[test]
fn whether_something_reserved_is_there_is_not_told() {
    let main = "[server]\nstate_dir = \"/var/weir\"\n[auth.oidc.a]\nissuer = \"https://a.example.org\"\nclient_id = \"weir\"\nclient_secret = { env = \"NOT_THERE\" }\n";
    let team = "[secret]\na = { file = \"/var/weir/work/local/other\" }\nb = { env = \"NOT_THERE\" }\nc = { env = \"UNSET\" }\n";
    let said = said(&load_texts(&[("weir.toml", main), ("teams/core.toml", team)], &[]));
    assert_eq!(said.matches("[reserved-secret]").count(), 2, "{said}");
    let unset: Vec<_> =
        said.lines().filter(|line| line.contains("[unset-secret]") && line.contains("teams/")).collect();
    assert_eq!(unset.len(), 1, "{said}");
    assert!(unset[0].contains("`UNSET`"), "{said}");
}
