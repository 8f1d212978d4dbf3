//! A real Chromium, for what only a browser can show: that a page is complete without script, and lives with it.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// What Chromium is told: no window, no talk with anybody but the page.
const FLAGS: [&str; 9] = [
    "--headless",
    // Its own sandbox does not start as root, which CI is; the pages are ours.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A browser with one page, driven by the WebDriver protocol (<https://www.w3.org/TR/webdriver2/>), of which tests need
/// three commands: open a page, run a script, take a picture.
pub struct Browser {
    session: String,
    // Ends the driver and with it the browser.
    _driver: Driver,
}

impl Browser {
    /// Starts a browser; none where Chromium and its driver are not installed.
    ///
    /// A missing browser is said loudly and fails the test where `CI` is set: there the tests of the pages must not fall
    /// away in silence.
    ///
    /// # Panics
    /// Where the browser is missing in CI, or does not start.
    pub async fn start() -> Option<Self> {
        let Some(driver) = Driver::start() else {
            say_what_is_missing();
            return None;
        };
        let sessions = format!("http://127.0.0.1:{}/session", driver.port);
        let options =
            json!({ "alwaysMatch": { "goog:chromeOptions": { "args": FLAGS }, "timeouts": { "script": 60_000 } } });
        let session = post(&sessions, &json!({ "capabilities": options })).await;
        let id = session["sessionId"].as_str().expect("a session has an id");
        Some(Self { session: format!("{sessions}/{id}"), _driver: driver })
    }

    /// Opens a page and waits until it is loaded.
    ///
    /// # Panics
    /// Where it does not load.
    pub async fn open(&self, url: &str) {
        post(&format!("{}/url", self.session), &json!({ "url": url })).await;
    }

    /// Runs a script in the page and returns what it returns; a promise is waited for, a minute at most.
    ///
    /// # Panics
    /// Where the script throws or its promise does not come.
    pub async fn run(&self, script: &str) -> Value {
        post(&format!("{}/execute/sync", self.session), &json!({ "script": script, "args": [] })).await
    }

    /// Waits, without asking again and again, until `condition` (a JavaScript expression) holds in the page.
    ///
    /// # Panics
    /// Where it does not within a minute; with what stands on the page then.
    pub async fn until(&self, condition: &str) {
        let script = format!(
            "return new Promise(done => {{
                const look = () => {{ if ({condition}) {{ observer.disconnect(); done(true); }} }};
                const observer = new MutationObserver(look);
                observer.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
                setTimeout(() => done(false), 50000);
                look();
            }})"
        );
        if self.run(&script).await != true {
            panic!("`{condition}` did not come true; the page reads:\n{}", self.text().await);
        }
    }

    /// Switches off script in pages that are opened from now on; `run` still works.
    ///
    /// # Panics
    /// Where the browser does not answer.
    pub async fn forbid_script(&self) {
        let command = json!({ "cmd": "Emulation.setScriptExecutionDisabled", "params": { "value": true } });
        post(&format!("{}/goog/cdp/execute", self.session), &command).await;
    }

    /// What a person reads on the page.
    ///
    /// # Panics
    /// Where the browser does not answer.
    pub async fn text(&self) -> String {
        let text = self.run("return document.body.innerText").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Sets the size of the window.
    ///
    /// # Panics
    /// Where the browser does not answer.
    pub async fn resize(&self, width: u32, height: u32) {
        post(&format!("{}/window/rect", self.session), &json!({ "width": width, "height": height })).await;
    }
}

/// Says loudly what is not tested, and fails where it must be.
fn say_what_is_missing() {
    let text = "chromedriver is not installed: what only a browser can show is NOT tested. \
                Install Debian's packages chromium and chromium-driver.";
    assert!(std::env::var_os("CI").is_none(), "{text}");
    eprintln!("{text}");
}

/// One command of the protocol; its value.
async fn post(url: &str, body: &Value) -> Value {
    let answer = crate::world::client().post(url).json(body).send().await.expect("chromedriver answers");
    let is_good = answer.status().is_success();
    let json: Value = answer.json().await.expect("chromedriver answers in JSON");
    assert!(is_good, "the browser refused {url}: {}", json["value"]["message"]);
    json["value"].clone()
}

/// A `chromedriver` on a free port.
struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    fn start() -> Option<Self> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().ok()?;
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        // It says its port when it is ready.
        let port = lines.find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        // It goes on writing: somebody has to read.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, port: port.expect("chromedriver says its port") })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Asked this way it takes the browser with it; killed, it would leave the browser running.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.write_all(b"GET /shutdown HTTP/1.1\r\nHost: localhost\r\n\r\n");
        }
        let _ = self.child.wait();
    }
}
