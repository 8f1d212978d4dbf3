//! The `artifact` step as it is shipped, and what it stored as people fetch it.

use super::stage::Stage;
use serde_json::{Value, json};
use weir::model::results::Results;
use weir::model::size::Size;
use weir_tests::site::Site;
use weir_tests::world::{World, build_path, client};

/// Ten million bytes that compress well and are no text.
const MAKE: &str = "mkdir -p dist/sub; yes '<script>alert(1)</script>' | head -c 10000000 > dist/page.html; \
    printf 'a\\0b' > 'dist/sub/50% #?&ü.bin'; printf hello > dist/hello.txt; mkfifo dist/pipe; ln -s /etc/passwd dist/out";

fn team() -> String {
    let make = Value::from(MAKE);
    format!(
        "visibility = \"private\"\n[[builder.app.step]]\nuse = \"shell\"\nwith = {{ command = {make} }}\n\n\
         [[builder.app.step]]\nname = \"keep\"\nuse = \"artifact\"\nwith = {{ files = [\"dist/*.*\", \"dist/sub/**\"] }}\n\n\
         [[builder.app.step]]\nname = \"again\"\nuse = \"artifact\"\nalways = true\nwith = {{ files = [\"dist/hello.txt\", \"dist/pipe\", \"dist/out\"] }}\n"
    )
}

