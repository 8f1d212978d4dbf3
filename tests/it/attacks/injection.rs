//! HTML, script and sequences that steer terminals in all that people and builds write: on every page it is text, and no more.

use serde_json::json;
use weir_tests::site::Site;
use weir_tests::world::{World, client};

/// Ends whatever it may stand in, and begins something of its own.
const EVIL: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{site}}&lt;";
/// As a builder may be called: no slash, no braces.
const ODD: &str = "\"'><script>alert(1)<script><img src=x onerror=alert(2)>";

async fn world() -> World {
    let quoted = |text: &str| json!(text).to_string();
    let print = "printf '%s\\033]0;title\\007\\033[2J\\033[31mred\\033[0m\\n' '<script>alert(3)</script><a href=\"javascript:alert(4)\">'; exit 1";
    let keys = format!(
        "categories = [{}]\ndescription = {}\nforce = {{ properties = [\"free\"] }}",
        quoted(ODD),
        quoted(EVIL)
    );
    Site::new()
        .team("core", &format!("title = {}", quoted(EVIL)))
        .builder_with(&format!("core/{ODD}"), &keys, &[print])
        .view("all", &format!("title = {}\ncategories = [\"*\"]", quoted(EVIL)))
        .serve()
        .await
}

#[tokio::test]
async fn what_people_and_builds_write_is_text_on_every_page() {
    let w = world().await;
    let wish = json!({ "branch": EVIL, "revision": EVIL, "reason": EVIL, "properties": { "free": EVIL } });
    let forced = w.force_as(Some(&w.owner()), &format!("core/{ODD}"), wish).await;
    assert_eq!(forced.status, 202, "{}", forced.body);
    w.settle().await;
    let mut open = vec!["/".to_owned(), "/waterfall".to_owned(), "/view/all".to_owned(), "/team/core".to_owned()];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(path) = open.pop().filter(|_| seen.len() < 60) {
        if !seen.insert(path.clone()) {
            continue;
        }
        let page = w.get(&path).await;
        assert_eq!(page.status, 200, "{path}");
        if !page.header("content-type").unwrap_or_default().starts_with("text/html") {
            assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{path}");
            continue;
        }
        let csp = page.header("content-security-policy").unwrap_or_default();
        assert!(csp.contains("script-src 'self';"), "{path}: {csp}");
        assert_eq!(page.body.matches("<script").count(), 1, "{path}: our own script only\n{}", page.body);
        for bad in ["<img src=x", "\"javascript:", "<a href=\"javascript", "\u{1b}", "\u{7}"] {
            assert!(!page.body.contains(bad), "{path} holds {bad:?}");
        }
        let links = page.links().into_iter().filter(|link| link.starts_with('/'));
        open.extend(links.map(|link| link.split('#').next().unwrap_or_default().to_owned()));
    }
    assert!(seen.iter().any(|path| path.contains("/build/1/step/0/log/stdio")), "{seen:?}");
    let builder = w.get("/waterfall").await;
    assert!(builder.text().contains("<script>alert(1)<script>"), "it is shown as it is written: {}", builder.text());
}

#[tokio::test]
async fn no_address_and_no_argument_puts_a_header_or_markup_into_an_answer() {
    let w = world().await;
    for path in [
        "/team/core%0d%0aset-cookie:%20a=b/builder/x",
        "/view/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/?show=%0d%0aset-cookie:%20a=b%3Cscript%3E",
        "/waterfall?num_events=%3Cscript%3Ealert(1)%3C/script%3E",
        "/team/core/builder/x?request=%3Cscript%3E",
        "/asset/%22%3E%3Cscript%3E",
        "/api/v2/buildrequests/%3Cscript%3E",
    ] {
        for accept in ["text/html", "application/json", "*/*"] {
            let page = w.fetch(client().get(w.url(path)).header("accept", accept)).await;
            assert!(
                page.header("set-cookie").is_none_or(|cookie| !cookie.contains("a=b")),
                "{path}: {:?}",
                page.headers
            );
            let is_page = page.header("content-type").unwrap_or_default().starts_with("text/html");
            assert!(!is_page || page.body.matches("<script").count() == 1, "{path}: {}", page.body);
            assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{path}");
        }
    }
}

#[tokio::test]
async fn messages_of_commands_stay_on_their_line_whatever_a_server_says() {
    let w = world().await;
    let name = "core/\u{1b}]0;title\u{7}\u{9b}2J";
    let output = w.weir(&["force", name], &[("WEIR_TOKEN", &w.owner())]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_ne!(output.status.code(), Some(0));
    assert!(!said.contains('\u{1b}') && !said.contains('\u{7}') && !said.contains('\u{9b}'), "{said:?}");
}
