//! Whether a request was made by a page of our own. Browsers send a cookie with whatever asks for our address; `Sec-Fetch-Site` and
//! `Origin`, which no page can forge, say who made it ask (<https://www.w3.org/TR/fetch-metadata/>, RFC 6454).

use actix_web::http::header::{HOST, HeaderMap, ORIGIN};
use url::Url;

/// Who made a browser ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A page of ours.
    Own,
    /// The browser does not say; scripts and old browsers.
    Unknown,
    /// A page of somebody else's.
    Other,
}

/// Who made the asker of these `headers` ask. Ours is what stands under the origin of `public_url`, and what was fetched from the very
/// host that is asked now: that one may be reached by other names, and a page elsewhere cannot choose the host.
pub fn of(headers: &HeaderMap, public_url: &Url) -> Origin {
    let text = |name: &str| headers.get_all(name).map(|value| value.to_str().unwrap_or("?").to_owned());
    let sites: Vec<_> = text("sec-fetch-site").collect();
    let origins: Vec<_> = text(ORIGIN.as_str()).collect();
    if sites.len() > 1 || origins.len() > 1 || sites.iter().any(|site| site != "same-origin") {
        return Origin::Other;
    }
    match origins.first() {
        Some(origin) if is_ours(origin, headers, public_url) => Origin::Own,
        Some(_) => Origin::Other,
        None if sites.is_empty() => Origin::Unknown,
        None => Origin::Own,
    }
}

fn is_ours(origin: &str, headers: &HeaderMap, public_url: &Url) -> bool {
    if origin == public_url.origin().ascii_serialization() {
        return true;
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).filter(|host| !host.is_empty());
    let asked = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    host.is_some_and(|host| asked.is_some_and(|asked| asked.eq_ignore_ascii_case(host)))
}

#[cfg(test)]
mod tests {
    use super::{Origin, of};
    use actix_web::test::TestRequest;

    fn ask(headers: &[(&'static str, &str)]) -> Origin {
        let mut request = TestRequest::post();
        for header in headers {
            request = request.append_header(*header);
        }
        of(request.to_http_request().headers(), &"https://ci.example.org/x/".parse().unwrap())
    }

    #[test]
    fn only_what_a_page_of_ours_sends_is_ours() {
        let own = ("origin", "https://ci.example.org");
        for headers in [
            vec![own],
            vec![own, ("sec-fetch-site", "same-origin")],
            vec![("sec-fetch-site", "same-origin")],
            vec![("host", "10.0.0.7:8010"), ("origin", "http://10.0.0.7:8010")],
        ] {
            assert_eq!(ask(&headers), Origin::Own, "{headers:?}");
        }
        for headers in [
            vec![own, ("sec-fetch-site", "cross-site")],
            vec![own, ("sec-fetch-site", "same-site")],
            vec![own, ("sec-fetch-site", "none")],
            vec![own, ("origin", "https://evil.example")],
            vec![("origin", "null")],
            vec![("origin", "http://ci.example.org")],
            vec![("origin", "https://ci.example.org.evil.example")],
            vec![("origin", "https://ci.example.org:444")],
            vec![("host", "ci.example.org"), ("origin", "https://evil.example")],
            vec![("host", ""), ("origin", "http://")],
        ] {
            assert_eq!(ask(&headers), Origin::Other, "{headers:?}");
        }
        assert_eq!(ask(&[("host", "ci.example.org")]), Origin::Unknown);
    }
}
