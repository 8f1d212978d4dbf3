//! Which part of a file a request asks for: `If-None-Match`, `Range` and `If-Range` of RFC 9110, for one range at a time. A header that
//! cannot be understood is left alone, as are several ranges at once: then the whole file is the answer.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, IF_NONE_MATCH, IF_RANGE, RANGE};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Who asks has it already.
    NotModified,
    /// All of it.
    Whole,
    /// Some of it; both ends belong to it.
    Part {
        /// The first byte, from 0.
        first: u64,
        /// The last byte.
        last: u64,
    },
    /// Nothing that it has.
    Outside,
}

/// What `request` asks of a file of `size` bytes whose strong entity tag is `tag`, quotes included.
pub fn asked(request: &HttpRequest, tag: &str, size: u64) -> Asked {
    let header = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let has_it = |value: &str| {
        let mut given = value.split(',').map(|given| given.trim().trim_start_matches("W/"));
        given.any(|given| given == "*" || given == tag)
    };
    if header(IF_NONE_MATCH).is_some_and(has_it) {
        return Asked::NotModified;
    }
    // A part is wanted only of the file that the asker has begun with.
    if header(IF_RANGE).is_some_and(|begun| begun.trim() != tag) {
        return Asked::Whole;
    }
    header(RANGE).and_then(|range| part(range, size)).unwrap_or(Asked::Whole)
}

/// `bytes=FIRST-LAST`, `bytes=FIRST-`, `bytes=-LENGTH`; none for anything else.
fn part(range: &str, size: u64) -> Option<Asked> {
    let (first, last) = range.trim().strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let (first, last) = match (first.trim(), last.trim()) {
        ("", length) => match number(length)? {
            0 => return Some(Asked::Outside),
            length => (size.saturating_sub(length), size.checked_sub(1)),
        },
        (first, "") => (number(first)?, size.checked_sub(1)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            (first, size.checked_sub(1).map(|end| end.min(last)))
        }
    };
    match last {
        Some(last) if first <= last => Some(Asked::Part { first, last }),
        _ => Some(Asked::Outside),
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, asked, part};
    use actix_web::http::header::{IF_NONE_MATCH, IF_RANGE, RANGE};
    use actix_web::test::TestRequest;

    #[test]
    fn one_range_is_understood_and_everything_else_is_the_whole_file() {
        let of = |first, last| Some(Asked::Part { first, last });
        for (range, size, expected) in [
            ("bytes=0-0", 10, of(0, 0)),
            ("bytes=2-5", 10, of(2, 5)),
            ("bytes=5-99", 10, of(5, 9)),
            ("bytes=7-", 10, of(7, 9)),
            ("bytes=-3", 10, of(7, 9)),
            ("bytes=-30", 10, of(0, 9)),
            ("bytes=10-", 10, Some(Asked::Outside)),
            ("bytes=10-12", 10, Some(Asked::Outside)),
            ("bytes=-0", 10, Some(Asked::Outside)),
            ("bytes=0-", 0, Some(Asked::Outside)),
            ("bytes=-5", 0, Some(Asked::Outside)),
            ("bytes=5-2", 10, None),
            ("bytes=0-1,4-5", 10, None),
            ("bytes=-", 10, None),
            ("bytes=a-b", 10, None),
            ("bytes=+1-2", 10, None),
            ("bytes=99999999999999999999-", 10, None),
            ("items=0-1", 10, None),
        ] {
            assert_eq!(part(range, size), expected, "{range} of {size}");
        }
    }

    #[test]
    fn who_has_the_file_gets_none_of_it_and_who_began_with_another_gets_all() {
        let request = |name, value| {
            TestRequest::get().insert_header((RANGE, "bytes=1-2")).insert_header((name, value)).to_http_request()
        };
        assert_eq!(asked(&request(IF_NONE_MATCH, "\"x\", \"t\""), "\"t\"", 9), Asked::NotModified);
        assert_eq!(asked(&request(IF_NONE_MATCH, "\"x\""), "\"t\"", 9), Asked::Part { first: 1, last: 2 });
        assert_eq!(asked(&request(IF_RANGE, "\"t\""), "\"t\"", 9), Asked::Part { first: 1, last: 2 });
        assert_eq!(asked(&request(IF_RANGE, "\"x\""), "\"t\"", 9), Asked::Whole);
        assert_eq!(asked(&request(IF_RANGE, "W/\"t\""), "\"t\"", 9), Asked::Whole, "a weak tag is no promise");
    }
}
