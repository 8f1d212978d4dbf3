//! Every link that Weir writes. All start with the path of `public_url`; names are percent-encoded here and nowhere else.

use crate::model::id::BuildRequestId;
use crate::model::name::BuilderKey;
use crate::model::shell;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but RFC 3986's unreserved characters is encoded, so a name is one element of a path whatever it holds.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as one element of a path.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// Makes links under one prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    prefix: String,
    /// The whole `public_url`, for commands that people copy.
    absolute: String,
}

impl Links {
    /// Links under `public_url`, whose path ends in `/`.
    pub fn new(public_url: &url::Url) -> Self {
        Self { prefix: public_url.path().to_owned(), absolute: public_url.as_str().to_owned() }
    }

    /// `path` below the prefix.
    fn under(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The server as scripts reach it, without `/` at the end.
    pub fn server(&self) -> &str {
        self.absolute.trim_end_matches('/')
    }

    /// One of these links whole, for those who read it elsewhere.
    pub fn whole(&self, link: &str) -> String {
        let server = self.server();
        let origin = server.strip_suffix(self.prefix.trim_end_matches('/')).unwrap_or(server);
        format!("{origin}{link}")
    }

    /// `/`.
    pub fn front(&self) -> String {
        self.prefix.clone()
    }

    /// `/auth/oidc/<name>`: where signing in at that provider begins.
    pub fn provider(&self, name: &str) -> String {
        self.under(&format!("auth/oidc/{}", segment(name)))
    }

    /// Where that provider sends people back to: whole, as the provider knows it.
    pub fn provider_callback(&self, name: &str) -> String {
        self.whole(&format!("{}/callback", self.provider(name)))
    }

    /// `/login`: whole, as providers know it.
    pub fn login_whole(&self) -> String {
        self.whole(&self.login())
    }

    /// `/login`, for whoever signed out here and is still known to that provider.
    pub fn login_left(&self, name: &str) -> String {
        with_query(&self.login(), &[("left".to_owned(), name.to_owned())])
    }

    /// Where one signs out of that provider.
    pub fn provider_leave(&self, name: &str) -> String {
        format!("{}/leave", self.provider(name))
    }

    /// `/waterfall`.
    pub fn waterfall(&self) -> String {
        self.under("waterfall")
    }

    /// `/plugins`.
    pub fn plugins(&self) -> String {
        self.under("plugins")
    }

    /// `/audit`.
    pub fn audit(&self) -> String {
        self.under("audit")
    }

    /// The audit as JSON.
    pub fn audit_json(&self) -> String {
        self.under("api/v2/audit")
    }

    /// `/team/<team>/audit`.
    pub fn team_audit(&self, team: &str) -> String {
        format!("{}/audit", self.team(team))
    }

    /// `/can`.
    pub fn can(&self) -> String {
        self.under("can")
    }

    /// `/login`.
    pub fn login(&self) -> String {
        self.under("login")
    }

    /// `/login`, from where one goes on to `target`.
    pub fn login_to(&self, target: &str) -> String {
        with_query(&self.login(), &[("to".to_owned(), target.to_owned())])
    }

    /// `/logout`.
    pub fn logout(&self) -> String {
        self.under("logout")
    }

    /// `/account`.
    pub fn account(&self) -> String {
        self.under("account")
    }

    /// `/account/sessions`.
    pub fn account_sessions(&self) -> String {
        self.under("account/sessions")
    }

    /// `/account/sessions/<id>`.
    pub fn account_session(&self, id: &str) -> String {
        format!("{}/{}", self.account_sessions(), segment(id))
    }

    /// `/account/tokens`.
    pub fn account_tokens(&self) -> String {
        self.under("account/tokens")
    }

    /// `/account/tokens/<id>`.
    pub fn account_token(&self, id: &str) -> String {
        format!("{}/{}", self.account_tokens(), segment(id))
    }

    /// `/about`.
    pub fn about(&self) -> String {
        self.under("about")
    }

    /// `/view/<name>`.
    pub fn view(&self, name: &str) -> String {
        self.under(&format!("view/{}", segment(name)))
    }

    /// `/view/<name>.json`.
    pub fn view_json(&self, name: &str) -> String {
        format!("{}.json", self.view(name))
    }

    /// `/team/<team>`.
    pub fn team(&self, team: &str) -> String {
        self.under(&format!("team/{}", segment(team)))
    }

    /// `/team/<team>/builder/<builder>`.
    pub fn builder(&self, key: &BuilderKey) -> String {
        format!("{}/builder/{}", self.team(&key.team), segment(&key.name))
    }

    /// The builder's page with the builds before `number`.
    pub fn builds_before(&self, key: &BuilderKey, number: i64) -> String {
        format!("{}?before={number}", self.builder(key))
    }

    /// `.../build/<n>`.
    pub fn build(&self, key: &BuilderKey, number: i64) -> String {
        format!("{}/build/{number}", self.builder(key))
    }

    /// `.../force`: where the force form is sent.
    pub fn force_form(&self, key: &BuilderKey) -> String {
        format!("{}/force", self.builder(key))
    }

    /// The builder's page, which says what became of a request.
    pub fn request(&self, key: &BuilderKey, request: BuildRequestId) -> String {
        format!("{}?request={request}", self.builder(key))
    }

    /// `.../request/<id>/cancel`: where a button sends that a request is to be dropped.
    pub fn cancel(&self, key: &BuilderKey, request: BuildRequestId) -> String {
        format!("{}/request/{request}/cancel", self.builder(key))
    }

    /// `.../build/<n>/stop`: where a button sends that a build is to end.
    pub fn stop(&self, key: &BuilderKey, number: i64) -> String {
        format!("{}/stop", self.build(key, number))
    }

    /// The build's page, which says what became of a stop.
    pub fn stopped(&self, key: &BuilderKey, number: i64) -> String {
        format!("{}?asked=stop", self.build(key, number))
    }

    /// `.../build/<n>/rebuild`: where a button sends that a build is to be built once more.
    pub fn rebuild(&self, key: &BuilderKey, number: i64) -> String {
        format!("{}/rebuild", self.build(key, number))
    }

    /// `.../build/<n>/step/<s>`.
    pub fn step(&self, key: &BuilderKey, number: i64, step: i32) -> String {
        format!("{}/step/{step}", self.build(key, number))
    }

    /// `.../step/<s>/log/<slug>`.
    pub fn log(&self, key: &BuilderKey, number: i64, step: i32, slug: &str) -> String {
        format!("{}/log/{}", self.step(key, number, step), segment(slug))
    }

    /// `.../log/<slug>/raw`.
    pub fn log_raw(&self, key: &BuilderKey, number: i64, step: i32, slug: &str) -> String {
        format!("{}/raw", self.log(key, number, step, slug))
    }

    /// The log from line `line` on (lines count from 1 for people).
    pub fn log_from(&self, key: &BuilderKey, number: i64, step: i32, slug: &str, line: i64) -> String {
        format!("{}?from={line}", self.log(key, number, step, slug))
    }

    /// `.../build/<n>/artifact/<name>`; slashes of the name stay what they are.
    pub fn artifact(&self, key: &BuilderKey, number: i64, name: &str) -> String {
        let name: Vec<String> = name.split('/').map(segment).collect();
        format!("{}/artifact/{}", self.build(key, number), name.join("/"))
    }

    /// The artifacts of a build, as JSON.
    pub fn artifacts_json(&self, key: &BuilderKey, number: i64) -> String {
        let (team, builder) = (segment(&key.team), segment(&key.name));
        self.under(&format!("api/v2/teams/{team}/builders/{builder}/builds/{number}/artifacts"))
    }

    /// Where a force is posted, whole, for copying.
    pub fn force(&self, key: &BuilderKey) -> String {
        format!("{}/api/v2/teams/{}/builders/{}/force", self.server(), segment(&key.team), segment(&key.name))
    }

    /// The events of the page at `href`, which is one of these links: `/sse` and the page's own path.
    pub fn events(&self, href: &str) -> String {
        self.under(&format!("sse/{}", href.strip_prefix(&self.prefix).unwrap_or_default()))
    }

    /// A file of `views/assets`, by a name that changes with its content.
    pub fn asset(&self, hashed: &str) -> String {
        self.under(&format!("asset/{hashed}"))
    }
}

/// `url` with `arguments` as its query.
pub fn with_query(url: &str, arguments: &[(String, String)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(arguments);
    let query = query.finish();
    if query.is_empty() { url.to_owned() } else { format!("{url}?{query}") }
}

/// A word for a POSIX shell, quoted where it must be.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '/' | ':' | '=' | '+' | '%' | '@');
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    shell::quote(text)
}

#[cfg(test)]
mod tests {
    use super::{BuilderKey, Links, shell_word, with_query};

