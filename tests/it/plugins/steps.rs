//! Steps that do their work: the bundled plugins as they are shipped.

use super::stage::Stage;
use serde_json::json;
use weir::model::results::Results;

#[tokio::test]
async fn a_shell_step_runs_its_command_and_its_output_is_in_the_log() {
    let stage = Stage::new();
    let end = stage.run("shell", json!({ "command": "echo out; echo err >&2" })).await;
    assert_eq!((end.results, end.summary.as_str()), (Results::Success, ""));
    let log = stage.log("stdio").await;
    assert!(log.contains("out\n") && log.contains("err\n"), "{log}");
}
