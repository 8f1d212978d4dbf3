//! HTML, script and sequences that steer terminals in all that people and builds write: on every page it is text, and no more.

use regex::Regex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use weir_tests::binary;
use weir_tests::site::Site;
use weir_tests::world::{World, build_path, client, segment};

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

/// Whatever leads somewhere, or fetches something.
static LEADS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"\s(?:href|src|action|formaction|poster|cite)="([^"]*)""#).unwrap());

/// Goes wherever the pages lead and finds our own script and markup there only; returns where it has been.
async fn look_at_every_page(w: &World) -> BTreeSet<String> {
    let mut open = vec!["/".to_owned(), "/waterfall".to_owned(), "/view/all".to_owned(), "/team/core".to_owned()];
    let mut seen = BTreeSet::new();
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
        for leads in LEADS.captures_iter(&page.body) {
            let to = leads[1].to_ascii_lowercase();
            let is_good = ["/", "#", "?", "http://", "https://", "data:,"].iter().any(|begin| to.starts_with(begin));
            assert!(is_good && !to.starts_with("//"), "{path} leads to {to}");
        }
        for bad in ["<img src=x", "\"javascript:", "<a href=\"javascript", "\u{1b}", "\u{7}"] {
            assert!(!page.body.contains(bad), "{path} holds {bad:?}");
        }
        let links = page.links().into_iter().filter(|link| link.starts_with('/'));
        open.extend(links.map(|link| link.split('#').next().unwrap_or_default().to_owned()));
    }
    seen
}

#[tokio::test]
async fn what_people_and_builds_write_is_text_on_every_page() {
    let w = world().await;
    let wish = json!({ "branch": EVIL, "revision": EVIL, "reason": EVIL, "properties": { "free": EVIL } });
    let forced = w.force_as(Some(&w.owner()), &format!("core/{ODD}"), wish).await;
    assert_eq!(forced.status, 202, "{}", forced.body);
    w.settle().await;
    let seen = look_at_every_page(&w).await;
    assert!(seen.iter().any(|path| path.contains("/build/1/step/0/log/stdio")), "{seen:?}");
    let builder = w.get("/waterfall").await;
    assert!(builder.text().contains("<script>alert(1)<script>"), "it is shown as it is written: {}", builder.text());
}

/// What would run script, or lead who clicks it somewhere else than it says.
const NO_LINKS: [&str; 13] = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " \t\njavascript:alert(1)",
    "java\nscript:alert(1)",
    "\u{1}javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "blob:https://example.org/1",
    "view-source:https://example.org/",
    "file:///etc/passwd",
    "//example.org/",
    "/team/core",
    "",
];
/// Leads to the web, and out of its quotes where nobody looks.
const ODD_LINK: &str = "https://example.org/\"><script>alert(5)</script><a href='javascript:alert(6)'>";
/// As a property may be called: no braces.
const ODD_PROPERTY: &str = "\"'><script>alert(7)</script><img src=x onerror=alert(8)>&lt;";

/// JSON as a string of TOML, for what stands under `with`.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| format!("{} = {}", json!(key), toml(value)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        Value::Array(elements) => format!("[{}]", elements.iter().map(toml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

