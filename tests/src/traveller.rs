//! Somebody with a browser, as far as signing in needs one: cookies for each site, redirects one by one, forms.

use crate::page::Page;
use crate::world::{World, client};
use regex::Regex;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Redirects that are followed.
const HOPS_MAX: usize = 20;

/// A browser without script that goes from site to site.
pub struct Traveller<'w> {
    world: &'w World,
    public_url: String,
    /// Host and port, then name, then value and path.
    cookies: BTreeMap<String, BTreeMap<String, (String, String)>>,
    /// Every address that was opened.
    pub seen: Vec<String>,
}

impl<'w> Traveller<'w> {
    /// Knows nothing yet; `public_url` is where the configuration says that people reach the server.
    pub fn new(world: &'w World, public_url: &str) -> Self {
        Self { world, public_url: public_url.to_owned(), cookies: BTreeMap::new(), seen: Vec::new() }
    }

    /// Opens one address and follows nothing. An address under `public_url` is the server's.
    pub async fn open(&mut self, url: &str) -> Page {
        self.ask(url, None).await
    }

    /// Opens an address and goes where it leads.
    ///
    /// # Panics
    /// Where it leads on and on.
    pub async fn follow(&mut self, url: &str) -> Page {
        let page = self.open(url).await;
        self.go_on(url, page).await
    }

    /// Fills in the page's first form and sends it, then goes where it leads. Hidden fields are kept.
    ///
    /// # Panics
    /// Where there is no form.
    pub async fn submit(&mut self, page: &Page, fields: &[(&str, &str)]) -> Page {
        let page = self.submit_only(page, fields).await;
        let url = self.seen.last().cloned().expect("the form was sent somewhere");
        self.go_on(&url, page).await
    }

    /// The same, and follows nothing.
    ///
    /// # Panics
    /// Where there is no form.
    pub async fn submit_only(&mut self, page: &Page, fields: &[(&str, &str)]) -> Page {
        static FORM: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r#"(?s)<form\b[^>]*\baction="([^"]*)".*?</form>"#).expect("a pattern"));
        static HIDDEN: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r#"<input\b[^>]*type="hidden"[^>]*name="([^"]*)"[^>]*value="([^"]*)""#).expect("a pattern")
        });
        let form = FORM.captures(&page.body).unwrap_or_else(|| panic!("no form in: {}", page.body));
        let hidden = HIDDEN.captures_iter(&form[0]).map(|found| (found[1].to_owned(), found[2].to_owned()));
        let given = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let fields: Vec<(String, String)> = hidden.chain(given).collect();
        let at = self.seen.last().cloned().expect("a page was opened");
        let url = join(&at, &form[1].replace("&amp;", "&"));
        self.ask(&url, Some(&fields)).await
    }

    /// Goes where a page leads, agreeing to whatever the provider asks, and stops where it would lead to an address with `end` in it.
    ///
    /// # Panics
    /// Where it leads on and on.
    pub async fn follow_until(&mut self, mut page: Page, end: &str) -> Page {
        for _ in 0..HOPS_MAX {
            let at = self.seen.last().cloned().expect("a page was opened");
            page = match page.header("location").map(|to| join(&at, to)) {
                Some(to) if to.contains(end) => return page,
                Some(to) => self.open(&to).await,
                None => self.submit_only(&page, &[]).await,
            };
        }
        panic!("redirected on and on: {:?}", self.seen);
    }

    /// Signs in at the provider, whose first page this is, as `login`, and lets Weir have what it asks for; the page at the end.
    pub async fn sign_in_at_provider(&mut self, page: Page, login: &str) -> Page {
        let page = self.submit(&page, &[("login", login), ("password", "x")]).await;
        if page.body.contains("value=\"consent\"") { self.submit(&page, &[]).await } else { page }
    }

    /// The value of a cookie that Weir set.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let site = self.cookies.get(&site(&self.public_url))?;
        site.get(name).map(|(value, _)| value.as_str())
    }

    /// Puts a cookie into the browser, as Weir would.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        let site = self.cookies.entry(site(&self.public_url)).or_default();
        site.insert(name.to_owned(), (value.to_owned(), "/".to_owned()));
    }

    async fn go_on(&mut self, url: &str, mut page: Page) -> Page {
        let mut at = url.to_owned();
        for _ in 0..HOPS_MAX {
            let Some(location) = page.header("location").filter(|_| (300..400).contains(&page.status)) else {
                return page;
            };
            at = join(&at, location);
            page = self.open(&at).await;
        }
        panic!("redirected on and on: {:?}", self.seen);
    }

    async fn ask(&mut self, url: &str, fields: Option<&[(String, String)]>) -> Page {
        self.seen.push(url.to_owned());
        let path = reqwest::Url::parse(url).expect("an address").path().to_owned();
        let target = match url.strip_prefix(self.public_url.as_str()) {
            Some(path) => self.world.url(path),
            None => url.to_owned(),
        };
        let http = client();
        let mut request = match fields {
            Some(fields) => {
                let form = reqwest::Url::parse_with_params("http://x/", fields).expect("fields are a query");
                let request = http.post(&target).header("sec-fetch-site", "same-origin");
                let request = request.header("content-type", "application/x-www-form-urlencoded");
                request.body(form.query().unwrap_or_default().to_owned())
            }
            None => http.get(&target),
        };
        let cookies = self.cookies.entry(site(url)).or_default();
        let sent = cookies.iter().filter(|(_, (_, of))| path.starts_with(of.as_str()));
        let sent: Vec<String> = sent.map(|(name, (value, _))| format!("{name}={value}")).collect();
        if !sent.is_empty() {
            request = request.header("cookie", sent.join("; "));
        }
        let page = self.world.fetch(request).await;
        let cookies = self.cookies.entry(site(url)).or_default();
        for (_, set) in page.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let mut parts = set.split(';').map(str::trim);
            let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).expect("a cookie is a pair");
            let attribute = |wanted: &str| {
                let found = set.split(';').map(str::trim).filter_map(|part| part.split_once('='));
                found.filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value).next_back()
            };
            let is_gone = value.is_empty() || attribute("max-age") == Some("0");
            if is_gone {
                cookies.remove(name);
            } else {
                let path = attribute("path").unwrap_or("/").to_owned();
                cookies.insert(name.to_owned(), (value.to_owned(), path));
            }
        }
        page
    }
}

fn site(url: &str) -> String {
    let url = reqwest::Url::parse(url).expect("an address");
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

fn join(base: &str, relative: &str) -> String {
    reqwest::Url::parse(base).and_then(|base| base.join(relative)).expect("an address").to_string()
}
