//! Pages as people meet them: over the real server, as text, by their links, and in a real browser.

use std::time::Duration;
use weir_tests::browser::Browser;
use weir_tests::page::Page;
use weir_tests::site::Site;
use weir_tests::world::{World, client};

/// A builder's name with what real names hold, and worse.
const ODD: &str = "a+b | <script>x & ünï";

async fn site() -> World {
    Site::new()
        .prefix("/ci/")
        .builder("core/good", "echo it works")
        .builder("core/bad", "seq 1 2500; printf '\\033[31mred\\033[0m <b>\\n'; exit 3")
        .builder(&format!("core/{ODD}"), "echo odd")
        .team("hidden", "visibility = \"private\"")
        .builder("hidden/secret", "echo")
        .view("all", "title = \"Everything\"\ncategories = [\"*\"]")
        .view("good", "builders = [\"good\"]")
        .view("nothing", "builders = [\"nope-*\"]")
        .serve()
        .await
}

#[tokio::test]
async fn every_link_of_every_page_leads_somewhere_under_the_prefix() {
    let w = site().await;
    for key in ["core/good", "core/bad", &format!("core/{ODD}")] {
        w.force(key).await;
    }
    w.settle().await;
    let mut open = vec!["/".to_owned()];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(path) = open.pop() {
        if !seen.insert(path.clone()) || seen.len() > 300 {
            continue;
        }
        let page = w.get(&path).await;
        assert_eq!(page.status, 200, "{path}");
        if !page.header("content-type").unwrap_or_default().starts_with("text/html") {
            continue;
        }
        assert_eq!(page.body.matches("<script").count(), 1, "{path}: our own script; names are escaped");
        assert!(page.body.starts_with("<!doctype html>"), "{path}");
        for link in page.links().into_iter().filter(|l| !l.starts_with('#')) {
            let under =
                link.strip_prefix("/ci").unwrap_or_else(|| panic!("{path} links to {link}, outside the prefix"));
            open.push(under.split('#').next().unwrap_or_default().to_owned());
        }
    }
    assert!(seen.iter().any(|p| p.contains("/log/stdio")), "the Waterfall leads to logs: {seen:?}");
    assert!(seen.iter().any(|p| p.contains("a%2Bb%20%7C%20%3Cscript%3Ex")), "odd names lead to their builder");
    assert!(!seen.iter().any(|p| p.contains("hidden")), "nothing private is linked");
}

#[tokio::test]
async fn views_show_their_own_builders_and_arguments_narrow_them() {
    let w = site().await;
    w.force("core/bad").await;
    w.settle().await;
    let all = w.get("/view/all").await.text();
    let good = w.get("/view/good").await.text();
    for (name, on_all, on_good) in [("good", true, true), ("bad", true, false), ("secret", false, false)] {
        assert_eq!((all.contains(name), good.contains(name)), (on_all, on_good), "{name}");
    }
    assert!(all.contains("✕ failure #1") && all.contains("never built"), "{all}");
    let narrowed = w.get("/view/all?show=good").await.text();
    assert!(narrowed.contains("good") && !narrowed.contains("#1"), "{narrowed}");
    let failing = w.get("/waterfall?failures_only=true").await.text();
    assert!(failing.contains("bad") && !failing.contains("ünï"), "{failing}");
    assert!(w.get("/view/nothing").await.text().contains("No builder in this view"));
    assert!(w.get("/view/good").await.text().contains("Nothing was built here yet"), "says how to make a first build");
    let reloading = w.get("/view/all?reload=3").await.body;
    assert!(reloading.contains("http-equiv=\"refresh\" content=\"15\"") && reloading.contains("Stop reloading"));
}

#[tokio::test]
async fn what_one_may_not_see_is_not_found_and_the_page_says_what_to_do() {
    let w = site().await;
    let hidden = w.get("/team/hidden/builder/secret").await;
    let nothing = w.get("/team/nosuch/builder/secret").await;
    assert_eq!((hidden.status, nothing.status), (404, 404));
    assert!(hidden.text().contains("send a token"), "{}", hidden.text());
    let token = w.token("hidden", "viewer");
    assert_eq!(w.get_as(&token, "/team/hidden/builder/secret").await.status, 200);
    assert_eq!(w.get("/view/all?num_events=x").await.status, 400);
    let unheeded = w.get("/view/all?committer=ada&show_events=true").await;
    assert!(unheeded.text().contains("committer, show_events are not acted on yet"), "{}", unheeded.text());
    assert!(!w.get("/view/all?branch=main").await.text().contains("not acted on"));
    let wrong = w.get("/team/core/builder/linux?before=x").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("before") && wrong.body.contains("<html"), "{}", wrong.text());
}

