//! What follows from another configuration, and which the server refuses while it runs.

use super::load_texts;
use crate::config::Config;
use crate::config::diff::{diff, keep_fixed, needs_restart};
use std::sync::Arc;

fn config(main: &str) -> Arc<Config> {
    load_texts(&[("weir.toml", main)], &[]).config.unwrap()
}

#[test]
fn another_state_dir_or_database_is_refused_as_a_whole_and_another_address_waits_for_a_restart() {
    let old = config("");
    assert_eq!(needs_restart(&old, &old), None);
    let why = needs_restart(&old, &config("[server]\nstate_dir = \"elsewhere\"\n")).unwrap();
    assert!(why.starts_with("`server.state_dir` and `server.database` changed, which only a start"), "{why}");
    let why = needs_restart(&old, &config("[server]\ndatabase = \"sqlite:other.db\"\n")).unwrap();
    assert!(why.starts_with("`server.database` changed"), "{why}");
    let mut new = Arc::unwrap_or_clone(config("[server]\nlisten = [\"127.0.0.1:1\"]\n"));
    assert_eq!(needs_restart(&old, &new), None);
    let told: Vec<String> = keep_fixed(&old, &mut new).iter().map(ToString::to_string).collect();
    assert!(told[0].contains("`server.listen` changed, which has no effect before"), "{told:?}");
    assert_eq!(new.server.listen, old.server.listen);
}

#[test]
fn whom_a_new_configuration_believes_about_addresses_is_told() {
    let trusting = |list: &str| config(&format!("[server]\ntrusted_proxies = {list}\n"));
    let told = diff(&trusting(r#"["10.0.0.1"]"#), &trusting(r#"["127.0.0.1", "10.1.0.0/16"]"#));
    let told: Vec<String> = told.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "! WIDER rights: 10.1.0.0/16 is believed about where calls come from",
            "! WIDER rights: 127.0.0.1/32 is believed about where calls come from",
            "  rights: 10.0.0.1/32 is believed no more about where calls come from",
        ]
    );
    let (wide, narrow) = (trusting(r#"["10.0.0.0/8"]"#), trusting(r#"["10.1.0.0/16", "10.2.0.1"]"#));
    let told = |old, new| diff(old, new).iter().map(ToString::to_string).collect::<Vec<_>>();
    let fewer =
        "  rights: 10.0.0.0/8 is believed no more about where calls come from, but for 10.1.0.0/16, 10.2.0.1/32";
    assert_eq!(told(&wide, &narrow), [fewer], "nothing of it is new");
    assert_eq!(told(&narrow, &wide), ["! WIDER rights: 10.0.0.0/8 is believed about where calls come from"]);
}
