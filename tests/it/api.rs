//! The doors for scripts: views as JSON, force and stop, events and logs as they come, and what every answer has in common.

use futures::StreamExt;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::time::Duration;
use weir_tests::site::Site;
use weir_tests::world::{World, client};

/// What a test waits for comes within this time.
const DEADLINE: Duration = Duration::from_secs(60);

/// A command that waits until the test opens the gate.
struct Gate(tempfile::TempDir);

impl Gate {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder can be made"))
    }

    /// A line of shell that goes on once the gate is open.
    fn wait(&self) -> String {
        format!("until [ -e {}/open ]; do sleep 0.02; done", self.0.path().display())
    }

    fn open(&self) {
        std::fs::write(self.0.path().join("open"), "").expect("the gate can be opened");
    }
}

/// A stream of server-sent events.
struct Events {
    chunks: std::pin::Pin<Box<dyn futures::Stream<Item = reqwest::Result<bytes::Bytes>>>>,
    text: String,
}

/// Id, name and data of one event.
type Event = (String, String, Value);

impl Events {
    async fn open(w: &World, path: &str, token: Option<&str>, last: Option<&str>) -> Self {
        let mut request = client().get(w.url(path));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = request.send().await.expect("the server answers");
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        assert_eq!(answer.headers()["content-type"], "text/event-stream; charset=utf-8");
        assert!(!answer.headers().contains_key("content-encoding"));
        Self { chunks: Box::pin(answer.bytes_stream()), text: String::new() }
    }

    /// The next event that says something; none at the end of the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let line = |key: &str| block.lines().find_map(|l| l.strip_prefix(key)).map(str::to_owned);
                let event = (line("id: "), line("event: "), line("data: "));
                self.text = rest.to_owned();
                if let (Some(id), Some(name), Some(data)) = event {
                    return Some((id, name, serde_json::from_str(&data).expect("data is JSON")));
                }
            }
            let chunk = tokio::time::timeout(DEADLINE, self.chunks.next()).await.expect("something comes in time");
            self.text.push_str(std::str::from_utf8(&chunk?.ok()?).expect("events are UTF-8"));
        }
    }

    /// Everything up to the first event of that name.
    async fn until(&mut self, name: &str) -> Vec<Event> {
        let mut seen = Vec::new();
        while let Some(event) = self.next().await {
            let is_it = event.1 == name;
            seen.push(event);
            if is_it {
                return seen;
            }
        }
        panic!("the stream ended before {name}: {seen:?}");
    }
}

#[tokio::test]
async fn everything_stands_under_the_prefix_and_a_stranger_elsewhere_is_shown_the_way() {
    let w = Site::new().prefix("/ci/").builder("core/full", "true").view("all", "categories = [\"*\"]").serve().await;
    let root = format!("http://{}", w.server().address());
    let at = |path: &str| w.fetch(client().get(format!("{root}{path}")).header("accept", "application/json"));
    for path in ["/ci/healthz", "/healthz", "/ci/readyz", "/readyz", "/ci/view/all.json", "/ci/waterfall.json"] {
        assert_eq!(at(path).await.status, 200, "{path}");
    }
    for path in ["/", "/view/all.json", "/cix/healthz", "/waterfall.json"] {
        let page = at(path).await;
        assert_eq!(page.status, 404, "{path}");
        assert_eq!(page.json()["hint_url"], "/ci/", "{path}");
    }
    let bare = at("/ci").await;
    assert_eq!((bare.status, bare.header("location")), (308, Some("/ci/")));
    let narrowed = at("/ci/?show=full&show=a%20b").await;
    assert_eq!((narrowed.status, narrowed.header("location")), (302, Some("/ci/waterfall?show=full&show=a%20b")));
}

