//! The quiet team: forces builds one after the other and reads pages in between, as people do.

use super::super::http::Client;
use super::site::{QUIET_BUILDERS, Site, force, rest, watch};
use anyhow::{Context, Result, ensure};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Builds of each builder that its pages show.
const HISTORY: usize = 8;
/// Between two readings of a page.
const PAGE_EVERY: Duration = Duration::from_millis(15);
/// What is read: a Waterfall, a builder, a build.
const PAGES: [(&str, &str); 3] = [
    ("the Waterfall", "/view/quiet"),
    ("a builder's page", "/team/quiet/builder/ping-0"),
    ("a build's page", "/team/quiet/builder/ping-0/build/1"),
];

/// What was measured, in milliseconds and in the order of measuring.
#[derive(Default)]
pub struct Measured {
    /// From asking for a build to its start.
    pub starts_ms: Vec<f64>,
    /// Of each page, by its name, from asking for it to its last byte.
    pub pages_ms: Vec<(&'static str, Vec<f64>)>,
}

impl Measured {
    /// With what was measured later.
    pub fn add(&mut self, later: Self) {
        self.starts_ms.extend(later.starts_ms);
        if self.pages_ms.is_empty() {
            self.pages_ms = later.pages_ms;
            return;
        }
        for ((_, took_ms), (_, later)) in self.pages_ms.iter_mut().zip(later.pages_ms) {
            took_ms.extend(later);
        }
    }
}

/// The quiet team.
pub struct Quiet {
    address: SocketAddr,
    token: String,
    n_builds: usize,
    n_pages: usize,
}

impl Quiet {
    /// With a token of its own, which frees it of nothing.
    ///
    /// # Errors
    /// Where it gets none.
    pub fn new(site: &Site, n_builds: usize, n_pages: usize) -> Result<Self> {
        let token = site.token(&["--team", "quiet", "--role", "operator"])?;
        Ok(Self { address: site.address, token, n_builds, n_pages })
    }

    fn client(&self) -> Client {
        Client::new(self.address, Some(&self.token))
    }

    /// Builds what its pages show.
    ///
    /// # Errors
    /// Where a build is refused.
    pub fn make_history(&self) -> Result<()> {
        let mut client = self.client();
        for _ in 0..HISTORY {
            let forced: Result<Vec<u64>> =
                (0..QUIET_BUILDERS).map(|n| force(&mut client, "quiet", &format!("ping-{n}"))).collect();
            for request in forced? {
                watch(&mut client, request)?;
            }
        }
        Ok(())
    }

    /// Measures once.
    ///
    /// # Errors
    /// Where something is not answered.
    pub fn measure(&self) -> Result<Measured> {
        let (client, n_pages) = (self.client(), self.n_pages);
        let reading = std::thread::spawn(move || read_pages(client, n_pages));
        let mut client = self.client();
        let mut starts_ms = Vec::with_capacity(self.n_builds);
        for n in 0..self.n_builds {
            let began = Instant::now();
            let request = force(&mut client, "quiet", &format!("ping-{}", 1 + n % (QUIET_BUILDERS - 1)))?;
            let (started, _) = watch(&mut client, request)?;
            starts_ms.push((started - began).as_secs_f64() * 1_000.0);
        }
        let pages_ms = reading.join().map_err(|_| anyhow::anyhow!("the reader of pages broke"))??;
        Ok(Measured { starts_ms, pages_ms })
    }
}

fn read_pages(mut client: Client, n: usize) -> Result<Vec<(&'static str, Vec<f64>)>> {
    let mut took_ms: Vec<_> = PAGES.iter().map(|(name, _)| (*name, Vec::with_capacity(n))).collect();
    for _ in 0..n {
        for ((_, path), (_, took)) in PAGES.iter().zip(&mut took_ms) {
            let began = Instant::now();
            let answer = client.get(path).context("a page of the quiet team")?;
            took.push(began.elapsed().as_secs_f64() * 1_000.0);
            ensure!(answer.status == 200, "{path} was answered with {}", answer.status);
            rest(PAGE_EVERY);
        }
    }
    Ok(took_ms)
}