#[tokio::test]
async fn a_build_page_shows_the_end_of_the_failing_log_and_a_log_opens_anywhere() {
    let w = site().await;
    w.force("core/bad").await;
    w.settle().await;
    let build = w.get("/team/core/builder/bad/build/1").await;
    let text = build.text();
    assert!(text.contains("failure") && text.contains("2500") && text.contains("red <b>"), "{text}");
    let log = "/team/core/builder/bad/build/1/step/0/log/stdio";
    let tail = w.get(log).await;
    assert!(tail.body.contains("<span class=\"a1\">red</span> &lt;b&gt;"), "a failing log opens at its end, in colour");
    assert!(!tail.body.contains("id=L1>"), "a window, not the whole");
    let first = w.get(&format!("{log}?from=1")).await;
    assert!(first.body.contains("id=L1 ") || first.body.contains("id=L1>"));
    assert_eq!(w.get(&format!("{log}?from=999999")).await.status, 200);
}

#[tokio::test]
async fn a_running_log_arrives_line_by_line_without_script() {
    let gate = tempfile::tempdir().unwrap();
    let line = format!("echo before; until [ -e {}/open ]; do sleep 0.05; done; echo after", gate.path().display());
    let w = Site::new().builder("core/slow", &line).view("all", "categories = [\"*\"]").serve().await;
    w.force("core/slow").await;
    w.running("core/slow").await;
    let url = w.url("/team/core/builder/slow/build/1/step/0/log/stdio");
    let mut answer = client().get(&url).send().await.unwrap();
    while answer.status() == 404 {
        answer = client().get(&url).send().await.unwrap();
    }
    let mut text = String::new();
    let mut is_open = false;
    while let Some(piece) =
        tokio::time::timeout(Duration::from_secs(60), answer.chunk()).await.expect("lines come").unwrap()
    {
        text.push_str(&String::from_utf8_lossy(&piece));
        if text.contains("<span>before</span>") && !is_open {
            assert!(!text.contains("<span>after</span>"));
            std::fs::write(gate.path().join("open"), "").unwrap();
            is_open = true;
        }
    }
    assert!(
        text.contains("<span>after</span>") && text.contains("id=log-end") && text.ends_with("</html>\n"),
        "{text}"
    );
}

#[tokio::test]
async fn a_waterfall_is_not_sent_twice_and_assets_are_kept_for_good() {
    let w = site().await;
    let again = async |page: &Page| {
        let tag = page.header("etag").unwrap().to_owned();
        w.fetch(client().get(w.url("/view/all")).header("if-none-match", tag)).await.status
    };
    let mut page = w.get("/view/all").await;
    // Ages are told to the minute, so a page is another one as a minute begins: then the next asking is of the same minute.
    let mut status = again(&page).await;
    if status == 200 {
        page = w.get("/view/all").await;
        status = again(&page).await;
    }
    assert_eq!(status, 304);
    w.force("core/good").await;
    w.settle().await;
    assert_eq!(again(&page).await, 200, "a build is something new");
    let css = page.body.split("href=\"/ci").find(|p| p.starts_with("/asset/weir-")).unwrap().split('"').next().unwrap();
    let css = w.get(css).await;
    assert!(css.header("cache-control").unwrap().contains("immutable"));
    assert_eq!(w.get("/asset/weir.css").await.status, 404);
}

#[tokio::test]
async fn in_a_browser_a_waterfall_keeps_itself_current() {
    let Some(browser) = Browser::start().await else { return };
    let w = site().await;
    browser.open(&w.url("/view/all")).await;
    browser.until("document.querySelector('#live').dataset.s === 'on'").await;
    w.force("core/good").await;
    browser.until("document.querySelector('.b.g li.n')?.textContent.includes('#1')").await;
}

#[tokio::test]
async fn a_page_of_one_token_is_not_taken_for_that_of_another_of_the_same_subject() {
    let w = site().await;
    let (one, other) = (w.token("core", "viewer"), w.token("core", "viewer"));
    let tag = w.get_as(&one, "/view/all").await.header("etag").unwrap().to_owned();
    let asked = client().get(w.url("/view/all")).header("if-none-match", tag).bearer_auth(&other);
    assert_eq!(w.fetch(asked).await.status, 200);
}