#[tokio::test]
async fn every_answer_is_safe_to_show_and_says_what_is_wrong_in_the_askers_form() {
    let w = Site::new().builder("core/full", "true").view("all", "categories = [\"*\"]").serve().await;
    for path in ["/view/all.json", "/nowhere", "/healthz"] {
        let page = w.get(path).await;
        for name in ["content-security-policy", "x-content-type-options", "referrer-policy", "x-request-id"] {
            assert!(page.header(name).is_some(), "{path} without {name}");
        }
        assert!(!page.header("content-security-policy").unwrap().contains("unsafe-inline"));
    }
    let page = w.get("/nowhere").await;
    assert_eq!(page.status, 404);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let json = w.fetch(client().get(w.url("/nowhere")).header("accept", "application/json")).await;
    assert_eq!((json.status, json.json()["code"].as_str()), (404, Some("not_found")));
    let wrong_method = w.fetch(client().delete(w.url("/view/all.json"))).await;
    assert_eq!((wrong_method.status, wrong_method.header("allow")), (405, Some("GET, HEAD")));
    let head = w.fetch(client().head(w.url("/view/all.json"))).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let wrong = w.get("/view/all.json?num_events=x&last_time=noon&unknown=1").await;
    assert_eq!(wrong.status, 400);
    let fields: Vec<_> = wrong.json()["fields"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["last_time", "num_events"]);
}

