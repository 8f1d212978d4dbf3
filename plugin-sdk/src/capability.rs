//! What a plugin says it wants to do beyond its own sandbox.

/// One thing that a plugin wants to do, and why: the operator reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability {
    /// Its name in the contract.
    pub kind: &'static str,
    /// Hosts that the plugin always calls, for `http`: `host:port` means https, `http://host:port` plain. Empty where the settings
    /// say which.
    pub hosts: &'static [&'static str],
    /// Why.
    pub reason: &'static str,
}

impl Capability {
    const fn new(kind: &'static str, reason: &'static str) -> Self {
        Self { kind, hosts: &[], reason }
    }

    /// Runs commands on the build's worker, whose files come with it.
    pub const fn command(reason: &'static str) -> Self {
        Self::new("command", reason)
    }

    /// Touches files of the builder's work directory.
    pub const fn workspace(reason: &'static str) -> Self {
        Self::new("workspace", reason)
    }

    /// Stores artifacts.
    pub const fn artifacts(reason: &'static str) -> Self {
        Self::new("artifacts", reason)
    }

    /// Asks for status, as its team may see it.
    pub const fn builds(reason: &'static str) -> Self {
        Self::new("builds", reason)
    }

    /// Requests builds of its team's builders.
    pub const fn trigger(reason: &'static str) -> Self {
        Self::new("trigger", reason)
    }

    /// Calls services that the settings name.
    pub const fn http(reason: &'static str) -> Self {
        Self::new("http", reason)
    }

    /// Calls these hosts: `host:port` means https, `http://host:port` plain.
    pub const fn http_hosts(hosts: &'static [&'static str], reason: &'static str) -> Self {
        Self { kind: "http", hosts, reason }
    }

    /// Keeps a small state from one call to the next.
    pub const fn state(reason: &'static str) -> Self {
        Self::new("state", reason)
    }

    /// Reads the plain text of secrets that its settings hand over.
    pub const fn secret_reveal(reason: &'static str) -> Self {
        Self::new("secret-reveal", reason)
    }
}
