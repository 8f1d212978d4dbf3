//! `[server]`: the instance itself.

use super::path::KeyPath;
use super::proxy::{self, Network};
use super::quota::{Quota, REQUESTS_PER_S, RawQuota};
use super::read::{At, Node, Read, Reader, kind_of, section};
use super::value::{Count, FilePath, resolve};
use ipnet::IpNet;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use url::Url;

section! {
    /// The instance itself.
    struct RawServer {
        /// Shown in the head of each page.
        title = "title": String, "\"Weir\"";
        /// Addresses to listen on; one may be written without the list.
        listen = "listen": Addresses, "[\"127.0.0.1:8010\"]";
        /// Where people reach it. A path here becomes the prefix of every link.
        public_url = "public_url": At<Url>, "`http://` and the first address of `listen`";
        /// Folder of database, logs, keys, work directories and compiled plugins.
        state_dir = "state_dir": FilePath, "\"state\"";
        /// `sqlite:PATH` or `postgres://...`.
        database = "database": Database, "`sqlite:weir.db` in `state_dir`";
        /// Folder of plugins: each `NAME.wasm` in it is the plugin NAME.
        plugin_dir = "plugin_dir": FilePath;
        /// Calls of strangers from one address within a second; four times as many may come at once. Counted in memory, by each process
        /// for itself: a restart forgives, and two processes let through twice as much.
        requests_per_s = "requests_per_s": Count, "50";
        /// What a team may use of which nobody says it, such as `{ stored_bytes = "50 GiB", history = "365d" }`: for teams that say nothing
        /// themselves. A file of `teams/` may say more, unless `[team.NAME]` limits it.
        quota = "quota": RawQuota, "what `quota` of a team says";
        /// The proxies before the server, those on this machine among them: of nobody else `X-Forwarded-For` is believed. Of what it says
        /// the last address that is none of these counts as the visitor's.
        trusted_proxies = "trusted_proxies": Vec<Network>, "nobody: `[]`";
    }
}

/// Addresses to listen on.
#[derive(Debug, Clone)]
pub struct Addresses(Vec<SocketAddr>);

/// Where the database is.
#[derive(Debug, Clone)]
pub struct Database(String);

/// The instance itself. Paths are absolute.
#[derive(Debug, Clone)]
pub struct Server {
    /// Shown in the head of each page.
    pub title: String,
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// Where people reach it; its path is the prefix of every link and always ends in `/`.
    pub public_url: Url,
    /// Database, logs, keys, work directories, compiled plugins.
    pub state_dir: PathBuf,
    /// `sqlite:PATH` (absolute) or `postgres://...`.
    pub database: String,
    /// Each `NAME.wasm` in it is the plugin NAME. None where the key is not set.
    pub plugin_dir: Option<PathBuf>,
    /// Calls of strangers from one address within a second.
    pub requests_per_s: u32,
    /// What a team may use that says nothing itself.
    pub quota: Quota,
    /// Who is believed about where a call comes from.
    pub trusted_proxies: Vec<IpNet>,
}