#[tokio::test]
async fn a_view_as_json_holds_every_builder_and_the_arguments_narrow_it() {
    let site = Site::new()
        .builder_with("core/full-2.3", "categories = [\"release\"]", &["echo hello"])
        .builder_with("core/full-2.4", "categories = [\"release|new\"]", &["exit 3"])
        .builder("core/AMD64 LTO + PGO", "true")
        .view("all", "categories = [\"*\"]")
        .view("release", "categories = [\"release\"]");
    let w = site.serve().await;
    let names = async |path: &str| -> Vec<String> {
        let json = w.get(path).await.json();
        json["builders"].as_array().unwrap().iter().map(|b| b["builder"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("/view/release.json").await, ["full-2.3", "full-2.4"]);
    assert_eq!(names("/view/all.json?show=full-2.4&show=core%2Ffull-2.3").await, ["full-2.3", "full-2.4"]);
    assert_eq!(names("/view/all.json?show=AMD64+LTO+%2B+PGO").await, ["AMD64 LTO + PGO"]);
    assert_eq!(names("/waterfall.json?category=release").await, ["full-2.3", "full-2.4"]);
    assert_eq!(names("/view/all.json?show=nothing").await, Vec::<String>::new());
    assert_eq!(w.get("/view/nothing.json").await.status, 404);

    w.force("core/full-2.4").await;
    w.settle().await;
    let json = w.get("/view/release.json").await.json();
    assert_eq!(json["view"]["name"], "release");
    let builder = &json["builders"][1];
    for key in ["name", "team", "builder", "categories", "state", "last", "running", "pending", "next"] {
        assert!(builder.get(key).is_some(), "{builder} without {key}");
    }
    assert_eq!((&builder["name"], &builder["state"]), (&json!("core/full-2.4"), &json!("idle")));
    assert_eq!((&builder["last"]["number"], &builder["last"]["results"]), (&json!(1), &json!(2)));
    let build = w.get("/api/v2/teams/core/builders/full-2.4/builds/1").await.json();
    let build = &build["builds"][0];
    assert_eq!((&build["complete"], &build["results"]), (&json!(true), &json!(2)));
    assert_eq!(build["steps"][0]["logs"][0]["slug"], "stdio");
    let request = w.get("/api/v2/buildrequests/1").await.json();
    let request = &request["buildrequests"][0];
    assert_eq!((&request["complete"], &request["results"]), (&json!(true), &json!(2)));
    assert_eq!(request["builds"][0]["number"], 1);
}

#[tokio::test]
async fn events_go_on_after_the_last_one_seen_without_gap_or_duplicate() {
    let w = Site::new()
        .builder_with("core/full", "categories = [\"a\"]", &["echo one", "exit 1"])
        .builder("core/other", "true")
        .view("a", "categories = [\"a\"]")
        .serve()
        .await;
    let mut whole = Events::open(&w, "/sse/view/a", None, None).await;
    w.force("core/other").await;
    w.force("core/full").await;
    w.settle().await;
    let seen = whole.until("build.finished").await;
    assert!(seen.iter().all(|(_, _, data)| data["builder"] == "full"), "{seen:?}");
    let names: Vec<_> = seen.iter().map(|(_, name, _)| name.as_str()).collect();
    assert_eq!((names[0], names[1]), ("request.added", "build.started"), "{names:?}");
    assert_eq!(names.iter().filter(|name| **name == "step.finished").count(), 2);
    let (_, _, end) = seen.last().unwrap();
    assert_eq!((&end["number"], &end["results"]), (&json!(1), &json!("failure")));
    let ids: Vec<i64> = seen.iter().map(|(id, ..)| id.parse().unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    // Whoever comes back anywhere hears exactly the rest.
    for (i, (id, ..)) in seen.iter().enumerate().take(seen.len() - 1) {
        let mut rest = Events::open(&w, "/sse/view/a", None, Some(id)).await;
        assert_eq!(rest.until("build.finished").await, seen[i + 1..], "after {id}");
    }
    let mut by_argument =
        Events::open(&w, &format!("/sse/team/core/builder/full/build/1?after={}", ids[0]), None, None).await;
    assert_eq!(by_argument.until("build.finished").await, seen[1..]);
    assert_eq!(w.get("/sse/view/a?after=x").await.status, 400);
}

#[tokio::test]
async fn a_running_log_is_followed_line_by_line_and_a_client_that_comes_back_goes_on_where_it_was() {
    let gate = Gate::new();
    let line = format!("echo one; echo two >&2; {}; printf 'three\\nno newline'", gate.wait());
    let w = Site::new().builder("core/full", &line).serve().await;
    w.force("core/full").await;
    assert_eq!(w.running("core/full").await, 1);
    let path = "/sse/team/core/builder/full/build/1/step/0/log/stdio";
    // The log is opened after the build is: its event is waited for.
    let mut build = Events::open(&w, "/sse/team/core/builder/full/build/1?after=0", None, None).await;
    build.until("log.changed").await;

    let mut events = Events::open(&w, path, None, None).await;
    let mut lines: Vec<(i64, String, String)> = Vec::new();
    let mut position = String::new();
    let text = |lines: &[(i64, String, String)]| -> Vec<String> {
        lines.iter().filter(|(_, c, _)| c != "h").map(|(_, c, t)| format!("{c} {t}")).collect()
    };
    while text(&lines).len() < 2 {
        let (id, name, data) = events.next().await.expect("the log is not at its end");
        assert_eq!(name, "lines");
        take(&mut lines, &data);
        position = id;
    }
    let mut both = text(&lines);
    both.sort();
    assert_eq!(both, ["e two", "o one"]);
    drop(events);
    gate.open();
    let mut rest = Events::open(&w, path, None, Some(&position)).await;
    for (_, name, data) in rest.until("end").await {
        if name == "lines" {
            take(&mut lines, &data);
        }
    }
    assert!(rest.next().await.is_none(), "the stream ends with the log");
    let numbers: Vec<_> = lines.iter().map(|(n, ..)| *n).collect();
    assert_eq!(numbers, (0..lines.len() as i64).collect::<Vec<_>>());
    assert_eq!(text(&lines)[2..], ["o three", "o no newline"]);
    w.settle().await;
}

fn take(lines: &mut Vec<(i64, String, String)>, data: &Value) {
    for line in data.as_array().expect("lines come as an array") {
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        lines.push((line["n"].as_i64().unwrap(), text("c"), text("t")));
    }
}

#[tokio::test]
async fn a_raw_log_streams_until_its_end_and_holds_the_bytes_as_they_were_printed() {
    let gate = Gate::new();
    let line = format!("printf 'a\\377\\033[1mb\\n'; {}; seq 1 3", gate.wait());
    let w = Site::new().builder("core/full", &line).serve().await;
    w.force("core/full").await;
    w.running("core/full").await;
    let mut build = Events::open(&w, "/sse/team/core/builder/full/build/1?after=0", None, None).await;
    build.until("log.changed").await;
    let path = "/team/core/builder/full/build/1/step/0/log/stdio/raw";
    let answer = client().get(w.url(path)).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    let mut chunks = answer.bytes_stream();
    let mut bytes = Vec::new();
    while bytes.len() < 7 {
        bytes.extend(tokio::time::timeout(DEADLINE, chunks.next()).await.expect("in time").unwrap().unwrap());
    }
    assert_eq!(bytes, b"a\xff\x1b[1mb\n");
    gate.open();
    while let Some(chunk) = tokio::time::timeout(DEADLINE, chunks.next()).await.expect("the log ends") {
        bytes.extend(chunk.unwrap());
    }
    assert_eq!(bytes, b"a\xff\x1b[1mb\n1\n2\n3\n");
    w.settle().await;
    let whole = client().get(w.url(path)).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(whole, bytes);
    let with_headers = w.get(&format!("{path}?headers=1")).await.body;
    assert!(with_headers.len() > whole.len(), "{with_headers}");
    assert_eq!(w.get(&format!("{path}?first=-1")).await.status, 400);
    let head = w.fetch(client().head(w.url(path))).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn clients_that_leave_in_the_middle_are_let_go_and_never_noticed_by_others() {
    let gate = Gate::new();
    let line = format!("head -c 3000000 /dev/zero | tr '\\0' x | fold -w 100; {}", gate.wait());
    let w = Site::new().builder("core/full", &line).serve().await;
    w.force("core/full").await;
    w.running("core/full").await;
    let mut build = Events::open(&w, "/sse/team/core/builder/full/build/1?after=0", None, None).await;
    build.until("log.changed").await;
    drop(build);
    let sockets = || {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", w.server().pid())).expect("the server runs");
        let links = fds.flatten().filter_map(|fd| std::fs::read_link(fd.path()).ok());
        links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
    };
    let raw = "/team/core/builder/full/build/1/step/0/log/stdio/raw";
    for path in [raw, "/sse/waterfall", "/sse/team/core/builder/full/build/1/step/0/log/stdio"] {
        for _ in 0..50 {
            let mut client = std::net::TcpStream::connect(w.server().address()).unwrap();
            write!(client, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            let mut some = [0; 64];
            client.read_exact(&mut some).unwrap();
        }
        assert_eq!(w.get("/view/nothing.json").await.status, 404);
    }
    let gone = async {
        while sockets() > 60 {
            assert_eq!(w.get("/healthz").await.status, 200);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("connections of clients that left are closed");
    gate.open();
    w.settle().await;
}

#[tokio::test]
async fn force_wait_prints_the_log_and_exits_with_the_result() {
    let w = Site::new()
        .builder("core/good", "echo hello from the build; echo oops >&2")
        .builder("core/bad + x", "echo broken; exit 4")
        .serve()
        .await;
    let token = w.token("core", "operator");
    let env = [("WEIR_TOKEN", token.as_str())];
    let good = w.weir(&["force", "core/good", "--wait", "--reason", "a test"], &env);
    let (out, err) = (String::from_utf8_lossy(&good.stdout), String::from_utf8_lossy(&good.stderr));
    assert_eq!((good.status.code(), &*out), (Some(0), "hello from the build\n"), "{err}");
    assert!(err.contains("oops") && err.contains("core/good build 1: success"), "{err}");
    let bad = w.weir(&["force", "core/bad + x", "--wait", "--json"], &env);
    assert_eq!(bad.status.code(), Some(1), "{}", String::from_utf8_lossy(&bad.stderr));
    let json: Value = serde_json::from_slice(&bad.stdout).expect("one JSON object is printed");
    assert_eq!((&json["number"], &json["results"]), (&json!(1), &json!("failure")));

    for (arguments, env, code, says) in [
        (&["force", "core/good"][..], &[][..], 3, "WEIR_TOKEN"),
        (&["force", "core/nowhere"], &env, 3, "nowhere"),
        (&["force", "core/good", "-p", "other=1"], &env, 2, "other"),
        (&["force", "core"], &env, 2, "team"),
        (&["force", "core/good", "--server", "http://127.0.0.1:1/"], &env, 3, "127.0.0.1:1"),
        (&["force", "core/good", "--server", "ftp://x/"], &env, 2, "ftp"),
        (&["stop", "core/good", "1"], &env, 1, "of core/good has ended"),
        (&["stop", "core/good", "9"], &env, 3, "no build"),
        (&["rebuild", "core/good", "9"], &env, 3, "no build"),
        (&["rebuild", "core/good", "0"], &env, 2, "0"),
        (&["rebuild", "core/good", "1"], &[], 3, "WEIR_TOKEN"),
        (&["cancel", "1"], &env, 1, "does not wait any more"),
        (&["cancel", "99"], &env, 3, "no build request"),
        (&["cancel", "core/good"], &env, 2, "core/good"),
    ] {
        let output = w.weir(arguments, env);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?} said {said}");
    }
}

#[tokio::test]
async fn rebuild_and_cancel_do_from_the_terminal_what_they_say() {
    let gate = Gate::new();
    let w = Site::new().builder("core/good", "echo once more").builder("core/slow", &gate.wait()).serve().await;
    let token = w.token("core", "operator");
    let env = [("WEIR_TOKEN", token.as_str())];
    w.force("core/good").await;
    w.settle().await;
    let again = w.weir(&["rebuild", "core/good", "1", "--reason", "flaky?", "--wait"], &env);
    let (out, err) = (String::from_utf8_lossy(&again.stdout), String::from_utf8_lossy(&again.stderr));
    assert_eq!((again.status.code(), &*out), (Some(0), "once more\n"), "{err}");
    assert!(err.contains("core/good build 2: success"), "{err}");
    w.force("core/slow").await;
    w.running("core/slow").await;
    let waits = w.force("core/slow").await;
    let id = waits["buildrequests"].as_object().unwrap().values().next().unwrap().to_string();
    let cancelled = w.weir(&["cancel", &id, "--reason", "by mistake"], &env);
    let said = String::from_utf8_lossy(&cancelled.stdout);
    assert_eq!((cancelled.status.code(), &*said), (Some(0), &*format!("request {id} is cancelled\n")));
    gate.open();
    w.settle().await;
    assert_eq!(w.last("core/slow").await.number, 1);
}

#[tokio::test]
async fn a_running_build_is_stopped_by_the_same_rights_and_force_wait_tells_so() {
    let gate = Gate::new();
    let w = Site::new().builder("core/full", &gate.wait()).serve().await;
    w.force("core/full").await;
    w.running("core/full").await;
    let stop = |token: Option<String>, number: i64| {
        let url = w.url(&format!("/api/v2/teams/core/builders/full/builds/{number}/stop"));
        let request = client().post(url).json(&json!({ "reason": "enough" }));
        w.fetch(match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    };
    assert_eq!(stop(None, 1).await.status, 401);
    assert_eq!(stop(None, 99).await.status, 401);
    assert_eq!(stop(Some(w.token("core", "viewer")), 1).await.status, 403);
    assert_eq!(stop(Some(w.owner()), 99).await.status, 404);
    let env = [("WEIR_TOKEN", w.token("core", "operator"))];
    let env = env.each_ref().map(|(name, token)| (*name, token.as_str()));
    let stopped = w.weir(&["stop", "core/full", "1", "--reason", "enough"], &env);
    assert_eq!(stopped.status.code(), Some(0), "{}", String::from_utf8_lossy(&stopped.stderr));
    w.settle().await;
    assert_eq!(w.last("core/full").await.results, "cancelled");
    assert_eq!(stop(Some(w.owner()), 1).await.status, 409);
}

#[tokio::test]
async fn force_wait_goes_on_where_it_was_when_the_server_was_killed_and_came_back() {
    let gate = Gate::new();
    let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut w = Site::new()
        .builder("core/full", &format!("echo begun; {}; echo done", gate.wait()))
        .env("WEIR_SERVER__LISTEN", &format!("[\"{listen}\"]"))
        .serve()
        .await;
    let token = w.token("core", "operator");
    let mut weir =
        weir_tests::binary::weir_command(w.dir(), &[("WEIR_TOKEN", &token), ("WEIR_SERVER_URL", &w.url("/"))]);
    weir.args(["force", "core/full", "--wait"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut weir = weir.spawn().expect("the built weir can be started");
    let mut out = std::io::BufReader::new(weir.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    assert_eq!(line, "begun\n");
    w.crash();
    w.restart().await;
    gate.open();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    let ended = weir.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&ended.stderr);
    assert_eq!((ended.status.code(), rest.as_str()), (Some(0), "begun\ndone\n"), "{err}");
    assert!(err.contains("the server is away") && err.contains("build 2: success"), "{err}");
    w.settle().await;
}

#[tokio::test]
async fn of_many_waiting_requests_twenty_are_listed_and_all_are_counted() {
    let gate = Gate::new();
    let site = Site::new().builder("core/full", &gate.wait()).view("all", "categories = [\"*\"]");
    let w = site.serve().await;
    w.force("core/full").await;
    w.running("core/full").await;
    for _ in 0..29 {
        w.force("core/full").await;
    }
    let builder = w.get("/view/all.json").await.json()["builders"][0].clone();
    assert_eq!((&builder["n_pending"], builder["pending"].as_array().map(Vec::len)), (&json!(29), Some(20)));
    let page = w.get("/team/core/builder/full").await;
    assert_eq!(page.body.matches("</span> request ").count(), 20, "{}", page.body);
    assert!(page.body.contains("and 9 more"), "{}", page.body);
}
