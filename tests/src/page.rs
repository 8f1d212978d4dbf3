//! An answer, and what a person reads in it.

use regex::Regex;
use std::sync::LazyLock;

/// An answer of the server.
#[derive(Debug, Clone)]
pub struct Page {
    /// Status code.
    pub status: u16,
    /// Headers, names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: String,
}

impl Page {
    /// Reads a whole answer.
    ///
    /// # Panics
    /// Where it breaks off.
    pub async fn read(answer: reqwest::Response) -> Self {
        let status = answer.status().as_u16();
        let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = answer.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let body = answer.text().await.expect("an answer comes whole");
        Self { status, headers, body }
    }

    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The page as text.
    pub fn text(&self) -> String {
        text(&self.body)
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// Where it is not.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.body))
    }

    /// Where each link on the page leads, in the page's order.
    pub fn links(&self) -> Vec<String> {
        static HREF: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r#"<a\b[^>]*?\bhref="([^"]*)""#).expect("a pattern"));
        HREF.captures_iter(&self.body).map(|found| unescape(&found[1])).collect()
    }
}

/// What a person reads in an HTML page: no markup, no script or style, one line for each block, blanks squeezed.
pub fn text(html: &str) -> String {
    static UNSEEN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?is)<!--.*?-->|<head\b.*?</head>|<script\b.*?</script>|<style\b.*?</style>|<svg\b.*?</svg>|<template\b.*?</template>").expect("a pattern")
    });
    static BLOCK: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)</?(address|article|aside|blockquote|br|caption|dd|details|div|dl|dt|fieldset|figure|footer|form|h[1-6]|header|hr|li|main|nav|ol|p|pre|section|summary|table|tbody|thead|tr|ul)\b[^>]*>").expect("a pattern")
    });
    static CELL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?i)</?(td|th)\b[^>]*>").expect("a pattern"));
    static TAG: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"<[^>]*>").expect("a pattern"));
    let html = UNSEEN.replace_all(html, "");
    let html = html.replace('\n', " ");
    let html = BLOCK.replace_all(&html, "\n");
    let html = CELL.replace_all(&html, "  ");
    let plain = unescape(&TAG.replace_all(&html, ""));
    let lines = plain.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// The characters that named and numbered references stand for, as far as our templates write them.
fn unescape(text: &str) -> String {
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"&#(x?)([0-9a-fA-F]+);").expect("a pattern"));
    let text = NUMBER.replace_all(text, |found: &regex::Captures<'_>| {
        let radix = if found[1].is_empty() { 10 } else { 16 };
        let code = u32::from_str_radix(&found[2], radix).ok();
        code.and_then(char::from_u32).map_or_else(|| found[0].to_owned(), String::from)
    });
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&nbsp;", " ").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_page_reads_as_its_blocks() {
        let html = "<!doctype html><html><head><title>x</title></head><body>\n<h1>Core &amp; docs</h1><script>let a = 1 < 2;</script>\
                    <table><tr><th>linux</th><td>#1\n <b>failed</b></td></tr></table><p>a&#x2F;b</p></body></html>";
        expect![[r"
            Core & docs
            linux #1 failed
            a/b"]]
        .assert_eq(&text(html));
    }

    #[test]
    fn links_come_in_the_order_of_the_page() {
        let body = r#"<a href="/view/a">a</a> <a class="b" href="/view/b?x=1&amp;y=2">b</a>"#.to_owned();
        let page = Page { status: 200, headers: Vec::new(), body };
        assert_eq!(page.links(), ["/view/a", "/view/b?x=1&y=2"]);
    }
}
