//! The reference of every section and key, made from the comments on the keys: `docs/configuration.md`.

use super::audit::RawAudit;
use super::auth::{RawAuth, RawGrant, RawUser};
use super::builder::RawBuilder;
use super::force::{RawForceTable, RawParameter};
use super::issuer::{RawJwt, RawOidc};
use super::load::Raw;
use super::mail::RawMail;
use super::plugin::RawPlugin;
use super::quota::RawQuota;
use super::read::{Key, Section};
use super::recipe::{RawRecipe, RawStep};
use super::reporter::RawReporter;
use super::repository::RawRepository;
use super::scheduler::RawScheduler;
use super::secret::RawTeamSecret;
use super::server::RawServer;
use super::source_of_changes::RawSource;
use super::team::RawTeam;
use super::view::RawView;
use super::worker::RawWorker;
use std::fmt::Write;

/// A section's heading, what it is for, its keys and those that must be written.
struct Entry(&'static str, &'static str, &'static [Key], &'static [&'static str]);

fn entry<S: Section>(heading: &'static str, required: &'static [&'static str]) -> Entry {
    Entry(heading, S::ABOUT, S::KEYS, required)
}

/// Every section in reading order.
fn entries() -> Vec<Entry> {
    vec![
        entry::<Raw>("The top", &[]),
        entry::<RawServer>("`[server]`", &[]),
        entry::<RawAuth>("`[auth]`", &[]),
        entry::<RawJwt>("`[auth.jwt.NAME]`", &[]),
        entry::<RawOidc>("`[auth.oidc.NAME]`", &["issuer", "client_id"]),
        entry::<RawGrant>("`[[auth.grant]]`", &["issuer", "claim", "value", "role"]),
        entry::<RawUser>("`[[auth.user]]`", &["name", "password_hash"]),
        entry::<RawAudit>("`[audit]`", &[]),
        entry::<RawPlugin>("`[plugin.NAME]`", &[]),
        entry::<RawMail>("`[mail]`", &["smtp", "from"]),
        entry::<RawWorker>("`[worker.NAME]`", &[]),
        entry::<RawView>("`[view.NAME]`, also in a team", &[]),
        entry::<RawTeam>("`[team.NAME]`, or a file `teams/NAME.toml`", &[]),
        entry::<RawRepository>("`config` of a team", &["repository"]),
        entry::<RawQuota>("`quota` of a team", &[]),
        entry::<RawTeamSecret>("`[secret]` of a team: `NAME = { ... }`", &[]),
        entry::<RawRecipe>("`[recipe.NAME]` of a team", &["step"]),
        entry::<RawBuilder>("`[builder.NAME]` of a team", &[]),
        entry::<RawStep>("`[[builder.NAME.step]]` and `[[recipe.NAME.step]]`", &["use"]),
        entry::<RawForceTable>("`[builder.NAME.force]`", &[]),
        entry::<RawParameter>("`parameters` of a force", &["name", "type"]),
        entry::<RawSource>("`[source.NAME]` of a team", &["use"]),
        entry::<RawScheduler>("`[scheduler.NAME]` of a team", &["on", "builders"]),
        entry::<RawReporter>("`[reporter.NAME]` of a team", &["use"]),
    ]
}

/// What stands before the tables.
const INTRODUCTION: &str = "# Configuration

<!-- Made from the comments on the keys in server/src/config; UPDATE_EXPECT=1 cargo test -p weir-server writes it anew. -->

`weir init` writes a configuration that works; `weir check` says everything that is wrong in one, with file, line, column and what
to write instead; `weir serve` runs it. Each takes `--config FILE` (or `WEIR_CONFIG`); without it the file is `weir.toml` here.

## Where values come from

In this order, each over the one before: what is built in, the main file, the files of `conf.d/` beside it by name, those of
`teams/`, the environment. Each file may be written as TOML (`.toml`), YAML (`.yaml`, `.yml`) or JSON (`.json`).

* A file of `conf.d/` may override single values of `[server]`, `[audit]` and `[mail]`; its arrays of tables (`[[auth.user]]`) are appended. A
  named section (`[worker.NAME]`, `[view.NAME]`, `[team.NAME]` and so on) stands whole in one file: in two it is an error.
* A file of `teams/` declares the team of its name: its keys are those of `[team.NAME]`, and nothing in it reaches outside the team.
  Where it is broken, that team goes on with what its files said when they were last good (kept in the database), and nobody else
  notices; without such a text it has no builders and no views until its file is right. An error in any other file keeps the server
  from starting. View names and secrets that are in force stay whose they are: another team's newer file that claims them is broken.
* Of the errors in one team's files 100 are told, and as many warnings, and then how many more there are; a text of over 500 characters is
  cut in them.
* A folder `teams/NAME/` does the same with several files, in any of these ways of writing; a named section (`[builder.NAME]`) stands
  whole in one of them. A link out of the folder is not followed. A team has one file or one folder, and an instance one main file.
* Who writes such a file or folder chooses the team's `quota` and `weight`, unless the operator does: a table `[team.NAME]` in the main
  file or in `conf.d/` that holds nothing but `quota`, `weight` or both bounds the team of that name in `teams/`. Each of the two that
  stands there holds whole, and the one in the team's own files does not, which is a warning.
* `config = { repository = ..., path = ... }` in `[team.NAME]` says that the team's files are those of a git repository, which the server
  fetches every so often: the files of that folder and no others, without checking anything out. Beside `config` stand only `title`,
  `visibility`, `quota`, `weight` and `secret`; everything else of the team belongs into the repository, and `config`, `quota`, `weight`
  and `secret` are an error there. A `title` or `visibility` beside `config` holds over the repository's. Where fetching fails, what was
  fetched stays. For a private repository, `token` says where the password for `https://` is; for `ssh://` git uses the keys of the
  server's user.
* A variable `WEIR_SECTION__KEY`, for instance `WEIR_SERVER__LISTEN`, overrides one key; names are found whatever their case. A
  variable without a double underscore is never configuration.
* A relative path starts in the folder of the file that writes it, one from a variable in the main file's.

## YAML and JSON

The keys are the same: `[builder.linux]` with `[[builder.linux.step]]` is `builder: {linux: {step: [...]}}`. JSON is read strictly. Of
YAML 1.2 is read what cannot be misread:

* Only `true` and `false` are booleans: `no`, `off`, `y` are text, also as keys (`on: change`).
* A number stands as it would be shown: `1.10`, `010`, `0x1F`, `1e3` may be text to one and a number to another, so they are an error.
  Quotes make text of them.
* No key twice, one document a file, no anchors, aliases, merge keys or tags: a short file could mean a huge one. A `recipe` shares
  steps.

## How values are written

* Names of teams, views, workers, steps and plugins: a letter, digit or `_`, then up to 99 of letters, digits and `._+-`. Builders and
  categories: 1 to 100 printable characters without `/ * ? [ ] { }`. Label a category `a|b` to nest it under `a`.
* Patterns: `*`, `?`, `[abc]`, `{a,b}` over the whole name, in at most 1,000 characters.
* Spans of time: `30s`, `10m`, `24h`, `90d`, `1h30m`. Sizes: `512 KiB`, `64 MiB`, `1 GiB`.
* Secrets are never written: `{ env = \"VARIABLE\" }`, `{ file = \"PATH\" }`, `{ credential = \"NAME\" }` (of systemd) or, in the
  instance's files, `{ command = [\"PROGRAM\", \"ARGUMENT\"] }` says where the value is. In the settings of a step
  or reporter `{ secret = \"NAME\" }` hands over the team's secret of that name. The value is read when it is used. In all that a
  build stores (logs, summaries, links, properties, error texts) every secret of its team is shown as `***`, also in base64,
  percent-encoded, escaped for JSON and line by line; values shorter than 4 characters are not. That catches accidents: a program
  that is given a secret can write it backwards. Files that a build keeps are not searched.
* `{{property}}` in a step's settings becomes the property's value when the step runs. A property's name has at most 200 characters.

## What a team may become

Over one of these bounds, which no team is known to come near, a team's file is in error:

* 10,000 builders with all matrices expanded, and 64 MiB in memory with all that a matrix or a recipe repeats; 1,000 steps of a builder, its
  recipe's included.
* 100 parameters of a builder, and of all of them 100 different patterns with 4,000 characters together; one with `(?i)` counts tenfold.
  A pattern has at most 1 MiB once it is made: `\\w` is large, `[A-Za-z0-9_]` is not.
* 100 views of a team, which compare at most 2,000 million characters: those of their patterns times those of
  the names, categories and labels of the team's builders, each of these counted as 20 longer; a plain name as four times how many these are.
* 1,000 patterns with wildcards in its views, schedulers and reporters; those of schedulers and reporters are compared with all names, categories
  and labels of its builders at most 400 million times (one with wildcards counts for 20).
";

/// The whole reference, as Markdown.
pub fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    for Entry(heading, about, keys, required) in entries() {
        section(&mut text, heading, about, keys, required).expect("a String takes all");
    }
    text
}

fn section(text: &mut String, heading: &str, about: &str, keys: &[Key], required: &[&str]) -> std::fmt::Result {
    writeln!(text, "\n## {heading}\n\n{}\n", about.trim())?;
    writeln!(text, "| key | takes | without it | meaning |\n|---|---|---|---|")?;
    for key in keys {
        let default = match key.default {
            _ if required.contains(&key.name) => "must be written".to_owned(),
            "" => "nothing".to_owned(),
            // A value as it would be written; anything else is words.
            value if value.starts_with(['"', '[', '{']) || matches!(value, "true" | "false") => format!("`{value}`"),
            words => words.to_owned(),
        };
        let takes = (key.expected)();
        writeln!(text, "| `{}` | {} | {} | {} |", key.name, cell(&takes), cell(&default), cell(key.doc.trim()))?;
    }
    Ok(())
}

/// Text in a cell of a table: a bar would end it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_reference_is_what_the_comments_on_the_keys_say() {
        expect_test::expect_file!["../../../docs/configuration.md"].assert_eq(&super::reference());
    }
}
