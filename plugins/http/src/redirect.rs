//! Where a redirect leads, and what goes along. Pure.

/// The absolute URL of a `Location`; `from` is the URL that was called. The host checks it like any other.
pub fn resolve(from: &str, location: &str) -> String {
    if location.starts_with("http://") || location.starts_with("https://") {
        return location.to_owned();
    }
    let (scheme, rest) = from.split_once("://").unwrap_or(("https", from));
    if let Some(rest) = location.strip_prefix("//") {
        return format!("{scheme}://{rest}");
    }
    let path_at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path_at);
    let path = path.split('?').next().unwrap_or_default();
    if location.starts_with('/') {
        return format!("{scheme}://{authority}{location}");
    }
    if location.starts_with('?') {
        return format!("{scheme}://{authority}{path}{location}");
    }
    let folder = path.rfind('/').map_or("/", |at| &path[..=at]);
    format!("{scheme}://{authority}{folder}{location}")
}

/// Scheme, host and port as written: where they differ, secrets do not go along.
pub fn origin(url: &str) -> &str {
    let after = url.find("://").map_or(0, |at| at + 3);
    let end = url[after..].find(['/', '?', '\\']).map_or(url.len(), |at| after + at);
    &url[..end]
}

#[cfg(test)]
mod tests {
    use super::{origin, resolve};

    #[test]
    fn a_location_is_absolute_or_starts_at_what_was_called() {
        let from = "https://a.example:8443/x/y?q=1";
        for (location, to) in [
            ("https://b.example/z", "https://b.example/z"),
            ("//b.example/z", "https://b.example/z"),
            ("/z?r", "https://a.example:8443/z?r"),
            ("z", "https://a.example:8443/x/z"),
            ("?r=2", "https://a.example:8443/x/y?r=2"),
        ] {
            assert_eq!(resolve(from, location), to);
        }
        assert_eq!(resolve("http://a.example", "z"), "http://a.example/z");
        assert_eq!(resolve("http://a.example?q", "z"), "http://a.example/z");
    }

    #[test]
    fn an_origin_ends_where_the_path_begins() {
        assert_eq!(origin("https://a.example:8443/x?q"), "https://a.example:8443");
        assert_eq!(origin("http://a.example"), "http://a.example");
        assert_ne!(origin("http://a.example/x"), origin("https://a.example/x"));
    }
}
