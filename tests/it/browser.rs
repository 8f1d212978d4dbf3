//! What only a browser can show: a page without script is complete, a page with script lives.

use weir_tests::browser::Browser;
use weir_tests::proxy::{Kind, Proxy, RETRY_AFTER_S};
use weir_tests::site::Site;
use weir_tests::world::World;
use weir_tests::world::client;

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

/// Begins to write down what the page says of itself, as `window.said`.
async fn listen(browser: &Browser) {
    browser
        .run(
            "const live = document.querySelector('#live');
             window.said = [live.textContent];
             new MutationObserver(() => said.push(live.textContent)).observe(live, { childList: true, characterData: true, subtree: true })",
        )
        .await;
}

/// Milliseconds from the page's first asking for itself that was refused with `status` to its next; none where there are not both.
async fn pause_ms(browser: &Browser, status: u16) -> Option<f64> {
    let script = format!(
        "const asked = performance.getEntriesByType('resource').filter(e => e.name === location.href);
         const refused = asked.findIndex(e => e.responseStatus === {status});
         return refused < 0 || !asked[refused + 1] ? null : asked[refused + 1].startTime - asked[refused].startTime"
    );
    browser.run(&script).await.as_f64()
}

/// Opens a page behind a proxy, and listens to what it says of being live.
async fn open_live(browser: &Browser, proxy: &Proxy) {
    browser.open(&format!("http://{}/view/release", proxy.address())).await;
    browser.until("document.querySelector('#live').textContent.includes('live')").await;
    browser.run("window.stayed = true").await;
    listen(browser).await;
}

/// A page behind a proxy that refuses and relents at once: it must wait as long as it was told all the same.
async fn is_patient(world: &World, browser: &Browser, proxy: &Proxy, status: u16, build: i64) {
    let appears = format!("document.querySelector('a[href$=\"/builder/linux/build/{build}\"]')");
    assert_eq!(browser.run(&format!("return {appears}")).await, serde_json::Value::Null);
    browser.run("said.length = 0; performance.clearResourceTimings()").await;
    proxy.refuse(status);
    world.force("core/linux").await;
    browser.until(&format!("said.some(text => text.includes('busy, trying again in {RETRY_AFTER_S}s'))")).await;
    proxy.relent(status);
    browser.until(&appears).await;
    browser.until("document.querySelector('#live').textContent.includes('live')").await;
    let pause = pause_ms(browser, status).await;
    let is_long = pause.is_some_and(|ms| ms >= 1_000.0 * RETRY_AFTER_S as f64);
    assert!(is_long, "after {status} it asked again after {pause:?} ms");
    assert_eq!(browser.run("return window.stayed").await, true, "the page was loaded anew");
    world.settle().await;
}

#[tokio::test]
async fn a_live_page_that_is_refused_says_so_waits_as_long_as_it_was_told_and_goes_on() {
    let world = site().serve().await;
    let Some(browser) = Browser::start().await else { return };
    let Some(proxy) = Proxy::start(Kind::Nginx, world.server().address()) else { return };
    open_live(&browser, &proxy).await;
    is_patient(&world, &browser, &proxy, 429, 1).await;
    is_patient(&world, &browser, &proxy, 503, 2).await;
}

#[tokio::test]
async fn a_live_page_whose_stream_breaks_off_while_all_is_refused_comes_back_when_nothing_is() {
    let world = site().serve().await;
    let Some(browser) = Browser::start().await else { return };
    let Some(proxy) = Proxy::start(Kind::Nginx, world.server().address()) else { return };
    open_live(&browser, &proxy).await;
    for (status, build) in [(503, 1), (429, 2)] {
        browser.run("said.length = 0").await;
        proxy.refuse(status);
        proxy.break_off();
        browser.until("said.some(text => text.includes('reconnecting'))").await;
        browser.until(&format!("said.some(text => text.includes('busy, trying again in {RETRY_AFTER_S}s'))")).await;
        // What happens meanwhile is on the page as soon as it is back.
        world.force("core/linux").await;
        world.settle().await;
        proxy.relent(status);
        browser.until(&format!("document.querySelector('a[href$=\"/builder/linux/build/{build}\"]')")).await;
        browser.until("document.querySelector('#live').textContent.includes('live')").await;
        assert_eq!(browser.run("return window.stayed").await, true, "the page was loaded anew");
    }
}

#[tokio::test]
async fn a_waterfall_that_is_open_follows_the_configuration() {
    let world = site().serve().await;
    let Some(browser) = Browser::start().await else { return };
    browser.open(&world.url("/view/release")).await;
    browser.run("window.stayed = true").await;
    browser.until("document.querySelector('#live').dataset.s === 'on'").await;
    let owner = world.owner();
    let put_in_force = async |site: Site| {
        // As editors do it: nobody reads half a file.
        std::fs::write(world.dir().join("draft"), site.text()).unwrap();
        std::fs::rename(world.dir().join("draft"), world.dir().join("weir.toml")).unwrap();
        let ask = client().post(world.url("/api/v2/reload")).bearer_auth(&owner).json(&serde_json::json!({}));
        assert_eq!(world.fetch(ask).await.status, 200);
    };
    let view = |title: &str| Site::new().view("release", &format!("title = \"{title}\"\ncategories = [\"release\"]"));
    // Of the title of a page below the instance, which is the last of its crumbs.
    let crumb = |title: &str| format!("document.querySelector('.crumbs [aria-current]').textContent === '{title}'");
    let release = r#"categories = ["release"]"#;
    let names = |expected: &str| {
        format!("[...document.querySelectorAll('section.c h3')].map(e => e.textContent).sort().join() === '{expected}'")
    };
    // One is retired, one is new.
    let other = view("What we ship").builder_with("core/linux", release, &["true"]);
    put_in_force(other.builder_with("core/windows", release, &["true"])).await;
    browser.until(&names("linux,windows")).await;
    browser.until("document.querySelector('#said').textContent.includes('weir force core/linux')").await;
    // What is new is heard.
    world.force("core/windows").await;
    browser.until("document.querySelector('a[href$=\"/builder/windows/build/1\"]')").await;
    world.settle().await;
    // The last one leaves the view, whose title changes; none of that is an event of a builder.
    put_in_force(view("Nothing yet").builder_with("core/linux", "", &["true"]).builder("core/windows", "true")).await;
    browser.until(&names("")).await;
    browser.until("document.querySelector('h1').textContent.includes('Nothing yet')").await;
    browser.until(&crumb("Nothing yet")).await;
    browser.until("!document.querySelector('#under h2')").await;
    put_in_force(view("Again").builder_with("core/linux", release, &["true"])).await;
    browser.until(&names("linux")).await;
    browser.until(&crumb("Again")).await;
    browser.until("document.querySelector('#under h2') && document.querySelector('#cats a')").await;
    // The same columns under other headings.
    let grouped = "title = \"Again\"\ncategories = [\"release\"]\ngroup_by = \"category\"";
    put_in_force(Site::new().view("release", grouped).builder_with("core/linux", release, &["true"])).await;
    browser.until("document.querySelector('.gn')?.textContent === 'release'").await;
    assert_eq!(browser.run("return window.stayed").await, true, "the page was loaded anew");
}
