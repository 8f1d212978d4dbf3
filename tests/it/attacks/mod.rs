//! Attacks that come over the wire, tried against the real server.

/// Somebody else's address.
mod address;
/// What is begun while one may and ended when one may no more.
mod held_back;
/// Markup, script and steering sequences in all that people and builds write.
mod injection;
/// More than anybody needs to send.
mod oversized;
/// Paths that lead out of where they belong.
mod paths;
/// Clients that take their time.
mod slow;
/// Requests that two readers read differently.
mod smuggling;

use weir_tests::site::Site;

/// A site with something to see, whose server tells every request that it answers in its log.
fn quiet_site() -> Site {
    Site::new()
        .team("core", "")
        .builder("core/full", "echo done")
        .view("all", "categories = [\"*\"]")
        .env("WEIR_LOG", "weir=debug,actix_http=error")
}