impl RawServer {
    /// The section as it is used; what is wrong was noted and is replaced by what is built in.
    pub fn freeze(raw: Option<Self>, dir: &Path, reader: &Reader<'_>) -> Server {
        let raw = raw.unwrap_or(Self {
            at: KeyPath::of(&["server"]),
            title: None,
            listen: None,
            public_url: None,
            state_dir: None,
            database: None,
            plugin_dir: None,
            requests_per_s: None,
            quota: None,
            trusted_proxies: None,
        });
        let listen = raw.listen.map_or_else(Vec::new, |addresses| addresses.0);
        let state_dir = raw.state_dir.map_or_else(|| dir.join("state"), |path| path.0);
        let public_url = raw.public_url.and_then(|At { value, path }| Some((check_url(value, &path, reader)?, path)));
        if let (Some((url, path)), None) = (&public_url, &raw.trusted_proxies) {
            proxy::warn_if_all_look_alike(url, path, &listen, reader);
        }
        let public_url = public_url.map_or_else(|| url_of(&listen), |(url, _)| url);
        Server {
            title: raw.title.unwrap_or_else(|| "Weir".to_owned()),
            public_url,
            database: raw
                .database
                .map_or_else(|| format!("sqlite:{}", state_dir.join("weir.db").display()), |database| database.0),
            state_dir,
            plugin_dir: raw.plugin_dir.map(|path| path.0),
            requests_per_s: raw.requests_per_s.map_or(REQUESTS_PER_S, |count| count.0),
            quota: raw.quota.map_or_else(Quota::default, |quota| quota.freeze(&Quota::default())),
            trusted_proxies: raw.trusted_proxies.unwrap_or_default().into_iter().map(|network| network.0).collect(),
            listen,
        }
    }
}

/// A URL that links can be made from: http or https, ending in `/`.
fn check_url(mut value: Url, path: &KeyPath, reader: &Reader<'_>) -> Option<Url> {
    let good = matches!(value.scheme(), "http" | "https")
        && value.query().is_none()
        && value.fragment().is_none()
        && value.username().is_empty();
    if !good {
        let message = format!("`{value}` is no URL that links can start with");
        let diagnostic = reader.wrong(path, "bad-url", message);
        reader.note(diagnostic.expected("`http://` or `https://`, a host, and perhaps a path"));
        return None;
    }
    if !value.path().ends_with('/') {
        let path = format!("{}/", value.path());
        value.set_path(&path);
    }
    Some(value)
}

/// The URL of the first address, for somebody on this machine.
fn url_of(listen: &[SocketAddr]) -> Url {
    let address = listen.first().copied().unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8010)));
    let url = match address {
        _ if address.ip().is_unspecified() => format!("http://localhost:{}/", address.port()),
        _ => format!("http://{address}/"),
    };
    url.parse().expect("an address makes a URL")
}

impl Read for Addresses {
    fn expected() -> Cow<'static, str> {
        "a list of addresses such as `127.0.0.1:8010` or `[::1]:8010`".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        let nodes: Vec<Node<'_>> = match node.value.as_array() {
            Some(list) if !list.is_empty() => {
                list.iter().enumerate().map(|(i, value)| Node { value, path: node.path.index(i) }).collect()
            }
            Some(_) => {
                reader.note(reader.wrong(&node.path, "empty-list", "there is no address").expected(Self::expected()));
                return None;
            }
            None => vec![Node { value: node.value, path: node.path.clone() }],
        };
        let address = |node: &Node<'_>| -> Option<SocketAddr> {
            let address = node.value.as_str().and_then(|text| text.parse().ok());
            if address.is_none() {
                let message = format!("{} is no address to listen on", kind_of(node.value));
                let diagnostic = reader.wrong(&node.path, "bad-address", message);
                reader.note(diagnostic.expected("an address and a port such as `127.0.0.1:8010` or `[::1]:8010`"));
            }
            address
        };
        Some(Self(nodes.iter().filter_map(address).collect()))
    }
}

impl Read for Database {
    fn expected() -> Cow<'static, str> {
        "`sqlite:PATH` or `postgres://...`".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        let text = String::read(node, reader)?;
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Some(Self(text));
        }
        match text.strip_prefix("sqlite:").filter(|path| !path.trim_start_matches('/').is_empty()) {
            Some(path) => {
                let path = Path::new(path.strip_prefix("//").unwrap_or(path));
                let path = resolve(reader.sources.dir_of(node.value.tag()), path);
                Some(Self(format!("sqlite:{}", path.display())))
            }
            None => {
                let diagnostic = reader.wrong(&node.path, "bad-database", "this names no database");
                reader.note(diagnostic.expected(Self::expected()).covered());
                None
            }
        }
    }
}
