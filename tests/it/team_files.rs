//! Files of teams: what is in force while somebody's are broken.

use weir_tests::site::Site;

/// A team's file with one builder and a view that shows it.
fn team(builder: &str) -> String {
    let step = "use = \"shell\"\nwith = { command = \"echo built\" }";
    format!("[view.mine]\nbuilders = [\"*\"]\n[[builder.{builder}.step]]\n{step}\n")
}

#[tokio::test]
async fn a_team_whose_file_is_broken_at_start_is_what_it_was_and_nobody_else_notices() {
    let site = Site::new().builder("other/a", "true").file("teams/core.toml", team("linux"));
    let mut world = site.serve().await;
    world.force("core/linux").await;
    world.settle().await;

    let file = world.dir().join("teams/core.toml");
    std::fs::write(&file, "[builder.linux]\ntitel = 1\n").unwrap();
    world.restart().await;
    assert!(world.server().log().contains("teams/core.toml:2:1: unknown key `titel`"), "{}", world.server().log());
    world.force("core/linux").await;
    world.settle().await;
    assert_eq!(world.last("core/linux").await.results, "success");
    assert_eq!(world.get("/view/mine.json").await.json()["builders"][0]["name"], "core/linux");
    world.force("other/a").await;
    world.settle().await;

    // Its members are told on its page what is wrong, and nobody else.
    let page = world.get_as(&world.token("core", "viewer"), "/team/core").await.text();
    assert!(page.contains("unknown key `titel`") || page.contains("unknown key &#x60;titel&#x60;"), "{page}");
    assert!(!world.get("/team/core").await.text().contains("titel"));

    // It stays so over a second start, and ends when the file is right.
    world.restart().await;
    assert_eq!(world.get("/view/mine.json").await.json()["builders"][0]["name"], "core/linux");
    std::fs::write(&file, team("bsd")).unwrap();
    world.restart().await;
    assert_eq!(world.get("/view/mine.json").await.json()["builders"][0]["name"], "core/bsd");
    std::fs::remove_file(&file).unwrap();
    world.restart().await;
    assert_eq!(world.get("/view/mine.json").await.status, 404);
}
