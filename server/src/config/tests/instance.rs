//! What is said of the instance's files and between files, exactly as it is printed.

use super::{Loaded, SHELL, check, check_team, load_texts, load_texts_keeping, said, step};
use expect_test::expect;

#[test]
fn an_unknown_key_is_an_error_and_the_nearest_is_named() {
    check(
        "[server]\ntitel = \"x\"\n",
        expect![[r#"
            weir.toml:2:1: unknown key `titel` [unknown-key]
              key: server.titel
                 2 | titel = ...
                   | ^^^^^
              expected: one of `title`, `listen`, `public_url`, `state_dir`, `database`, `plugin_dir`, `requests_per_s`, `quota`, `trusted_proxies`
              did you mean `title`?
        "#]],
    );
    check(
        "[sever]\nlisten = \"x\"\n",
        expect![[r#"
        weir.toml:1:2: unknown key `sever` [unknown-key]
          key: sever
             1 | [sever]
               |  ^^^^^
          expected: one of `server`, `auth`, `audit`, `plugin`, `mail`, `worker`, `team`, `view`
          did you mean `server`?
    "#]],
    );
    check_team(
        "titel = \"x\"\n[builder.a]\nlable = [\"linux\"]\n[[builder.a.step]]\nuse = \"shell\"\nwith = { comand = \"make\" }\n",
        expect![[r#"
            teams/core.toml:1:1: unknown key `titel` [unknown-key]
              key: team.core.titel
                 1 | titel = ...
                   | ^^^^^
              expected: one of `config`, `title`, `visibility`, `quota`, `weight`, `secret`, `source`, `recipe`, `builder`, `scheduler`, `reporter`, `view`
              did you mean `title`?
            teams/core.toml:3:1: unknown key `lable` [unknown-key]
              key: team.core.builder.a.lable
                 3 | lable = ...
                   | ^^^^^
              expected: one of `description`, `matrix`, `recipe`, `step`, `categories`, `labels`, `properties`, `env`, `force`
              did you mean `labels`?
            teams/core.toml:6:1: setting `command` is missing [bad-setting]
              key: team.core.builder.a.step[0].with.command
                 6 | with = { comand = "make" }
                   | ^^^^
              expected: `command` among the settings
            teams/core.toml:6:10: unknown setting `comand` [bad-setting]
              key: team.core.builder.a.step[0].with.comand
                 6 | with = { comand = ...
                   |          ^^^^^^
              expected: one of `command`, `env`, `jobs`, `workdir`
              did you mean `command`?
        "#]],
    );
}

#[test]
fn the_value_of_an_unknown_key_is_not_shown() {
    check(
        "[server]\ndatabse = \"postgres://u:s3cretpw@h/d\"\n",
        expect![[r#"
            weir.toml:2:1: unknown key `databse` [unknown-key]
              key: server.databse
                 2 | databse = ...
                   | ^^^^^^^
              expected: one of `title`, `listen`, `public_url`, `state_dir`, `database`, `plugin_dir`, `requests_per_s`, `quota`, `trusted_proxies`
              did you mean `database`?
        "#]],
    );
    check(
        "[mail]\npasword = 's3cretpw\nport = 25\n",
        expect![[r#"
            weir.toml:2:20: invalid literal string, expected `'` [toml-syntax]
                 2 | pasword = ...
                   |              ^
        "#]],
    );
}

#[test]
fn what_belongs_to_a_team_is_not_the_instance_s() {
    check(
        "[builder.a]\nlabels = []\n",
        expect![[r#"
            weir.toml:1:2: unknown key `builder` [unknown-key]
              key: builder
                 1 | [builder.a]
                   |  ^^^^^^^
              expected: `[team.NAME.builder...]`: it belongs to a team
        "#]],
    );
    check_team(
        "[worker.a]\nslots = 1\n",
        expect![[r#"
            teams/core.toml:1:2: unknown key `worker` [unknown-key]
              key: team.core.worker
                 1 | [worker.a]
                   |  ^^^^^^
              expected: `worker` at the top of the instance's file: it belongs to the instance
        "#]],
    );
}

#[test]
fn every_error_comes_at_once_sorted_by_place() {
    check(
        "[server]\nlisten = [\"nowhere\", \"127.0.0.1:1\"]\npublic_url = \"ftp://x/\"\n[worker.a]\nslots = 0\nisolation = \"lanlock\"\n[team.t]\nweight = \"2\"\n",
        expect![[r#"
            weir.toml:2:11: the string "nowhere" is no address to listen on [bad-address]
              key: server.listen[0]
                 2 | listen = ["nowhere", "127.0.0.1:1"]
                   |           ^^^^^^^^^
              expected: an address and a port such as `127.0.0.1:8010` or `[::1]:8010`
            weir.toml:3:14: `ftp://x/` is no URL that links can start with [bad-url]
              key: server.public_url
                 3 | public_url = "ftp://x/"
                   |              ^^^^^^^^^^
              expected: `http://` or `https://`, a host, and perhaps a path
            weir.toml:5:9: this is the number 0 [wrong-type]
              key: worker.a.slots
                 5 | slots = 0
                   |         ^
              expected: a whole number, at least 1
            weir.toml:6:13: `lanlock` is not known here [unknown-word]
              key: worker.a.isolation
                 6 | isolation = "lanlock"
                   |             ^^^^^^^^^
              expected: one of `landlock`, `none`
              did you mean `landlock`?
            weir.toml:7:7: warning: no file of `teams/` declares the team `t`: its limits here limit nobody [only-limits]
              key: team.t
                 7 | [team.t]
                   |       ^
              expected: `teams/t.toml`, or its builders in this table
            weir.toml:8:10: this is the string "2" [wrong-type]
              key: team.t.weight
                 8 | weight = "2"
                   |          ^^^
              expected: a whole number, at least 1
        "#]],
    );
}

#[test]
fn broken_syntax_is_located_and_the_other_files_are_still_checked() {
    let files = [("weir.toml", "[server\n"), ("teams/a.toml", "x = \n"), ("teams/b.toml", "titel = 1\n")];
    expect![[r#"
        teams/a.toml:1:5: string values must be quoted, expected literal string [toml-syntax]
             1 | x = 
               |     ^
        teams/b.toml:1:1: unknown key `titel` [unknown-key]
          key: team.b.titel
             1 | titel = ...
               | ^^^^^
          expected: one of `config`, `title`, `visibility`, `quota`, `weight`, `secret`, `source`, `recipe`, `builder`, `scheduler`, `reporter`, `view`
          did you mean `title`?
        weir.toml:1:8: unclosed table, expected `]` [toml-syntax]
             1 | [server
               |        ^
    "#]].assert_eq(&said(&load_texts(&files, &[])));
}

#[test]
fn values_of_the_wrong_type() {
    check(
        "[server]\ntitle = 5\n[team]\nx = 1\n[view.a]\ncategories = \"x\"\norder = [1]\n",
        expect![[r#"
            weir.toml:2:9: this is the number 5 [wrong-type]
              key: server.title
                 2 | title = 5
                   |         ^
              expected: a string
            weir.toml:4:5: this is the number 1 [wrong-type]
              key: team.x
                 4 | x = 1
                   |     ^
              expected: a table
            weir.toml:6:14: this is the string "x" [wrong-type]
              key: view.a.categories
                 6 | categories = "x"
                   |              ^^^
              expected: a list, each a pattern such as `full-*`
            weir.toml:7:10: this is the number 1 [wrong-type]
              key: view.a.order[0]
                 7 | order = [1]
                   |          ^
              expected: a string
        "#]],
    );
    check_team(
        "visibility = \"pubic\"\nquota = { builds = -1, log_bytes = \"64 MB\", history = \"1w\" }\n",
        expect![[r#"
            teams/core.toml:1:14: `pubic` is not known here [unknown-word]
              key: team.core.visibility
                 1 | visibility = "pubic"
                   |              ^^^^^^^
              expected: one of `public`, `internal`, `private`
              did you mean `public`?
            teams/core.toml:2:20: this is the number -1 [wrong-type]
              key: team.core.quota.builds
                 2 | quota = { builds = -1, log_bytes = "64 MB", history = "1w" }
                   |                    ^^
              expected: a whole number, at least 1
            teams/core.toml:2:36: `64 MB` is no size [bad-size]
              key: team.core.quota.log_bytes
                 2 | quota = { builds = -1, log_bytes = "64 MB", history = "1w" }
                   |                                    ^^^^^^^
              expected: a size such as `512 KiB`, `64 MiB`, `1 GiB`
            teams/core.toml:2:55: `1w` is no span of time [bad-span]
              key: team.core.quota.history
                 2 | quota = { builds = -1, log_bytes = "64 MB", history = "1w" }
                   |                                                       ^^^^
              expected: a span of time such as `30s`, `10m`, `24h`, `90d`
        "#]],
    );
}

#[test]
fn a_secret_in_the_wrong_place_is_not_shown() {
    check(
        "[worker.a]\npassword = \"hunter2\"\n[[auth.user]]\nname = \"a\"\npassword_hash = \"hunter2\"\n",
        expect![[r#"
            weir.toml:2:12: this is a string; a secret does not stand in the configuration [wrong-type]
              key: worker.a.password
                 2 | password = ...
                   |            ^^^
              expected: `{ env = "VARIABLE" }`, `{ file = "PATH" }`, `{ credential = "NAME" }` or `{ command = ["PROGRAM"] }`
            weir.toml:5:17: this is no password hash [bad-hash]
              key: auth.user[0].password_hash
                 5 | password_hash = ...
                   |                 ^^^
              expected: an argon2id hash, `$argon2id$v=19$...`
        "#]],
    );
    check(
        "[server]\ndatabase = \"mysql://root:hunter2@db/weir\"\n",
        expect![[r#"
        weir.toml:2:12: this names no database [bad-database]
          key: server.database
             2 | database = ...
               |            ^^^
          expected: `sqlite:PATH` or `postgres://...`
    "#]],
    );
}

#[test]
fn a_view_name_is_taken_and_it_is_not_said_by_whom() {
    let main = "[view.x]\n[view.y]\nexclude = [\"*\"]\n[team.docs]\n";
    let one = format!("[view.x]\n[view.z]\n{}", step(SHELL));
    let files = [("weir.toml", main), ("teams/b.toml", "[view.z]\n"), ("teams/a.toml", &one)];
    expect![[r#"
        teams/a.toml:1:7: the view name `x` is taken [name-taken]
          key: team.a.view.x
             1 | [view.x]
               |       ^
          expected: a name that no other view of the instance has
        teams/b.toml:1:7: the view name `z` is taken [name-taken]
          key: team.b.view.z
             1 | [view.z]
               |       ^
          expected: a name that no other view of the instance has
        weir.toml:2:7: warning: view `y` selects no builder [selects-nothing]
          key: view.y
             2 | [view.y]
               |       ^
          expected: patterns that together fit at least one builder
    "#]]
    .assert_eq(&said(&load_texts(&files, &[])));
}

#[test]
fn a_named_section_stands_in_one_file() {
    let files = [
        ("weir.toml", "[worker.a]\nslots = 1\n[team.docs]\ntitle = \"Docs\"\n[server]\ntitle = \"x\"\n"),
        ("conf.d/1.toml", "[server]\ntitle = \"y\"\n[worker.a]\nslots = 2\n"),
        ("teams/docs.toml", "title = \"Mine\"\n"),
    ];
    let loaded = load_texts(&files, &[]);
    expect![[r#"
        conf.d/1.toml:3:9: [worker.a] is already declared in weir.toml [declared-twice]
          key: worker.a
             3 | [worker.a]
               |         ^
          expected: each named section whole in one file
        teams/docs.toml:1:1: the team name `docs` is taken [name-taken]
          key: team.docs
          expected: another name for this file, or at most `quota` and `weight` in the [team] table of that name
    "#]]
    .assert_eq(&said(&loaded));
}

#[test]
fn limits_that_the_operator_writes_hold_over_those_of_a_team_s_own_file() {
    let team = format!("quota = {{ builds = 100, queued = 100 }}\nweight = 1000\n{}", step(SHELL));
    let limits = "[team.core]\nquota = { builds = 2 }\n";
    let load = |main: &str, conf: &str, team: &str| {
        let files = [("weir.toml", main), ("conf.d/limits.toml", conf), ("teams/core.toml", team)];
        load_texts(&files, &[])
    };
    let none = load("", "", &team);
    let quota = |loaded: &Loaded| {
        let team = &loaded.config.as_ref().unwrap().teams["core"];
        (team.quota.builds, team.quota.queued, team.weight, team.builders.len())
    };
    assert_eq!(quota(&none), (Some(100), 100, 1000, 1), "{}", said(&none));
    let bounded = load("", limits, &team);
    assert_eq!(quota(&bounded), (Some(2), 1000, 1000, 1));
    expect![[r#"
        teams/core.toml:1:1: warning: `quota` of this team is the operator's to write [not-lent]
          key: team.core.quota
             1 | quota = { builds = 100, queued = 100 }
               | ^^^^^
          expected: nothing here: what `[team.NAME]` of the instance's files says holds, and this does not
    "#]]
    .assert_eq(&said(&bounded));
    let both = load(&format!("{limits}weight = 3\n"), "", &team);
    assert_eq!(quota(&both), (Some(2), 1000, 3, 1));

    // Broken, the team stays what it was, within its limits; and its limits are the instance's.
    let texts = &none.config.as_ref().unwrap().team_texts;
    let files = [("weir.toml", limits), ("teams/core.toml", "titel = 1\n")];
    let kept = load_texts_keeping(&files, &[], texts);
    assert_eq!(quota(&kept), (Some(2), 1000, 1000, 1), "{}", said(&kept));
    assert_eq!(kept.config.unwrap().broken_teams.keys().collect::<Vec<_>>(), ["core"]);
    let wrong = load("[team.core]\nquota = { bilds = 2 }\n", "", &team);
    assert!(wrong.config.is_none() && said(&wrong).contains("weir.toml:2:11: unknown key `bilds`"), "{}", said(&wrong));
    // A team of which nothing else is said is probably misspelt.
    let nobody = load_texts(&[("weir.toml", limits)], &[]);
    expect![[r#"
        weir.toml:1:7: warning: no file of `teams/` declares the team `core`: its limits here limit nobody [only-limits]
          key: team.core
             1 | [team.core]
               |       ^^^^
          expected: `teams/core.toml`, or its builders in this table
    "#]]
    .assert_eq(&said(&nobody));
}

#[test]
fn what_a_team_s_quota_does_not_say_the_instance_says_for_all() {
    let main = "[server]\nquota = { stored_bytes = \"50 GiB\", queued = 9, history = \"365d\" }\n[team.plain]\ntitle = \"x\"\n[team.own]\ntitle = \"y\"\nquota = { stored_bytes = \"1 GiB\", builds = 1 }\n";
    let loaded = load_texts(&[("weir.toml", main)], &[("WEIR_SERVER__QUOTA__HISTORY", "30d")]);
    assert_eq!(said(&loaded), "");
    let config = loaded.config.unwrap();
    let quota = |team: &str| {
        let quota = config.teams[team].quota;
        let days = quota.history.map(|span| span.0.as_secs() / 86_400);
        (quota.builds, quota.queued, quota.stored_bytes.map(|size| size.0 >> 30), days)
    };
    assert_eq!(quota("plain"), (None, 9, Some(50), Some(30)));
    assert_eq!(quota("own"), (Some(1), 9, Some(1), Some(30)));
    let wrong = said(&load_texts(&[("weir.toml", "[server]\nquota = { stored = 1 }\n")], &[]));
    assert!(wrong.contains("weir.toml:2:11: unknown key `stored`"), "{wrong}");
}

#[test]
fn who_may_be_believed() {
    check(
        "[auth.jwt.forge]\nissuer = \"x\"\nalgorithms = [\"none\", \"HS256\"]\n[[auth.grant]]\nissuer = \"forg\"\nclaim = \"g\"\nvalue = 1\nteam = \"cor\"\nrole = \"admin\"\n[[auth.user]]\nname = \"a\"\nteams = { core = \"owner\" }\n[team.core]\n",
        expect![[r#"
            weir.toml:1:11: `audience` is missing [missing-key]
              key: auth.jwt.forge.audience
                 1 | [auth.jwt.forge]
                   |           ^^^^^
              expected: `audience` with a string
            weir.toml:1:11: `jwks_url` is missing [missing-key]
              key: auth.jwt.forge.jwks_url
                 1 | [auth.jwt.forge]
                   |           ^^^^^
              expected: `jwks_url` with a URL such as `https://ci.example.org/`
            weir.toml:3:15: `none` is not known here [unknown-word]
              key: auth.jwt.forge.algorithms[0]
                 3 | algorithms = ["none", "HS256"]
                   |               ^^^^^^
              expected: one of `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `EdDSA`
            weir.toml:3:23: `HS256` is not known here [unknown-word]
              key: auth.jwt.forge.algorithms[1]
                 3 | algorithms = ["none", "HS256"]
                   |                       ^^^^^^^
              expected: one of `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `EdDSA`
              did you mean `ES256`?
            weir.toml:5:10: there is no issuer `forg` under [auth.jwt] or [auth.oidc] [unknown-issuer]
              key: auth.grant[0].issuer
                 5 | issuer = "forg"
                   |          ^^^^^^
              expected: `forge`
              did you mean `forge`?
            weir.toml:8:8: there is no team `cor` [unknown-team]
              key: auth.grant[0].team
                 8 | team = "cor"
                   |        ^^^^^
              expected: `core`
              did you mean `core`?
            weir.toml:10:1: `password_hash` is missing [missing-key]
              key: auth.user[0].password_hash
                10 | [[auth.user]]
                   | ^^^^^^^^^^^^^
              expected: `password_hash` with an argon2id hash, `$argon2id$v=19$...`
            weir.toml:12:18: an owner is not of one team [unknown-word]
              key: auth.user[0].teams.core
                12 | teams = { core = "owner" }
                   |                  ^^^^^^^
              expected: `owner = true` beside `teams`
        "#]],
    );
}

#[test]
fn what_a_variable_says_is_checked_as_well() {
    let environment = [("WEIR_SERVER__LISTN", "x"), ("WEIR_WORKER__A__SLOTS", "many"), ("WEIR_CONFIG", "x")];
    expect![[r#"
        environment WEIR_SERVER__LISTN: unknown key `listn` [unknown-key]
          key: server.listn
          expected: one of `title`, `listen`, `public_url`, `state_dir`, `database`, `plugin_dir`, `requests_per_s`, `quota`, `trusted_proxies`
          did you mean `listen`?
        environment WEIR_WORKER__A__SLOTS: this is the string "many" [wrong-type]
          key: worker.a.slots
          expected: a whole number, at least 1
    "#]]
    .assert_eq(&said(&load_texts(&[("weir.toml", "[worker.a]\nslots = 1\n")], &environment)));
}

#[test]
fn a_user_who_would_be_somebody_else_in_the_audit_is_an_error_and_so_are_two_of_one_name() {
    let user =
        |name: &str| format!("[[auth.user]]\nname = {name:?}\npassword_hash = \"$argon2id$v=19$m=1,t=1,p=1$YQ$YQ\"\n");
    let wrong = ["system", "main:ada", " ada", "ada", "ada"].map(user).concat();
    check(
        &wrong,
        expect![[r#"
        weir.toml:2:8: `system` is no user name: that is what the audit calls somebody else [bad-name]
          key: auth.user[0].name
             2 | name = "system"
               |        ^^^^^^^^
          expected: a name such as `ada`, `Ada Lovelace` or `ada@example.org`
        weir.toml:5:8: `main:ada` is no user name: use 1 to 100 printable characters without `:` and without blanks at the ends [bad-name]
          key: auth.user[1].name
             5 | name = "main:ada"
               |        ^^^^^^^^^^
          expected: a name such as `ada`, `Ada Lovelace` or `ada@example.org`
        weir.toml:8:8: ` ada` is no user name: use 1 to 100 printable characters without `:` and without blanks at the ends [bad-name]
          key: auth.user[2].name
             8 | name = " ada"
               |        ^^^^^^
          expected: a name such as `ada`, `Ada Lovelace` or `ada@example.org`
        weir.toml:14:8: there are two users `ada` [name-taken]
          key: auth.user[4].name
            14 | name = "ada"
               |        ^^^^^
          expected: each user once
    "#]],
    );
}

#[test]
fn an_audit_that_nobody_could_read_in_time_is_an_error() {
    check(
        "[audit]\nkeep = \"1h\"\n",
        expect![[r#"
        weir.toml:2:8: the audit would be gone before anybody reads it [too-short]
          key: audit.keep
             2 | keep = "1h"
               |        ^^^^
          expected: a day at least, such as `90d` or `730d`
    "#]],
    );
    let loaded = load_texts(&[("weir.toml", "[audit]\nkeep = \"90d\"\n")], &[]);
    assert_eq!(loaded.config.unwrap().audit.keep.as_secs(), 90 * 86_400);
    let loaded = load_texts(&[("weir.toml", "")], &[("WEIR_AUDIT__KEEP", "30d")]);
    assert_eq!(loaded.config.unwrap().audit.keep.as_secs(), 30 * 86_400);
}
