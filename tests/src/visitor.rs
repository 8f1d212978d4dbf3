//! Somebody with a browser: keeps cookies, fills in forms as pages show them, follows where an answer leads.

use crate::page::Page;
use crate::world::{World, client};
use regex::Regex;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The password of everybody in [`crate::site::Site::user`].
pub const PASSWORD: &str = "open sesame";
/// Its hash, with parameters that cost nothing.
pub const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=64,t=1,p=1$5vHIM/eFQdT9m2VFgRYfVg$dxNNmwlDibFz9gTEKicZF1q+0TZY4hHBxkwxA+j5QtU";

/// A browser without script, at one server.
pub struct Visitor<'w> {
    world: &'w World,
    /// By name, with their values.
    pub cookies: BTreeMap<String, String>,
    /// Who the browser says made it ask, where that is not a page of the server.
    pub origin: Option<String>,
    /// Where a proxy says that it is; believed where the site stands [behind one](crate::site::Site::behind_proxy).
    pub address: Option<String>,
}

impl<'w> Visitor<'w> {
    /// A fresh browser.
    pub fn new(world: &'w World) -> Self {
        Self { world, cookies: BTreeMap::new(), origin: None, address: None }
    }

    /// A browser in which `name` signed in.
    ///
    /// # Panics
    /// Where that is refused.
    pub async fn signed_in(world: &'w World, name: &str) -> Self {
        let mut visitor = Self::new(world);
        let answer = visitor.sign_in(name, PASSWORD).await;
        assert_eq!(answer.status, 303, "{name} signs in: {}", answer.text());
        visitor
    }

    /// Opens `/login`, types a name and a password and sends them.
    pub async fn sign_in(&mut self, name: &str, password: &str) -> Page {
        self.fill_in("/login", &[("name", name), ("password", password)]).await
    }

    /// Opens a page.
    pub async fn get(&mut self, path: &str) -> Page {
        self.send(client().get(self.world.url(path))).await
    }

    /// Opens the page at `path` and sends the form on it that is sent to that same path.
    pub async fn fill_in(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.fill_in_at(path, path.split('?').next().unwrap_or(path), fields).await
    }

    /// Opens the page at `page` and sends the form on it that is sent to `action`, with its hidden fields and these.
    ///
    /// # Panics
    /// Where there is no such form.
    pub async fn fill_in_at(&mut self, page: &str, action: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.get(page).await;
        let mut all = hidden(&page, action);
        assert!(!all.is_empty(), "no form for {action} on\n{}", page.body);
        all.retain(|(name, _)| fields.iter().all(|(given, _)| given != name));
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let all: Vec<_> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(action, &all).await
    }

    /// Sends exactly these fields.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let url = self.world.url(path);
        self.send(urlencoded(client().post(url), fields)).await
    }

    /// Sends anything, with the cookies of this browser and the origin that it tells, and keeps what cookies come back.
    ///
    /// # Panics
    /// Where no answer comes.
    pub async fn send(&mut self, request: reqwest::RequestBuilder) -> Page {
        let (client, request) = request.build_split();
        let mut request = request.expect("a request");
        let headers = request.headers_mut();
        if !self.cookies.is_empty() {
            let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.insert("cookie", cookies.join("; ").parse().expect("a header"));
        }
        let own = self.world.url("/");
        let own = &own[..own.match_indices('/').nth(2).expect("a URL has a path").0];
        let origin = self.origin.as_deref().unwrap_or(own);
        headers.insert("origin", origin.parse().expect("a header"));
        if let Some(address) = &self.address {
            headers.insert("x-forwarded-for", address.parse().expect("a header"));
        }
        let page = self.world.fetch(reqwest::RequestBuilder::from_parts(client, request)).await;
        for (_, value) in page.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, rest) = value.split_once('=').expect("a cookie has a name");
            let value = rest.split(';').next().unwrap_or_default();
            match value.is_empty() || rest.contains("Max-Age=0") {
                true => drop(self.cookies.remove(name)),
                false => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
        page
    }
}

/// The request with these fields as a browser sends a form.
///
/// # Panics
/// Never: any text can be encoded.
pub fn urlencoded(request: reqwest::RequestBuilder, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let url = reqwest::Url::parse_with_params("http://localhost/", fields).expect("a URL");
    let body = url.query().unwrap_or_default().to_owned();
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

/// The hidden fields of the form on `page` that is sent to `action` (a path without the site's prefix).
pub fn hidden(page: &Page, action: &str) -> Vec<(String, String)> {
    static FORM: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"(?s)<form[^>]*?action="([^"]*)"[^>]*>(.*?)</form>"#).expect("a pattern"));
    static HIDDEN: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"<input type="hidden" name="([^"]*)" value="([^"]*)""#).expect("a pattern"));
    let unescape = |text: &str| crate::page::text(&format!("<p>{text}</p>"));
    let form = FORM.captures_iter(&page.body).find(|form| unescape(&form[1]).ends_with(action));
    let fields = form.map(|form| form[2].to_owned()).unwrap_or_default();
    HIDDEN.captures_iter(&fields).map(|field| (unescape(&field[1]), unescape(&field[2]))).collect()
}
