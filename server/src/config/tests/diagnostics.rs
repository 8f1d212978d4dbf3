//! Each kind of error, exactly as it is printed.

use super::{load_texts, said};
use expect_test::{Expect, expect};

/// What is said of one main file.
fn check(main: &str, expected: Expect) {
    expected.assert_eq(&said(&load_texts(&[("weir.toml", main)], &[])));
}

/// What is said of one team's file beside a main file that declares nothing.
fn check_team(team: &str, expected: Expect) {
    expected.assert_eq(&said(&load_texts(&[("weir.toml", ""), ("teams/core.toml", team)], &[])));
}

/// A team's file with one builder, whose only step has these settings.
fn step(with: &str) -> String {
    format!("[[builder.a.step]]\n{with}\n")
}

const SHELL: &str = "use = \"shell\"\nwith = { command = \"make\" }";

#[test]
fn an_unknown_key_is_an_error_and_the_nearest_is_named() {
    check(
        "[server]\ntitel = \"x\"\n",
        expect![[r#"
        weir.toml:2:1: unknown key `titel` [unknown-key]
          key: server.titel
             2 | titel = "x"
               | ^^^^^
          expected: one of `title`, `listen`, `public_url`, `state_dir`, `database`, `plugin_dir`
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
          expected: one of `server`, `auth`, `plugin`, `mail`, `worker`, `team`, `view`
          did you mean `server`?
    "#]],
    );
    check_team(
        "titel = \"x\"\n[builder.a]\nlable = [\"linux\"]\n[[builder.a.step]]\nuse = \"shell\"\nwith = { comand = \"make\" }\n",
        expect![[r#"
            teams/core.toml:1:1: unknown key `titel` [unknown-key]
              key: team.core.titel
                 1 | titel = "x"
                   | ^^^^^
              expected: one of `title`, `visibility`, `quota`, `weight`, `secret`, `source`, `recipe`, `builder`, `scheduler`, `reporter`, `view`
              did you mean `title`?
            teams/core.toml:3:1: unknown key `lable` [unknown-key]
              key: team.core.builder.a.lable
                 3 | lable = ["linux"]
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
                 6 | with = { comand = "make" }
                   |          ^^^^^^
              expected: one of `command`, `env`, `jobs`, `workdir`
              did you mean `command`?
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
             1 | titel = 1
               | ^^^^^
          expected: one of `title`, `visibility`, `quota`, `weight`, `secret`, `source`, `recipe`, `builder`, `scheduler`, `reporter`, `view`
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
              expected: `{ env = "VARIABLE" }` or `{ file = "PATH" }`
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
fn secrets_must_exist_and_an_unset_variable_is_a_warning() {
    let team = "[secret]\nkey = { env = \"NOT_SET\" }\nboth = { env = \"A\", file = \"b\" }\n";
    check_team(
        &format!(
            "{team}{}",
            step("use = \"shell\"\nwith = { command = \"x\", env = { TOKEN = { secret = \"kee\" } } }")
        ),
        expect![[r#"
            teams/core.toml:2:15: warning: variable `NOT_SET` is not set: what uses secret `key` will fail [unset-secret]
              key: team.core.secret.key.env
                 2 | key = { env = "NOT_SET" }
                   |               ^^^^^^^^^
              expected: `NOT_SET` in the server's environment
            teams/core.toml:3:8: this secret comes from two places [ambiguous]
              key: team.core.secret.both
                 3 | both = { env = "A", file = "b" }
                   |        ^^^^^^^^^^^^^^^^^^^^^^^^^
              expected: `{ env = "VARIABLE" }` or `{ file = "PATH" }`
            teams/core.toml:6:52: the team has no secret `kee` [unknown-secret]
              key: team.core.builder.a.step[0].with.env.TOKEN.secret
                 6 | with = { command = "x", env = { TOKEN = { secret = "kee" } } }
                   |                                                    ^^^^^
              expected: `key`
              did you mean `key`?
        "#]],
    );
}

#[test]
fn settings_are_checked_against_the_plugin_s_schema() {
    check_team(
        &step("use = \"sehll\""),
        expect![[r#"
        teams/core.toml:2:7: unknown plugin `sehll` [unknown-plugin]
          key: team.core.builder.a.step[0].use
             2 | use = "sehll"
               |       ^^^^^^^
          expected: a plugin that is present: one of `git`, `shell`, `webhook`
          did you mean `shell`?
    "#]],
    );
    check_team(
        &step("use = \"webhook\"\nwith = { url = \"x\" }"),
        expect![[r#"
        teams/core.toml:2:7: plugin `webhook` delivers status [wrong-plugin]
          key: team.core.builder.a.step[0].use
             2 | use = "webhook"
               |       ^^^^^^^^^
          expected: a plugin that runs steps
    "#]],
    );
    check_team(
        &step("use = \"bad\""),
        expect![[r#"
        teams/core.toml:2:7: plugin `bad` cannot be used: it wants another version of the contract [broken-plugin]
          key: team.core.builder.a.step[0].use
             2 | use = "bad"
               |       ^^^^^
    "#]],
    );
    check_team(
        &step("use = \"git\"\nwith = { mode = \"ful\", depth = 0 }"),
        expect![[r#"
        teams/core.toml:3:1: setting `repository` is missing [bad-setting]
          key: team.core.builder.a.step[0].with.repository
             3 | with = { mode = "ful", depth = 0 }
               | ^^^^
          expected: `repository` among the settings
        teams/core.toml:3:17: "ful" is not known here [bad-setting]
          key: team.core.builder.a.step[0].with.mode
             3 | with = { mode = "ful", depth = 0 }
               |                 ^^^^^
          expected: one of `full`, `incremental`
          did you mean `full`?
        teams/core.toml:3:32: 0 is less than the minimum of 1 [bad-setting]
          key: team.core.builder.a.step[0].with.depth
             3 | with = { mode = "ful", depth = 0 }
               |                                ^
    "#]],
    );
    check_team(
        &step("use = \"shell\"\nwith = { command = [\"make\", 1], jobs = \"two\" }"),
        expect![[r#"
            teams/core.toml:3:29: 1 has the wrong type [bad-setting]
              key: team.core.builder.a.step[0].with.command[1]
                 3 | with = { command = ["make", 1], jobs = "two" }
                   |                             ^
              expected: a string
            teams/core.toml:3:40: "two" has the wrong type [bad-setting]
              key: team.core.builder.a.step[0].with.jobs
                 3 | with = { command = ["make", 1], jobs = "two" }
                   |                                        ^^^^^
              expected: a whole number
        "#]],
    );
}

#[test]
fn a_placeholder_or_a_secret_may_stand_for_any_type() {
    check_team(
        &step("use = \"shell\"\nwith = { command = [\"make\", \"{{x}}\"], jobs = \"{{jobs}}\" }"),
        expect![[""]],
    );
}

#[test]
fn a_plugin_that_is_not_lent_to_the_team_is_an_error() {
    let main = "[plugin.shell]\nteams = [\"docs\"]\n[plugin.absent]\nhttp = [\"https://x\"]\n[team.docs]\n";
    let files = [("weir.toml", main), ("teams/core.toml", &step(SHELL))];
    expect![[r#"
        teams/core.toml:2:7: team `core` may not use plugin `shell` [plugin-not-lent]
          key: team.core.builder.a.step[0].use
             2 | use = "shell"
               |       ^^^^^^^
          expected: a plugin that [plugin.shell] `teams` lends to this team
        weir.toml:3:9: warning: plugin `absent` is not present, so its table does nothing [unknown-plugin]
          key: plugin.absent
             3 | [plugin.absent]
               |         ^^^^^^
          expected: a plugin that is present: one of `git`, `shell`, `webhook`
        weir.toml:4:9: `https://x` is no host with a port [bad-host]
          key: plugin.absent.http[0]
             4 | http = ["https://x"]
               |         ^^^^^^^^^^^
          expected: `HOST:PORT` such as `hooks.example.org:443` or `*.example.org:443`
    "#]]
    .assert_eq(&said(&load_texts(&files, &[])));
}

#[test]
fn a_builder_needs_a_fitting_worker() {
    let main = "[worker.a]\nlabels = [\"linux\"]\nteams = [\"core\"]\n[team.docs]\n";
    let builder = format!("[builder.a]\nlabels = [\"linx\"]\n{}", step(SHELL));
    let lonely = step(SHELL).replace("builder", "team.docs.builder");
    let files = [("weir.toml", &*format!("{main}{lonely}")), ("teams/core.toml", &builder)];
    expect![[r#"
        teams/core.toml:2:10: no worker runs `a`: none has all of ["linx"] [no-worker]
          key: team.core.builder.a.labels
             2 | labels = ["linx"]
               |          ^^^^^^^^
          expected: worker `a` ["linux"]
          did you mean `linux`?
        weir.toml:5:21: no worker runs `a`: none is lent to team `docs` [no-worker]
          key: team.docs.builder.a.labels
             5 | [[team.docs.builder.a.step]]
               |                     ^
          expected: a worker without `teams`, or one whose `teams` name `docs`
    "#]]
    .assert_eq(&said(&load_texts(&files, &[])));
}

#[test]
fn builders_recipes_and_steps() {
    check_team(
        "[builder.a]\nrecipe = \"unix\"\n[builder.b]\n[recipe.linux]\nstep = []\n[builder.\"a/b\"]\nrecipe = \"linux\"\n",
        expect![[r#"
            teams/core.toml:2:10: the team has no recipe `unix` [unknown-recipe]
              key: team.core.builder.a.recipe
                 2 | recipe = "unix"
                   |          ^^^^^^
              expected: `linux`
            teams/core.toml:3:10: this builder has no steps [no-steps]
              key: team.core.builder.b
                 3 | [builder.b]
                   |          ^
              expected: `recipe = "NAME"` or `[[...step]]` tables
            teams/core.toml:6:10: `a/b` is no builder name: use 1 to 100 printable characters without `/ * ? [ ] { }` and without blanks at the ends [bad-name]
              key: team.core.builder."a/b"
                 6 | [builder."a/b"]
                   |          ^^^^^
        "#]],
    );
    check_team(
        &format!("{}name = \"x\"\n{}name = \"x\"\ntimeout = \"0s\"\nwhen = [\"failed\"]\n", step(SHELL), step(SHELL)),
        expect![[r#"
            teams/core.toml:8:8: two steps of team.core.builder.a are called `x` [name-taken]
              key: team.core.builder.a.step[1].name
                 8 | name = "x"
                   |        ^^^
              expected: each step's name once in its builder
            teams/core.toml:9:11: a timeout of no length ends every command [bad-span]
              key: team.core.builder.a.step[1].timeout
                 9 | timeout = "0s"
                   |           ^^^^
              expected: at least `1s`
            teams/core.toml:10:9: `failed` is not known here [unknown-word]
              key: team.core.builder.a.step[1].when[0]
                10 | when = ["failed"]
                   |         ^^^^^^^^
              expected: one of `success`, `warnings`, `failure`, `skipped`, `exception`, `retry`, `cancelled`
              did you mean `failure`?
        "#]],
    );
}

#[test]
fn a_matrix_must_tell_its_builders_apart() {
    let team = format!(
        "[builder.a]\nmatrix = {{ v = [\"1\", \"2\"], w = [1.5] }}\ncategories = [\"{{{{u}}}}\"]\nproperties = {{ v = 1 }}\n{}",
        step(SHELL)
    );
    check_team(
        &team,
        expect![[r#"
        teams/core.toml:1:10: there are two builders `a` [name-taken]
          key: team.core.builder.a
             1 | [builder.a]
               |          ^
          expected: every key of the matrix in the name, and no other builder of that name
        teams/core.toml:2:33: this is the number 1.5 [wrong-type]
          key: team.core.builder.a.matrix.w[0]
             2 | matrix = { v = ["1", "2"], w = [1.5] }
               |                                 ^^^
          expected: a string, a whole number, `true` or `false`; `"2.10"` needs its quotes
        teams/core.toml:3:15: `{{u}}` is no key of the matrix [unknown-placeholder]
          key: team.core.builder.a.categories[0]
             3 | categories = ["{{u}}"]
               |               ^^^^^^^
          expected: a key of the matrix: `v`
        teams/core.toml:4:16: property `v` is a key of the matrix, too [name-taken]
          key: team.core.builder.a.properties.v
             4 | properties = { v = 1 }
               |                ^
          expected: one of the two
    "#]],
    );
}

#[test]
fn force_parameters_are_checked_with_their_defaults() {
    let parameters = "
        { name = \"a\", type = \"choice\", choices = [\"x\"], default = \"y\" },
        { name = \"a\", type = \"int\", pattern = \"x\", default = \"1\" },
        { name = \"b\", type = \"string\", pattern = \"[\" },
        { name = \"c\", type = \"string\", pattern = \"ab?\", default = \"abb\" },
        { type = \"chioce\" },
        { name = \"d\", type = \"choice\" },
    ";
    check_team(
        &format!("[builder.a]\nforce = {{ parameters = [{parameters}] }}\n{}", step(SHELL)),
        expect![[r#"
            teams/core.toml:3:67: the default "y" does not fit: `x` is wanted [bad-default]
              key: team.core.builder.a.force.parameters[0].default
                 3 |         { name = "a", type = "choice", choices = ["x"], default = "y" },
                   |                                                                   ^^^
            teams/core.toml:4:18: there are two parameters `a` [name-taken]
              key: team.core.builder.a.force.parameters[1].name
                 4 |         { name = "a", type = "int", pattern = "x", default = "1" },
                   |                  ^^^
              expected: each parameter once
            teams/core.toml:4:37: only a `string` or `text` has a pattern [misplaced-key]
              key: team.core.builder.a.force.parameters[1].pattern
                 4 |         { name = "a", type = "int", pattern = "x", default = "1" },
                   |                                     ^^^^^^^
              expected: `type = "string"`, or no `pattern`
            teams/core.toml:4:62: the default "1" does not fit: a whole number is wanted [bad-default]
              key: team.core.builder.a.force.parameters[1].default
                 4 |         { name = "a", type = "int", pattern = "x", default = "1" },
                   |                                                              ^^^
            teams/core.toml:5:50: this is no regular expression: unclosed character class [bad-pattern]
              key: team.core.builder.a.force.parameters[2].pattern
                 5 |         { name = "b", type = "string", pattern = "[" },
                   |                                                  ^^^
            teams/core.toml:6:67: the default "abb" does not fit: it does not match ab? [bad-default]
              key: team.core.builder.a.force.parameters[3].default
                 6 |         { name = "c", type = "string", pattern = "ab?", default = "abb" },
                   |                                                                   ^^^^^
            teams/core.toml:7:9: `name` is missing [missing-key]
              key: team.core.builder.a.force.parameters[4].name
                 7 |         { type = "chioce" },
                   |         ^^^^^^^^^^^^^^^^^^^
              expected: `name` with a string
            teams/core.toml:7:18: `chioce` is not known here [unknown-word]
              key: team.core.builder.a.force.parameters[4].type
                 7 |         { type = "chioce" },
                   |                  ^^^^^^^^
              expected: one of `string`, `text`, `int`, `bool`, `choice`
              did you mean `choice`?
            teams/core.toml:8:9: `choices` is missing [missing-key]
              key: team.core.builder.a.force.parameters[5].choices
                 8 |         { name = "d", type = "choice" },
                   |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              expected: `choices` with a list of strings
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
          expected: another name for this file, or no [team] table of that name
    "#]]
    .assert_eq(&said(&loaded));
}

#[test]
fn patterns_times_and_what_they_select() {
    let team = "[view.v]\nbuilders = [\"[\"]\nwindow = \"0s\"\n[scheduler.s]\non = \"time\"\ncron = \"daily\"\nbuilders = [\"x\"]\n[scheduler.t]\non = \"chance\"\n";
    check_team(
        team,
        expect![[r#"
            teams/core.toml:2:13: `[` is no pattern: unclosed character class; missing ']' [bad-pattern]
              key: team.core.view.v.builders[0]
                 2 | builders = ["["]
                   |             ^^^
              expected: a pattern such as `full-*`
            teams/core.toml:3:10: a window of no length shows nothing [bad-span]
              key: team.core.view.v.window
                 3 | window = "0s"
                   |          ^^^^
              expected: at least `1s`
            teams/core.toml:6:8: `daily` is no time in five fields [bad-cron]
              key: team.core.scheduler.s.cron
                 6 | cron = "daily"
                   |        ^^^^^^^
              expected: minute, hour, day of month, month, day of week, such as `0 3 * * *`
            teams/core.toml:7:12: warning: this scheduler starts no builder of the team [selects-nothing]
              key: team.core.scheduler.s.builders
                 7 | builders = ["x"]
                   |            ^^^^^
            teams/core.toml:8:12: `builders` is missing [missing-key]
              key: team.core.scheduler.t.builders
                 8 | [scheduler.t]
                   |            ^
              expected: `builders` with a list, each a pattern such as `full-*`
            teams/core.toml:9:6: `chance` is not known here [unknown-word]
              key: team.core.scheduler.t.on
                 9 | on = "chance"
                   |      ^^^^^^^^
              expected: one of `change`, `time`, `after`
              did you mean `change`?
        "#]],
    );
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
            weir.toml:5:10: there is no issuer `forg` under [auth.jwt] [unknown-issuer]
              key: auth.grant[0].issuer
                 5 | issuer = "forg"
                   |          ^^^^^^
              expected: one of `forge`, `local`
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
          expected: one of `title`, `listen`, `public_url`, `state_dir`, `database`, `plugin_dir`
          did you mean `listen`?
        environment WEIR_WORKER__A__SLOTS: this is the string "many" [wrong-type]
          key: worker.a.slots
          expected: a whole number, at least 1
    "#]]
    .assert_eq(&said(&load_texts(&[("weir.toml", "[worker.a]\nslots = 1\n")], &environment)));
}
