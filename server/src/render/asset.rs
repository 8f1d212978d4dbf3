//! Files that pages need, held in the binary and served under names that change with their content, so that a browser keeps them
//! for good and never shows a page with another version's style.

use std::sync::LazyLock;

/// A file of `views/assets`.
#[derive(Debug)]
pub struct Asset {
    /// `weir-1f3a5c7e.css`.
    pub hashed_name: String,
    /// Its type, for the header.
    pub content_type: &'static str,
    /// The file.
    pub text: &'static str,
}

/// Every asset.
#[derive(Debug)]
pub struct Assets {
    /// The style sheet of all pages.
    pub css: Asset,
    /// The script of live pages.
    pub js: Asset,
    /// The icon.
    pub icon: Asset,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    css: asset("weir", "css", "text/css; charset=utf-8", include_str!("../../../views/assets/weir.css")),
    js: asset("weir", "js", "text/javascript; charset=utf-8", include_str!("../../../views/assets/weir.js")),
    icon: asset("icon", "svg", "image/svg+xml", include_str!("../../../views/assets/icon.svg")),
});

/// The assets of this binary.
pub fn all() -> &'static Assets {
    &ASSETS
}

impl Assets {
    /// The asset whose hashed name is `name`.
    pub fn find(&self, name: &str) -> Option<&Asset> {
        [&self.css, &self.js, &self.icon].into_iter().find(|a| a.hashed_name == name)
    }
}

fn asset(stem: &str, extension: &str, content_type: &'static str, text: &'static str) -> Asset {
    let hash = blake3::hash(text.as_bytes()).to_hex();
    Asset { hashed_name: format!("{stem}-{}.{extension}", &hash[..10]), content_type, text }
}

#[cfg(test)]
mod tests {
    use super::all;

    #[test]
    fn assets_are_small_and_found_by_their_hashed_name_only() {
        for asset in [&all().css, &all().js, &all().icon] {
            assert!(asset.text.len() < 20_000, "{} has {} bytes", asset.hashed_name, asset.text.len());
            assert!(all().find(&asset.hashed_name).is_some());
        }
        assert!(all().find("weir.css").is_none());
    }
}

#[cfg(test)]
#[path = "contrast_tests.rs"]
mod contrast;