async fn fetch(
    world: &World,
    token: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
    let mut request = client().get(world.url(path)).bearer_auth(token);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.headers().clone(), answer.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn files_of_the_work_directory_are_stored_listed_and_fetched_byte_for_byte_also_after_a_crash() {
    let mut world = Site::new().file("teams/core.toml", team()).serve().await;
    world.force("core/app").await;
    world.settle().await;
    let last = world.last("core/app").await;
    let owner = world.owner();
    let api = format!("/api/v2/teams/core/builders/app/builds/{}", last.number);
    let build = world.get_as(&owner, &api).await.json()["builds"][0].clone();
    assert_eq!(build["steps"][1]["state_string"], json!("3 files, 9.5 MiB"), "{build}");
    let page = build_path("core/app", last.number);
    let said = world.get_as(&owner, &format!("{page}/step/again/log/stdio/raw?headers=1")).await.body;
    for refused in ["dist/hello.txt: the build has an artifact", "dist/pipe: ", "no regular file", "dist/out: "] {
        assert!(said.contains(refused), "{refused}: {said}");
    }
    assert_eq!(build["steps"][2]["state_string"], json!("0 files, 0 B; 3 files not stored, see the log"));

    world.crash();
    world.restart().await;
    let listed = world.get_as(&owner, &format!("{api}/artifacts")).await.json();
    let names: Vec<_> = listed["artifacts"].as_array().unwrap().iter().map(|a| a["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["dist/hello.txt", "dist/page.html", "dist/sub/50% #?&ü.bin"]);
    let lines = world.get_as(&owner, &format!("{page}/step/keep/log/sha256sums/raw")).await.body;
    let work = find_work(&world);
    for (artifact, line) in listed["artifacts"].as_array().unwrap().iter().zip(lines.lines()) {
        let name = artifact["name"].as_str().unwrap();
        let path = artifact["url"].as_str().unwrap().strip_prefix("http://localhost").unwrap();
        let (status, headers, bytes) = fetch(&world, &owner, path, &[("accept-encoding", "gzip")]).await;
        assert_eq!((status, bytes == std::fs::read(work.join(name)).unwrap()), (200, true), "{name}");
        assert_eq!(headers["content-length"], bytes.len().to_string());
        assert!(!headers.contains_key("content-encoding") && headers["x-content-type-options"] == "nosniff");
        assert!(headers["content-security-policy"].to_str().unwrap().ends_with("sandbox"), "{headers:?}");
        let digest = artifact["sha256"].as_str().unwrap();
        assert_eq!(headers["etag"], format!("\"{digest}\""));
        assert_eq!(line, format!("{digest}  {name}"));
    }
    let shown = world.get_as(&owner, &page).await;
    assert!(shown.text().contains("dist/sub/50% #?&ü.bin"), "{}", shown.text());
    let link = shown.links().into_iter().find(|link| link.starts_with("/") && link.ends_with(".bin")).unwrap();
    assert_eq!(fetch(&world, &owner, &link, &[]).await.2, b"a\0b", "the page's link leads there");
}

#[tokio::test]
async fn a_part_is_a_part_html_is_saved_and_a_private_teams_file_is_not_there_for_strangers() {
    let world = Site::new().file("teams/core.toml", team()).serve().await;
    world.force("core/app").await;
    world.settle().await;
    let number = world.last("core/app").await.number;
    let owner = world.owner();
    let of = |name: &str| format!("{}/artifact/{name}", build_path("core/app", number));
    let hello = of("dist/hello.txt");
    let (status, headers, bytes) = fetch(&world, &owner, &hello, &[("range", "bytes=1-3")]).await;
    assert_eq!(
        (status, bytes.as_slice(), headers["content-range"].to_str().unwrap()),
        (206, b"ell".as_slice(), "bytes 1-3/5")
    );
    let (status, headers, _) = fetch(&world, &owner, &hello, &[("range", "bytes=9-")]).await;
    assert_eq!((status, headers["content-range"].to_str().unwrap()), (416, "bytes */5"));
    let (_, headers, _) = fetch(&world, &owner, &hello, &[]).await;
    assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
    let tag = headers["etag"].to_str().unwrap().to_owned();
    let (status, _, bytes) = fetch(&world, &owner, &hello, &[("if-none-match", &tag)]).await;
    assert_eq!((status, bytes.len()), (304, 0));
    let head = client().head(world.url(&hello)).bearer_auth(&owner).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.headers()["content-length"].to_str().unwrap()), (200, "5"));

    let (_, headers, _) = fetch(&world, &owner, &of("dist/page.html"), &[("range", "bytes=0-0")]).await;
    assert_eq!(headers["content-type"], "application/octet-stream");
    assert!(headers["content-disposition"].to_str().unwrap().starts_with("attachment; "), "{headers:?}");

    let api = format!("/api/v2/teams/core/builders/app/builds/{number}/artifacts");
    for path in [hello.as_str(), &of("dist/absent"), &api, &of("../../../../../../etc/passwd")] {
        assert_eq!(world.get(path).await.status, 404, "a stranger asks for {path}");
    }
    for path in ["dist/absent", "dist", "dist/hello.txt/", "..%2f..%2fweir.db"] {
        assert_eq!(world.get_as(&owner, &of(path)).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_step_stores_no_more_than_its_limit_and_nothing_without_its_grant() {
    let mut stage = Stage::new();
    let made = stage.run("shell", json!({ "command": "head -c 3000 /dev/zero > a; head -c 3000 /dev/zero > b" })).await;
    assert_eq!(made.results, Results::Success, "{}", made.summary);
    stage.table("artifact", |table| table.limits.artifact_bytes = Size(5_000));
    let end = stage.run("artifact", json!({ "files": ["a", "b"] })).await;
    assert_eq!((end.results, end.summary.as_str()), (Results::Failure, "a, 2.9 KiB; 1 file not stored, see the log"));
    let said = stage.log("stdio").await;
    assert!(
        said.contains("b: it is larger than what is left of the limit `artifact_bytes` = 5000 B of a step: 2000 bytes"),
        "{said}"
    );
    assert_eq!((stage.artifact("a").unwrap().len(), stage.artifact("b")), (3_000, None));

    stage.table("artifact", |table| table.grants.artifacts = Some(false));
    let end = stage.run("artifact", json!({ "path": "b" })).await;
    assert_eq!(end.results, Results::Exception, "{}", end.summary);
    assert!(end.summary.contains("`artifacts = true` in `[plugin.artifact]`"), "{}", end.summary);
}

/// The only work directory.
fn find_work(world: &World) -> std::path::PathBuf {
    fn find(dir: &std::path::Path) -> Option<std::path::PathBuf> {
        let entries: Vec<_> = std::fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path()).collect();
        let here = entries.iter().any(|path| path.ends_with("dist/hello.txt") || path.join("hello.txt").is_file());
        if here {
            Some(dir.to_owned())
        } else {
            entries.iter().filter(|path| path.is_dir()).find_map(|path| find(path))
        }
    }
    find(&world.state_dir()).expect("the build's work directory is there")
}
