//! The operator's limits of teams whose files are gone or broken.

use super::{SHELL, load_texts, load_texts_keeping, said, step};
use crate::config::Loaded;
use crate::model::right::Visibility;

const LIMITS: (&str, &str) = ("conf.d/limits.toml", "[team.core]\nquota = { builds = 2 }\nweight = 3\n");

fn teams(loaded: &Loaded) -> Vec<&str> {
    loaded.config.as_ref().unwrap().teams.keys().map(String::as_str).collect()
}

/// Its builders would be retired ones of a team that is public, for nobody says otherwise any more.
#[test]
fn limits_that_outlive_a_team_s_file_make_no_team() {
    let (other, private) = (step(SHELL), format!("visibility = \"private\"\n{}", step(SHELL)));
    let main = ("weir.toml", "[server]\n");
    let files = [main, LIMITS, ("teams/core.toml", &private), ("teams/other.toml", &other)];
    let before = load_texts(&files, &[]);
    assert_eq!((teams(&before), said(&before).as_str()), (vec!["core", "other"], ""));
    let texts = &before.config.as_ref().unwrap().team_texts;

    let files = [main, LIMITS, ("teams/other.toml", &other)];
    let after = load_texts_keeping(&files, &[], texts);
    assert_eq!(teams(&after), ["other"]);
    let warning =
        "conf.d/limits.toml:1:7: warning: no file of `teams/` declares the team `core`: its limits here limit nobody";
    assert!(said(&after).starts_with(warning), "{}", said(&after));
    // Limits of the environment are no more than that.
    let files = [main, ("teams/other.toml", &*other)];
    let of_environment = load_texts_keeping(&files, &[("WEIR_TEAM__CORE__WEIGHT", "3")], texts);
    assert_eq!(teams(&of_environment), ["other"]);
    assert!(said(&of_environment).contains("[only-limits]"), "{}", said(&of_environment));

    // What names the team names nobody, as it does where no limits are left.
    let grant = ("weir.toml", "[plugin.http]\nteams = [\"core\"]\n");
    let named = load_texts_keeping(&[grant, LIMITS, ("teams/other.toml", &other)], &[], texts);
    assert!(
        named.config.is_none() && said(&named).contains("there is no team `core` [unknown-team]"),
        "{}",
        said(&named)
    );
}

#[test]
fn a_broken_team_without_a_last_good_text_keeps_the_operator_s_limits() {
    let main = ("weir.toml", "[server]\nquota = { builds = 9, queued = 5 }\n");
    let greedy = ("teams/core.toml", "titel = 1\nweight = 1000\nquota = { builds = 100, queued = 100 }\n");
    let limits = |files: &[(&str, &str)]| {
        let config = load_texts(files, &[]).config.unwrap();
        let team = &config.teams["core"];
        assert!(config.broken_teams.contains_key("core") && team.visibility == Visibility::Private);
        (team.quota.builds, team.quota.queued, team.weight)
    };
    assert_eq!(limits(&[main, LIMITS, greedy]), (Some(2), 5, 3));
    assert_eq!(limits(&[main, greedy]), (Some(9), 5, 1));
}
