//! What plugins keep from one call to the next.

use super::{Arc, Rig};
use weir::model::size::Size;
use weir::status::Error;
use weir::status::plugin_state::{Expectation, PluginState, UseKey};

const ROOM: Size = Size(1 << 20);

fn kept(rig: &Rig, team: &str, plugin: &str, used_by: &str) -> PluginState {
    let [team, plugin, used_by] = [team, plugin, used_by].map(str::to_owned);
    rig.status.plugin_state(UseKey { team, plugin, used_by })
}

async fn text(state: &PluginState, key: &str) -> Option<String> {
    state.get(key).await.unwrap().map(|found| String::from_utf8(found.value).unwrap())
}

#[tokio::test]
async fn what_is_put_is_there_after_a_crash_and_each_put_makes_another_version() {
    let rig = Rig::new().await;
    let state = kept(&rig, "core", "count", "step\nlinux\nmake");
    let first = state.put("runs", b"1".to_vec(), Expectation::Absent, ROOM).await.unwrap();
    let second = state.put("runs", b"1".to_vec(), Expectation::Version(first.clone()), ROOM).await.unwrap();
    assert_ne!(first, second);
    let rig = rig.reopen().await;
    let state = kept(&rig, "core", "count", "step\nlinux\nmake");
    let found = state.get("runs").await.unwrap().unwrap();
    assert_eq!((found.value.as_slice(), found.version), (b"1".as_slice(), second.clone()));
    state.delete("runs").await.unwrap();
    state.delete("runs").await.unwrap();
    assert_eq!(text(&state, "runs").await, None);
    let third = state.put("runs", b"1".to_vec(), Expectation::Anything, ROOM).await.unwrap();
    assert!(third != first && third != second, "a version is never used twice");
}

#[tokio::test]
async fn a_put_that_expects_something_else_changes_nothing_and_of_many_at_once_one_wins() {
    let rig = Rig::new().await;
    let state = Arc::new(kept(&rig, "core", "count", "reporter\nmail"));
    let version = state.put("k", b"old".to_vec(), Expectation::Anything, ROOM).await.unwrap();
    for wrong in [Expectation::Absent, Expectation::Version("0".to_owned()), Expectation::Version(String::new())] {
        let refused = state.put("k", b"new".to_vec(), wrong, ROOM).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    }
    assert_eq!(text(&state, "k").await.as_deref(), Some("old"));
    let put = |n: usize| {
        let (state, expected) = (state.clone(), Expectation::Version(version.clone()));
        async move { state.put("k", n.to_string().into_bytes(), expected, ROOM).await.is_ok() }
    };
    let won = futures::future::join_all((0..20).map(put)).await;
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
    let winner = won.iter().position(|won| *won).unwrap().to_string();
    assert_eq!(text(&state, "k").await, Some(winner));
}

#[tokio::test]
async fn no_use_sees_what_another_keeps() {
    let rig = Rig::new().await;
    let own = kept(&rig, "core", "count", "step\nlinux\nmake");
    own.put("k", b"mine".to_vec(), Expectation::Anything, ROOM).await.unwrap();
    let others = [
        ("docs", "count", "step\nlinux\nmake"),
        ("core", "other", "step\nlinux\nmake"),
        ("core", "count", "step\nlinux\ntest"),
        ("core", "count", "reporter\nlinux"),
    ];
    for (team, plugin, used_by) in others {
        let other = kept(&rig, team, plugin, used_by);
        assert_eq!(text(&other, "k").await, None);
        assert_eq!(other.keys("", 10).await.unwrap(), Vec::<String>::new());
        other.put("k", b"theirs".to_vec(), Expectation::Absent, ROOM).await.unwrap();
        other.delete("k").await.unwrap();
    }
    assert_eq!(text(&own, "k").await.as_deref(), Some("mine"));
}

#[tokio::test]
async fn a_use_has_its_room_and_no_more() {
    let rig = Rig::new().await;
    let state = kept(&rig, "core", "count", "step\nlinux\nmake");
    let put = |key: &'static str, n: usize, max: u64| {
        let state = kept(&rig, "core", "count", "step\nlinux\nmake");
        async move { state.put(key, vec![0; n], Expectation::Anything, Size(max)).await }
    };
    put("a", 60, 100).await.unwrap();
    put("a", 70, 100).await.unwrap();
    let refused = put("b", 29, 100).await.unwrap_err();
    let said = refused.to_string();
    assert!(matches!(refused, Error::Limit { .. }), "{said}");
    assert!(said.contains("`state_bytes`") && said.contains("101 bytes") && said.contains("100 B"), "{said}");
    put("b", 28, 100).await.unwrap();
    assert_eq!(state.keys("", 10).await.unwrap(), ["a", "b"]);
    // The limit was lowered: what shrinks goes through, what grows does not.
    put("a", 69, 50).await.unwrap();
    assert!(put("a", 70, 50).await.is_err());
    // Another use has room of its own.
    let other = kept(&rig, "core", "count", "step\nlinux\ntest");
    other.put("a", vec![0; 90], Expectation::Anything, Size(100)).await.unwrap();
}

#[tokio::test]
async fn a_key_is_printable_text_and_dots_mean_nothing() {
    let rig = Rig::new().await;
    let state = kept(&rig, "core", "count", "step\nlinux\nmake");
    let long = "x".repeat(201);
    for wrong in ["", "a\0b", "\0", "tab\t", "line\n", long.as_str()] {
        let put = state.put(wrong, vec![], Expectation::Anything, ROOM).await;
        assert!(matches!(put, Err(Error::Invalid { .. })), "{wrong:?}");
        assert!(matches!(state.get(wrong).await, Err(Error::Invalid { .. })), "{wrong:?}");
        assert!(matches!(state.delete(wrong).await, Err(Error::Invalid { .. })), "{wrong:?}");
    }
    let good = ["..", "../../core", "/etc/passwd", "%", "_", "Ä", "ä", "a'b", &"x".repeat(200)];
    for key in good {
        state.put(key, key.as_bytes().to_vec(), Expectation::Absent, ROOM).await.unwrap();
    }
    for key in good {
        assert_eq!(text(&state, key).await.as_deref(), Some(key));
    }
    // By their bytes, on both databases.
    let mut sorted = good.to_vec();
    sorted.sort_unstable();
    assert_eq!(state.keys("", 100).await.unwrap(), sorted);
    assert_eq!(state.keys("..", 100).await.unwrap(), ["..", "../../core"]);
    assert_eq!(state.keys("..", 1).await.unwrap(), [".."]);
    assert_eq!(state.keys("%", 100).await.unwrap(), ["%"]);
    assert_eq!(state.keys("\0", 100).await.unwrap(), Vec::<String>::new());
    assert_eq!(state.keys("nothing", 100).await.unwrap(), Vec::<String>::new());
}
