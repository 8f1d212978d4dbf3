//! What only a browser can show: a page without script is complete, a page with script lives.

use weir_tests::browser::Browser;
use weir_tests::site::Site;

fn site() -> Site {
    Site::new()
        .builder_with("core/linux", r#"categories = ["release"]"#, &["echo compiled"])
        .builder_with("core/canary", r#"categories = ["release"]"#, &["exit 1"])
        .view("release", "title = \"What we ship\"\ncategories = [\"release\"]")
}

#[tokio::test]
async fn a_page_is_complete_without_script() {
    let world = site().serve().await;
    world.force("core/linux").await;
    world.force("core/canary").await;
    world.settle().await;
    let Some(browser) = Browser::start().await else { return };
    browser.forbid_script().await;
    browser.open("data:text/html,<p>read</p><script>document.body.append('run')</script>").await;
    assert_eq!(browser.text().await, "read", "script is off");
    browser.open(&world.url("/view/release")).await;
    let text = browser.text().await;
    for word in ["What we ship", "linux", "canary", "success", "failure", "#1"] {
        assert!(text.contains(word), "no {word} in:\n{text}");
    }
    let build = "return document.querySelector('a[href$=\"/builder/linux/build/1\"]') != null";
    assert_eq!(browser.run(build).await, true, "builds are linked");
}

#[tokio::test]
async fn a_forced_build_appears_and_ends_without_a_reload() {
    let world = site().serve().await;
    let Some(browser) = Browser::start().await else { return };
    browser.open(&world.url("/view/release")).await;
    browser.run("window.stayed = true").await;
    assert_eq!(
        browser.run("return document.querySelector('a[href$=\"/builder/linux/build/1\"]')").await,
        serde_json::Value::Null
    );
    world.force("core/linux").await;
    browser.until("document.querySelector('a[href$=\"/builder/linux/build/1\"]')").await;
    browser.until("document.body.innerText.includes('success')").await;
    assert_eq!(browser.run("return window.stayed").await, true, "the page was loaded anew");
}

#[tokio::test]
async fn a_page_fits_a_phone() {
    let world = site().serve().await;
    let Some(browser) = Browser::start().await else { return };
    browser.resize(390, 800).await;
    for path in ["/", "/view/release", "/team/core", "/team/core/builder/linux", "/plugins", "/about"] {
        browser.open(&world.url(path)).await;
        let over = browser.run("return document.documentElement.scrollWidth - window.innerWidth").await;
        assert!(over.as_f64().is_some_and(|over| over <= 0.0), "{path} is {over} px wider than the screen");
    }
}
