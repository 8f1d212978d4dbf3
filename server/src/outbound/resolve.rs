//! From names to addresses, and which of them may be connected to. What is checked here is what is connected to: a name that means
//! something else a moment later changes nothing.

use crate::model::egress::{Rule, may_connect};
use futures::future::BoxFuture;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Finds the addresses of a name.
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of `host`, which is a name and no address.
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The machine's own resolver.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// Lets through what may be connected to and nothing else.
pub(super) struct Checked {
    /// Who is asked.
    pub resolver: Arc<dyn Resolve>,
    /// What is granted.
    pub rules: Arc<[Rule]>,
}

/// Why a name has no address to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoAddress {
    /// It has none.
    None(String),
    /// It has some, and none that may be connected to.
    Refused(String),
}

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None(why) | Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for NoAddress {}

impl reqwest::dns::Resolve for Checked {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let (rules, found) = (Arc::clone(&self.rules), self.resolver.resolve(name.as_str()));
        Box::pin(async move {
            let host = name.as_str();
            let found = found.await.map_err(|error| NoAddress::None(format!("`{host}` has no address: {error}")))?;
            // Port 0 becomes that of the call.
            let may: Vec<SocketAddr> =
                found.iter().filter(|ip| may_connect(&rules, **ip)).map(|ip| SocketAddr::new(*ip, 0)).collect();
            match found.first() {
                None => Err(NoAddress::None(format!("`{host}` has no address")).into()),
                Some(first) if may.is_empty() => Err(NoAddress::Refused(format!(
                    "`{host}` has the address {first}, which is not public; to let plugins go there, name its network in `http` as well"
                ))
                .into()),
                Some(_) => Ok(Box::new(may.into_iter()) as reqwest::dns::Addrs),
            }
        })
    }
}
