//! Files of a work directory: copied and removed without leaving it.

use super::*;

#[tokio::test]
async fn trees_are_copied_and_removed_and_never_through_a_link() {
    let w = site(table());
    let made = "mkdir -p a/b a/-rf; echo x > a/b/f; ln -s $D/home out; ln -s $D/home a/out; ln -s b a/link; mkdir a/closed; touch a/closed/x; chmod 0 a/closed; touch .dot";
    assert_eq!(w.run(attempt(&w, made)).await.code(), 0);
    let (worker, place) = (&w.worker, place());
    worker.cpdir(&place, "a", "new/copy").await.unwrap();
    assert_eq!(worker.upload(&place, "new/copy/b/f", 9).await.unwrap(), "x\n");
    assert_eq!(w.run(shell("readlink new/copy/link new/copy/out | wc -l")).await.out().trim(), "2");
    for (from, to, refused) in [
        ("absent", "x", "copying `absent` to `x`: there is no `absent`"),
        (".dot", "x", "copying `.dot` to `x`: `.dot` is no directory"),
        ("out/toolchain", "x", "`out/toolchain` leads out of the builder's work directory"),
        ("a", "out/x", "`out/x` leads out of the builder's work directory"),
    ] {
        assert_eq!(worker.cpdir(&place, from, to).await.unwrap_err().to_string(), refused);
    }
    assert!(matches!(worker.rmdir(&place, "out/toolchain").await, Err(Error::Outside(_))));
    for path in ["a/-rf", "a/out", "a", "absent", "absent/deep"] {
        worker.rmdir(&place, path).await.unwrap();
        assert_eq!(worker.stat(&place, path).await.unwrap(), None);
    }
    worker.rmdir(&place, ".").await.unwrap();
    assert_eq!(std::fs::read_dir(w.directories().work).unwrap().count(), 0);
    assert!(w.dir.path().join("home/toolchain/lib").exists(), "links were removed, not what they lead to");
}

#[tokio::test]
async fn folders_nested_deeper_than_any_path_are_removed() {
    let w = Fixture::new();
    let nest = "n=$(printf 'd%.0s' $(seq 200)) p=$(printf \"$n/%.0s\" $(seq 15)); mkdir -p d/$p e/$p && mv e d/$p";
    assert_eq!(w.run(shell(nest)).await.code(), 0);
    w.worker.rmdir(&place(), "d").await.unwrap();
    assert_eq!(w.worker.stat(&place(), "d").await.unwrap(), None);
}