#[tokio::test]
async fn what_a_plugin_links_names_and_sets_is_text_and_its_links_lead_to_the_web() {
    // Settings have placeholders of their own.
    let evil = EVIL.replace("{{site}}", "");
    let mut tries: Vec<Value> = NO_LINKS.map(|url| json!({ "link": { "name": "a link", "url": url } })).to_vec();
    tries.push(json!({ "link": { "name": evil, "url": ODD_LINK } }));
    tries.push(json!({ "property": { "name": ODD_PROPERTY, "value": evil } }));
    tries.push(json!({ "property": { "name": "nested", "value": format!("{{\"x\": \"{evil}\"}}") } }));
    tries.push(json!({ "property": { "name": "a\r\nset-cookie: a=b", "value": "x" } }));
    tries.push(json!({ "write": { "log": ODD_PROPERTY, "text": evil } }));
    tries.push(json!({ "write": { "log": "a\r\nset-cookie: a=b", "text": "x" } }));
    let with = toml(&json!({ "tries": tries }));
    let w = Site::new()
        .plugin("probe", &std::fs::read(binary::fixture_plugin("probe")).unwrap())
        .toml(&format!("[team.core.builder.odd]\n[[team.core.builder.odd.step]]\nuse = \"probe\"\nwith = {with}\n"))
        .view("all", "categories = [\"*\"]")
        .serve()
        .await;
    w.force("core/odd").await;
    w.settle().await;
    let told = w.log("core/odd", 1, 0, "probe").await;
    assert_eq!(told.matches("is no http or https URL").count(), NO_LINKS.len(), "{told}");
    let seen = look_at_every_page(&w).await;
    assert!(seen.iter().any(|path| path.contains("/build/1/step/0/log/probe")), "{seen:?}");
    // Of the names some are refused, because they stand in addresses: then nothing of it is there.
    assert_eq!(told.matches("is no name: use a letter").count(), 2, "{told}");
    assert!(told.contains("a property's name has 1 to 100 bytes without braces and control characters"), "{told}");
    let page = w.get("/team/core/builder/odd/build/1").await;
    assert!(page.text().contains(ODD_PROPERTY) && page.text().contains(&evil), "as it was written: {}", page.text());
    let links = page.links().into_iter().filter(|link| link.starts_with("http")).collect::<Vec<_>>();
    assert_eq!(links, [ODD_LINK], "{}", page.body);
    // Scripts get it as it was written, too, and no browser takes it for a page.
    for path in ["/api/v2/teams/core/builders/odd/builds/1", "/view/all.json"] {
        let answer = w.fetch(client().get(w.url(path)).header("accept", "text/html")).await;
        assert!(answer.header("content-type").unwrap().starts_with("application/json"), "{:?}", answer.headers);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        if path.starts_with("/api") {
            let build = &answer.json()["builds"][0];
            assert_eq!(build["properties"][ODD_PROPERTY][0], evil, "{build}");
            assert_eq!(build["steps"][0]["urls"], json!([{ "name": evil, "url": ODD_LINK }]), "{build}");
        }
    }
}

#[tokio::test]
async fn a_name_of_a_file_a_log_or_a_builder_stays_in_its_header() {
    let names = [
        ("a\r\nset-cookie: a=b.txt", false),
        ("a\nb.txt", false),
        ("../../up.txt", false),
        ("x\"; filename=\"evil.html", true),
        ("Ünï ✓; a=b,c.txt", true),
        ("<script>alert(1)<script>.html", true),
        ("50%0d%0aset-cookie: a=b.txt", true),
    ];
    let mut text = format!(
        "[team.core.builder.{odd}]\nforce = true\n[[team.core.builder.{odd}.step]]\nuse = \"shell\"\nwith = {{ command = \"echo hi > f\" }}\n",
        odd = json!(ODD)
    );
    for (n, (name, _)) in names.iter().enumerate() {
        text += &format!(
            "[[team.core.builder.{}.step]]\nname = \"keep{n}\"\nalways = true\nuse = \"artifact\"\nwith = {{ path = \"f\", name = {} }}\n",
            json!(ODD),
            json!(name)
        );
    }
    let w = Site::new().toml("[team.core]").toml(&text).serve().await;
    let key = format!("core/{ODD}");
    w.force(&key).await;
    w.settle().await;
    let build = build_path(&key, 1);
    let pattern =
        Regex::new(r#"^(inline|attachment); filename="[!#$&-~]*"; filename\*=UTF-8''[0-9A-Za-z%]*$"#).unwrap();
    for (name, is_good) in names {
        let page = w.get(&format!("{build}/artifact/{}", segment(name))).await;
        assert_eq!(page.status, if is_good { 200 } else { 404 }, "{name:?}: {}", page.body);
        assert_eq!(page.header("set-cookie"), None, "{name:?}: {:?}", page.headers);
        let said: Vec<_> = page.headers.iter().filter(|(header, _)| header == "content-disposition").collect();
        assert_eq!(said.len(), usize::from(is_good), "{name:?}: {said:?}");
        let Some((_, said)) = said.first() else { continue };
        assert!(pattern.is_match(said) && said.matches('"').count() == 2, "{name:?}: {said}");
        assert_eq!(said.starts_with("inline"), name.ends_with(".txt"), "{name:?}: {said}");
    }
    let page = w.get_as(&w.owner(), &format!("/team/core/builder/{}/force", segment(ODD))).await;
    let to = page.header("location").unwrap();
    assert!(page.status == 303 && to.is_ascii() && !to.contains(['"', '<', '>', ' ']), "{to}");
    let raw = w.get(&format!("{build}/step/0/log/stdio/raw")).await;
    assert_eq!((raw.header("content-disposition"), raw.header("x-content-type-options")), (None, Some("nosniff")));
    assert!(raw.header("content-type").unwrap().starts_with("text/plain"));
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
