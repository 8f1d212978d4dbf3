//! Where somebody who signed in goes on: a page of ours, and nowhere else, whatever a link asked for.

use actix_web::HttpRequest;
use actix_web::http::header::REFERER;
use url::Url;

/// Bytes of an address that is taken.
const TARGET_BYTES_MAX: usize = 2_000;
/// Pages that one does not come back to.
const NEVER: [&str; 3] = ["login", "logout", "auth/"];

/// `to` as path and query of a page under `public_url`; none where it leads anywhere else.
pub fn safe(public_url: &Url, to: &str) -> Option<String> {
    let odd = |c: char| c.is_control() || c == '\\';
    if !to.starts_with('/') || to.len() > TARGET_BYTES_MAX || to.contains(odd) {
        return None;
    }
    let url = public_url.join(to).ok()?;
    let below = url.path().strip_prefix(public_url.path())?;
    // Dots in a path may leave two slashes at its beginning, which browsers take for a host.
    let leaves = url.origin() != public_url.origin() || url.path().starts_with("//");
    if leaves || NEVER.iter().any(|page| below == *page || page.ends_with('/') && below.starts_with(page)) {
        return None;
    }
    Some(url[url::Position::BeforePath..url::Position::AfterQuery].to_owned())
}

/// The page of ours that `request` comes from; none where the browser does not say.
pub fn referrer(public_url: &Url, request: &HttpRequest) -> Option<String> {
    let from: Url = request.headers().get(REFERER)?.to_str().ok()?.parse().ok()?;
    let host = request.headers().get("host").and_then(|host| host.to_str().ok());
    let authority = &from[url::Position::BeforeHost..url::Position::AfterPort];
    let is_ours = from.origin() == public_url.origin() || host == Some(authority);
    safe(public_url, &from[url::Position::BeforePath..url::Position::AfterQuery]).filter(|_| is_ours)
}

#[cfg(test)]
mod tests {
    use super::{referrer, safe};
    use actix_web::test::TestRequest;

    #[test]
    fn only_pages_under_our_prefix_are_gone_to() {
        let (ci, root) = ("https://example.org/ci/".parse().unwrap(), "https://example.org/".parse().unwrap());
        for (to, expected) in [
            ("/ci/", "/ci/"),
            ("/ci/team/a?x=1&to=//b", "/ci/team/a?x=1&to=//b"),
            ("/ci/view/a b#part", "/ci/view/a%20b"),
            ("/ci/./team/../view/a", "/ci/view/a"),
            ("/ci/loginx", "/ci/loginx"),
        ] {
            assert_eq!(safe(&ci, to).as_deref(), Some(expected), "{to}");
        }
        for to in [
            "",
            "ci/",
            "//evil.example/ci/",
            "///evil.example",
            "/\\evil.example",
            "/ci/\\evil",
            "https://evil.example/ci/",
            "https:evil.example",
            "javascript:alert(1)",
            "/other",
            "/ci/../other",
            "/ci",
            "/ci/login",
            "/ci/logout",
            "/ci/auth/x",
            "/ci/\r\nSet-Cookie: a=b",
            "/ci/\t/x",
            "/ci/login?to=/ci/login",
        ] {
            assert_eq!(safe(&ci, to), None, "{to}");
        }
        for to in
            ["/.//evil.example", "/a/..//evil.example", "//evil.example", "/%2e//evil.example", "/\t/evil.example"]
        {
            assert_eq!(safe(&root, to), None, "{to}");
        }
        assert_eq!(safe(&root, &format!("/{}", "x".repeat(3_000))), None);
    }

    #[test]
    fn a_page_of_ours_that_linked_here_is_gone_back_to() {
        let url = "http://localhost/ci/".parse().unwrap();
        let from = |referrer: &str| {
            TestRequest::get().insert_header(("referer", referrer)).insert_header(("host", "127.0.0.1:81"))
        };
        let ask = |text: &str| referrer(&url, &from(text).to_http_request());
        assert_eq!(ask("http://127.0.0.1:81/ci/team/a?b").as_deref(), Some("/ci/team/a?b"));
        assert_eq!(ask("http://localhost/ci/").as_deref(), Some("/ci/"));
        assert_eq!(ask("http://evil.example/ci/team/a"), None);
        assert_eq!(ask("http://127.0.0.1:81/ci/login"), None);
    }
}
