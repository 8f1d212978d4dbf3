//! The `junit` step as it is shipped.

use serde_json::json;
use weir_tests::site::Site;
use weir_tests::world::build_path;

const TEAM: &str = r#"
[[builder.app.step]]
use = "shell"
with = { command = """
mkdir -p out/deep
echo '<testsuites><testsuite name="unit"><testcase classname="a.B" name="good" time="0.25"/><testcase classname="a.B" name="bad &lt;b&gt;"><failure message="1 != 2">at line 7</failure></testcase></testsuite></testsuites>' > out/a.xml
echo '<testsuite><testcase name="later"><skipped/></testcase><oops' > out/deep/b.xml
""" }

[[builder.app.step]]
name = "results"
use = "junit"
with = { files = "out/**/*.xml" }
"#;

#[tokio::test]
async fn what_tests_said_is_read_from_the_work_directory_kept_and_shown_with_what_is_wrong_first() {
    let world = Site::new().file("teams/core.toml", TEAM).serve().await;
    world.force("core/app").await;
    world.settle().await;
    let last = world.last("core/app").await;
    assert_eq!(last.results, "failure", "{}", last.json);
    let owner = world.owner();
    let api = format!("/api/v2/teams/core/builders/app/builds/{}", last.number);
    let build = world.get_as(&owner, &api).await.json()["builds"][0].clone();
    let step = &build["steps"][1];
    assert_eq!(step["state_string"], json!("1 failed of 3 tests; 1 file could not be read"), "{build}");
    assert_eq!(step["tests"], json!({ "failed": 1, "errored": 0, "skipped": 1, "passed": 1 }));
    assert_eq!(step["statistics"]["duration"], json!(0.25));

    let results = world.get_as(&owner, &format!("{api}/steps/results/test_results?limit=2")).await.json();
    assert_eq!(results["meta"]["total"], json!(3));
    let first = json!({ "suite": "a.B", "name": "bad <b>", "outcome": "failed", "duration_ms": null, "message": "1 != 2\nat line 7" });
    assert_eq!(results["test_results"][0], first);
    assert_eq!(results["test_results"].as_array().unwrap().len(), 2);
    let passed = world.get_as(&owner, &format!("{api}/steps/1/test_results?outcome=passed")).await.json();
    assert_eq!(passed["test_results"][0]["name"], json!("good"));
    let wrong = world.get_as(&owner, &format!("{api}/steps/1/test_results?outcome=odd")).await;
    assert!(wrong.status == 400 && wrong.body.contains("failed, errored, skipped, passed"), "{}", wrong.body);

    let page = build_path("core/app", last.number);
    let log = world.get_as(&owner, &format!("{page}/step/1/log/stdio/raw?headers=1")).await.body;
    assert!(log.contains("out/a.xml: 2 tests") && log.contains("out/deep/b.xml:1:"), "{log}");
    let shown = world.get_as(&owner, &page).await.text();
    assert!(shown.contains("1 failed") && shown.contains("1 passed"), "{shown}");
    let shown = world.get_as(&owner, &format!("{page}/step/results")).await.text();
    let (bad, good) = (shown.find("bad <b>").unwrap(), shown.find("good").unwrap());
    assert!(bad < good && shown.contains("at line 7"), "{shown}");
    let shown = world.get_as(&owner, &format!("{page}/step/results?outcome=skipped")).await.text();
    assert!(shown.contains("later") && !shown.contains("good"), "{shown}");
}
