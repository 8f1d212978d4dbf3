//! The harness: how Weir is tested.
//!
//! # How to write a test
//!
//! Say in one sentence what somebody would notice, and make it the test's name. Then let that somebody do it: write down the
//! configuration they would write, start the server they would start, open the page they would open.
//!
//! ```no_run
//! # use weir_tests::site::Site;
//! # async fn test() {
//! let world = Site::new().builder("core/linux", "echo compiled; exit 2").serve().await;
//! world.force("core/linux").await;
//! world.settle().await;
//! assert_eq!(world.last("core/linux").await.results, "failure");
//! assert!(world.log("core/linux", 1, 0, "stdio").await.contains("compiled"));
//! # }
//! ```
//!
//! * [`site::Site`] is a configuration: TOML, team files, plugins. `serve` starts the shipped binary on it.
//! * [`world::World`] is that server with everything one does to it: read pages, issue tokens, force, wait, read logs.
//! * [`page::Page`] is an answer; `text()` turns HTML to what a person reads, for short `expect!` snapshots.
//! * [`server::TestServer`] is the process. Its drop ends it and fails the test when something is left over.
//! * [`origin::Origin`] is a real git repository, served by git's own programs to everybody or to whoever has a token.
//! * [`provider::Provider`] is a real, certified provider of OpenID Connect; [`traveller::Traveller`] signs in there, with cookies and
//!   redirects as a browser has them, but with every step to look at.
//! * [`visitor::Visitor`] is somebody with a browser: signs in, fills in forms, keeps cookies.
//! * [`browser::Browser`] is a real Chromium, for what only a browser can show.
//!
//! # Habits
//!
//! *Real parts.* The tests start `weir serve` from `target/`, with real plugins, real processes and a real database. There is
//! nothing to fake, so a test that passes says something.
//!
//! *No sleep.* Wait for what happens: [`world::World::settle`] listens to the server's own events, and every wait has a
//! deadline that ends the test with the server's log. A test that needs time to pass takes a `TestClock` and is a rule test
//! in `server/src`.
//!
//! *See it fail.* Break the code once and look at the message before you trust a new test.
//!
//! *Rules near the rule.* What is pure (names, layout, results) is tested in a table at the end of its own file. What a
//! user could notice is tested here, in `tests/it/<noun>.rs`, one module line in `tests/it/main.rs`.
//!
//! `cargo xtask test` builds what the tests start, then runs all of them; `cargo xtask test tidy` runs some.

/// The programs that tests start.
pub mod binary;
/// A real Chromium.
pub mod browser;
/// A real site as a configuration.
pub mod fleet;
/// Somebody else's issuer of tokens.
pub mod issuer;
/// A real git server.
pub mod origin;
/// An answer, and what a person reads in it.
pub mod page;
/// A real provider of OpenID Connect.
pub mod provider;
/// A real reverse proxy.
pub mod proxy;
/// The server as a process.
pub mod server;
/// A service that plugins call.
pub mod service;
/// A configuration, before it is served.
pub mod site;
/// The repository's own text.
pub mod source;
/// Somebody with a browser, as far as signing in needs one.
pub mod traveller;
/// Somebody with a browser.
pub mod visitor;
/// A connection by hand.
pub mod wire;
/// A served configuration and what one does to it.
pub mod world;
