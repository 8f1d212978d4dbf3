//! Not-modified answers. A page names what it was made of (an entity tag); a browser that has that already gets 304 and no body.

use actix_web::http::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH, VARY};
use actix_web::{HttpRequest, HttpResponse};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;

/// A number that no other run of the server has, as good as surely: the standard library seeds its hashers at random.
static START: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish());

/// What an answer was made of. Equal tags mean equal pages for the same asker; it is weak, because compression may differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(HeaderValue);

impl Tag {
    /// A tag over `parts`: whatever the answer depends on, such as the event up to which it is true, the asker's subject, the
    /// URL's arguments, the version of Weir. This run of the server is always among them: the next may have another configuration.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&START.to_le_bytes());
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let hex = hasher.finalize().to_hex();
        let text = format!("W/\"{}\"", &hex[..24]);
        Self(HeaderValue::from_str(&text).expect("quotes and hex digits are a header value"))
    }
}

/// The answer 304 where the asker has `tag` already: ask this before making the page.
pub fn not_modified(request: &HttpRequest, tag: &Tag) -> Option<HttpResponse> {
    let wanted = request.headers().get_all(IF_NONE_MATCH);
    let mut given = wanted.filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).map(str::trim);
    given.any(|v| v == "*" || opaque(v) == opaque(tag.0.to_str().unwrap_or_default())).then(|| {
        let mut answer = HttpResponse::NotModified().finish();
        label(&mut answer, tag);
        answer
    })
}

/// Puts `tag` on a fresh answer, with what caches must know: ask again each time, and one copy for each asker.
pub fn label(answer: &mut HttpResponse, tag: &Tag) {
    let headers = answer.headers_mut();
    headers.insert(ETAG, tag.0.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.append(VARY, HeaderValue::from_static("Authorization, Cookie, Accept"));
}

/// A tag without its weakness, as `If-None-Match` compares.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::{Tag, label, not_modified};
    use actix_web::HttpResponse;
    use actix_web::http::StatusCode;
    use actix_web::http::header::{ETAG, IF_NONE_MATCH};
    use actix_web::test::TestRequest;

    #[test]
    fn a_browser_that_has_the_page_gets_304_and_one_that_has_another_gets_the_page() {
        let tag = Tag::of(&[b"7", b"anonymous"]);
        let mut fresh = HttpResponse::Ok().finish();
        label(&mut fresh, &tag);
        let seen = fresh.headers().get(ETAG).unwrap().clone();
        let again = TestRequest::get().insert_header((IF_NONE_MATCH, seen.clone())).to_http_request();
        assert_eq!(not_modified(&again, &tag).unwrap().status(), StatusCode::NOT_MODIFIED);
        assert!(not_modified(&again, &Tag::of(&[b"8", b"anonymous"])).is_none());
        assert!(not_modified(&TestRequest::get().to_http_request(), &tag).is_none());
        let several = format!("\"x\", {}", seen.to_str().unwrap());
        let several = TestRequest::get().insert_header((IF_NONE_MATCH, several)).to_http_request();
        assert!(not_modified(&several, &tag).is_some());
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(Tag::of(&[b"ab", b"c"]), Tag::of(&[b"a", b"bc"]));
    }
}