    fn links() -> Links {
        Links::new(&"https://example.org/ci/".parse().unwrap())
    }

    #[test]
    fn every_link_carries_the_prefix_and_names_stay_one_element() {
        let key = BuilderKey::new("core", "AMD64 LTO + PGO | ünï <script>&\"'#%");
        assert_eq!(
            links().build(&key, 7),
            "/ci/team/core/builder/AMD64%20LTO%20%2B%20PGO%20%7C%20%C3%BCn%C3%AF%20%3Cscript%3E%26%22%27%23%25/build/7"
        );
        assert_eq!(links().front(), "/ci/");
        assert_eq!(links().whole("/ci/team/a"), "https://example.org/ci/team/a");
        assert_eq!(Links::new(&"http://[::1]:80/".parse().unwrap()).whole("/team/a"), "http://[::1]/team/a");
        assert_eq!(links().events(&links().view("a")), "/ci/sse/view/a");
        assert_eq!(
            links().log_raw(&BuilderKey::new("t", "b"), 1, 2, "stdio"),
            "/ci/team/t/builder/b/build/1/step/2/log/stdio/raw"
        );
        assert!(links().force(&key).starts_with("https://example.org/ci/api/v2/teams/core/builders/AMD64%20"));
    }

    #[test]
    fn queries_and_shell_words_are_quoted() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(with_query("/x", &[pair("show", "a + b"), pair("show", "c&d")]), "/x?show=a+%2B+b&show=c%26d");
        assert_eq!(with_query("/x", &[]), "/x");
        assert_eq!(shell_word("core/full-2.4"), "core/full-2.4");
        assert_eq!(shell_word("it's; rm"), r"'it'\''s; rm'");
    }
}
