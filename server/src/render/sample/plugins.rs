//! Plugins: one that is well, one that nobody has asked, one that is broken, one that is switched off.

use super::now;
use crate::status::plugin::{CallFacts, CapabilityFacts, LimitFacts, PluginFacts, PluginSelf, SwitchedOff};
use chrono::TimeDelta;

fn file(name: &str) -> PluginFacts {
    PluginFacts {
        name: name.into(),
        size_bytes: Some(310_185),
        sha256: Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".into()),
        is_pinned: false,
        teams: Vec::new(),
        described: None,
        trouble: None,
        limits: vec![
            LimitFacts { key: "memory", value: "64 MiB".into(), is_default: true },
            LimitFacts { key: "cpu", value: "10s".into(), is_default: true },
        ],
        switched_off: Vec::new(),
        calls: Vec::new(),
    }
}

fn described(name: &str, kind: &'static str, capabilities: Vec<CapabilityFacts>) -> Option<PluginSelf> {
    let summary = "Runs a command line in the build's work directory and takes its exit code for the result.".into();
    Some(PluginSelf { name: name.into(), version: "0.1.0".into(), kind, summary, capabilities })
}

fn wants(kind: &str, is_granted: bool, detail: Option<&str>) -> CapabilityFacts {
    let reason = "runs the command that the step's settings name, and nothing <else>".into();
    CapabilityFacts { kind: kind.into(), reason, is_granted, detail: detail.map(str::to_owned) }
}

/// Each kind of plugin.
pub fn plugins() -> Vec<PluginFacts> {
    let off = |minutes| SwitchedOff {
        team: "documentation".into(),
        until: now() + TimeDelta::minutes(minutes),
        because: "failed 3 times in 10 minutes".into(),
        last: "trapped: it panicked or reached code that it holds to be <unreachable>".into(),
    };
    let capabilities = vec![
        wants("command", true, Some("make, ./a-program-with-a-name-that-is-as-long-as-names-of-programs-get")),
        wants("http", true, Some("chat.example.org:443, *.example.org:8443")),
        wants("secret-reveal", false, None),
    ];
    let missing = PluginFacts {
        size_bytes: None,
        sha256: None,
        trouble: Some("there is no `missing.wasm` in `plugin_dir` or beside the binary".into()),
        ..file("missing")
    };
    let mut off_limits = file("switched-off");
    off_limits.limits[0] = LimitFacts { key: "memory", value: "256 MiB".into(), is_default: false };
    let called = |capability, n_used, n_denied| CallFacts { team: "core".into(), capability, n_used, n_denied };
    let calls = vec![called("command", 12_345, 0), called("http", 17, 1), called("secret-reveal", 0, 3)];
    vec![
        PluginFacts { described: described("shell", "step", capabilities), is_pinned: true, calls, ..file("shell") },
        PluginFacts { described: described("<quiet>", "reporter", Vec::new()), ..file("quiet") },
        file("unasked"),
        missing,
        PluginFacts {
            teams: vec!["core".into(), "documentation".into()],
            described: described("flaky", "step", vec![wants("command", true, None)]),
            switched_off: vec![off(12), off(-1)],
            ..off_limits
        },
    ]
}
