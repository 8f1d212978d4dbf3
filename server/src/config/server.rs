//! `[server]`: the instance itself.

use std::net::SocketAddr;
use std::path::PathBuf;
use url::Url;

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
}
