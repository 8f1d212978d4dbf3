//! What is said of builders, steps, settings and views, exactly as it is printed.

use super::{SHELL, check_team, load_texts, said, step};
use expect_test::expect;

#[test]
fn secrets_must_exist_and_an_unset_variable_is_a_warning() {
    let team =
        "[secret]\nkey = { env = \"NOT_SET\" }\nfile = { file = \"no/such\" }\nboth = { env = \"A\", file = \"b\" }\n";
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
            teams/core.toml:3:17: warning: `/etc/weir/teams/no/such` does not exist: what uses secret `file` will fail [unset-secret]
              key: team.core.secret.file.file
                 3 | file = { file = "no/such" }
                   |                 ^^^^^^^^^
              expected: a file; a relative path starts in the folder of the file that says so
            teams/core.toml:4:8: this secret comes from several places [ambiguous]
              key: team.core.secret.both
                 4 | both = { env = "A", file = "b" }
                   |        ^^^^^^^^^^^^^^^^^^^^^^^^^
              expected: `{ env = "VARIABLE" }`, `{ file = "PATH" }`, `{ credential = "NAME" }` or `{ command = ["PROGRAM"] }`
            teams/core.toml:7:52: the team has no secret `kee` [unknown-secret]
              key: team.core.builder.a.step[0].with.env.TOKEN.secret
                 7 | with = { command = "x", env = { TOKEN = { secret = "kee" } } }
                   |                                                    ^^^^^
              expected: one of `file`, `key`
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
        weir.toml:4:9: `https://x` is no host with a port: it has no port [bad-host]
          key: plugin.absent.http[0]
             4 | http = ["https://x"]
               |         ^^^^^^^^^^^
          expected: a port, as in `https://x:443`
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
fn a_secret_may_be_bound_to_hosts_and_is_handed_over_in_one_way_only() {
    let hosts = "[secret]\nhook = { env = \"PATH\", hosts = [\"hooks.example.org\", \"a.example.org:443\"] }\n";
    let with = "use = \"shell\"\nwith = { command = \"make\", env = { A = { secret = \"hook\" }, B = { \"$secret\" = \"hook\" } } }";
    let files = [("weir.toml", ""), ("teams/core.toml", &format!("{hosts}{}", step(with)))];
    expect![[r#"
        teams/core.toml:2:33: `hooks.example.org` is no host with a port: it has no port [bad-host]
          key: team.core.secret.hook.hosts[0]
             2 | hook = { env = "PATH", hosts = ["hooks.example.org", "a.example.org:443"] }
               |                                 ^^^^^^^^^^^^^^^^^^^
          expected: a port, as in `hooks.example.org:443`
        teams/core.toml:5:67: `$secret` is what the plugin sees of a secret [bad-secret]
          key: team.core.builder.a.step[0].with.env.B."$secret"
             5 | with = { command = "make", env = { A = { secret = "hook" }, B = { "$secret" = ... } } }
               |                                                                   ^^^^^^^^^
          expected: `{ secret = "NAME" }`
    "#]]
    .assert_eq(&said(&load_texts(&files, &[("PATH", "x")])));
}

#[test]
fn a_network_in_a_grant_is_written_as_one() {
    super::check(
        "[plugin.git]\nhttp = [\"10.0.0.0/8\", \"http://[fd00::1]:80\", \"10.1.2.3/8\", \"10.1.2.3\"]\n",
        expect![[r#"
            weir.toml:2:46: `10.1.2.3/8` is an address in a network [bad-host]
              key: plugin.git.http[2]
                 2 | http = ["10.0.0.0/8", "http://[fd00::1]:80", "10.1.2.3/8", "10.1.2.3"]
                   |                                              ^^^^^^^^^^^^
              expected: `10.0.0.0/8`
            weir.toml:2:60: `10.1.2.3` has no port [bad-host]
              key: plugin.git.http[3]
                 2 | http = ["10.0.0.0/8", "http://[fd00::1]:80", "10.1.2.3/8", "10.1.2.3"]
                   |                                                            ^^^^^^^^^^
              expected: `10.1.2.3:PORT` to grant calls to it, or `10.1.2.3/32` to let granted names have this address
        "#]],
    );
}

/// Row 41.
#[test]
fn settings_over_their_size_or_depth_are_told_where_they_stand() {
    let told = |with: &str| said(&load_texts(&[("weir.toml", ""), ("teams/core.toml", &step(with))], &[]));
    let deep = told(&format!("use = \"shell\"\nwith = {{ command = {}1{} }}", "[".repeat(70), "]".repeat(70)));
    assert!(deep.contains("settings nest over 64 levels") && deep.contains("teams/core.toml:3"), "{deep}");
    let huge = told(&format!("use = \"shell\"\nwith = {{ command = \"{}\" }}", "x".repeat(1 << 20)));
    assert!(huge.contains("bytes as JSON, over 1048576") && huge.len() < 2_000, "{} bytes", huge.len());
}
