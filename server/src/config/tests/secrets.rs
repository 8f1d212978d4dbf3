//! Where secrets come from.

use super::{SHELL, load_texts, said, step};
use crate::config::team::Secret;
use crate::config::vault::Vault;
use expect_test::expect;

#[test]
fn a_credential_and_a_command_are_sources_like_any_other() {
    let main = "[team.core.secret]\na = { credential = \"weir-a\" }\nb = { command = [\"printf\", \"%s\\n\", \"value of $HOME\"] }\nc = { command = [\"sh\", \"-c\", \"echo s3cret >&2; exit 3\"] }\nd = { command = [\"/no/such/program\"] }\n";
    let loaded = load_texts(&[("weir.toml", main)], &[]);
    let text = said(&loaded);
    assert!(
        text.contains("weir.toml:2:20: warning: systemd gave no credential `weir-a`: what uses secret `a` will fail"),
        "{text}"
    );
    let config = loaded.config.unwrap();
    let team = &config.teams["core"];
    assert_eq!(team.secrets["a"].from, Secret::Credential("weir-a".to_owned()));
    let vault = Vault::of_team(team);
    assert_eq!(vault.read("b").unwrap().expose(), "value of $HOME");
    assert_eq!(vault.mask().text("it is value of $HOME."), "it is ***.");
    let why = |name: &str| vault.read(name).unwrap_err().to_string();
    assert_eq!(why("a"), "secret `a`: systemd gave this server no credentials");
    assert_eq!(why("c"), "secret `c`: its command ended with exit status: 3");
    assert_eq!(why("d"), "secret `d`: its command cannot be used: it cannot be started: entity not found");
}

#[test]
fn a_team_s_own_file_runs_no_command_and_names_no_path_for_a_credential() {
    let team = format!(
        "[secret]\na = {{ command = [\"id\"] }}\nb = {{ credential = \"../x\" }}\nc = {{ env = \"X\", credential = \"c\" }}\nd = {{}}\n{}",
        step(SHELL)
    );
    let loaded = load_texts(&[("weir.toml", ""), ("teams/core.toml", &team)], &[]);
    expect![[r#"
        teams/core.toml:2:17: a team's own file runs no command as the server [not-lent]
          key: team.core.secret.a.command
             2 | a = { command = ["id"] }
               |                 ^^^^^^
          expected: `env`, `file` or `credential`; the operator may write the command into `[team.NAME]`
        teams/core.toml:3:20: this is no name of a credential [bad-name]
          key: team.core.secret.b.credential
             3 | b = { credential = ... }
               |                    ^^^
          expected: a name as in `LoadCredential=NAME:PATH`
        teams/core.toml:4:5: this secret comes from several places [ambiguous]
          key: team.core.secret.c
             4 | c = { env = "X", credential = ... }
               |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
          expected: `{ env = "VARIABLE" }`, `{ file = "PATH" }`, `{ credential = "NAME" }` or `{ command = ["PROGRAM"] }`
        teams/core.toml:5:5: this secret comes from nowhere [missing-key]
          key: team.core.secret.d
             5 | d = ...
               |     ^^^
          expected: `{ env = "VARIABLE" }`, `{ file = "PATH" }`, `{ credential = "NAME" }` or `{ command = ["PROGRAM"] }`
    "#]].assert_eq(&said(&loaded));
}
