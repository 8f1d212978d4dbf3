//! A real site, served: 1,038 builders with the names that real builders have, in a Waterfall for each branch, tier and kind.

use futures::StreamExt as _;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use weir_tests::fleet::{self, FleetBuilder, TEAM};
use weir_tests::page::Page;
use weir_tests::site::Site;
use weir_tests::world::World;

/// Pages that are read at the same time.
const READERS: usize = 8;

fn site(builders: &[FleetBuilder]) -> Site {
    Site::new().toml(&fleet::toml(builders, "echo built"))
}

/// Names of the builders that a view's JSON tells of.
fn told(view: &Value) -> BTreeSet<String> {
    let builders = view["builders"].as_array().expect("a view has builders").iter();
    builders
        .map(|builder| {
            let key = builder["name"].as_str().expect("a builder has a name");
            key.strip_prefix("cpython/").expect("there is one team").to_owned()
        })
        .collect()
}

/// Names of the builders that a page links to, with the link.
fn linked(page: &Page) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for link in page.links() {
        let name = link.strip_prefix(&format!("/team/{TEAM}/builder/")).filter(|rest| !rest.contains('/'));
        if let Some(name) = name {
            found.insert(decoded(name), link.clone());
        }
    }
    found
}

/// A segment of a path as the name that it stands for.
fn decoded(segment: &str) -> String {
    let mut pieces = segment.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (code, rest) = piece.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).expect("two hexadecimal digits stand behind a `%`"));
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).expect("names are UTF-8")
}

async fn read(world: &World, path: &str) -> Page {
    let page = world.get(path).await;
    assert_eq!(page.status, 200, "{path}: {}", page.text());
    page
}

/// What is on one of `all` and not on the other, for a message that can be read.
fn difference<'a>(a: &'a BTreeSet<String>, b: &'a BTreeSet<String>) -> Vec<&'a String> {
    a.symmetric_difference(b).take(5).collect()
}

#[test]
fn the_check_accepts_it_and_says_how_much_it_is() {
    let dir = tempfile::tempdir().unwrap();
    site(&fleet::builders()).write(dir.path());
    let output = weir_tests::binary::run_weir(dir.path(), &["check"], &[]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, "weir.toml: 1 team, 1038 builders, 38 views: nothing is wrong\n");
    assert!(output.status.success());
}

#[tokio::test]
async fn every_builder_is_in_the_waterfalls_of_its_branch_tier_and_kinds_and_in_no_other() {
    let builders = fleet::builders();
    let world = site(&builders).serve().await;
    let of = |wanted: &dyn Fn(&FleetBuilder) -> bool| -> BTreeSet<String> {
        builders.iter().filter(|builder| wanted(builder)).map(|builder| builder.name.clone()).collect()
    };
    let mut waterfalls: Vec<(String, BTreeSet<String>)> = fleet::views(&builders)
        .into_iter()
        .map(|view| (format!("/view/{view}"), of(&|builder| builder.tags.contains(&view))))
        .collect();
    assert_eq!(waterfalls.len(), 38);
    waterfalls.push(("/waterfall".to_owned(), of(&|_| true)));
    for (path, expected) in waterfalls {
        let json = told(&read(&world, &format!("{path}.json")).await.json());
        assert_eq!(json, expected, "{path}.json: {:?}", difference(&json, &expected));
        let page: BTreeSet<String> = linked(&read(&world, &path).await).into_keys().collect();
        assert_eq!(page, expected, "{path}: {:?}", difference(&page, &expected));
    }
}

#[tokio::test]
async fn every_link_to_a_builder_leads_to_its_page_whatever_its_name() {
    let builders = fleet::builders();
    let world = site(&builders).serve().await;
    let links = linked(&read(&world, "/waterfall").await);
    assert!(links.keys().filter(|name| name.contains(" + ")).count() > 100, "the names are as odd as real ones");
    let pages = futures::stream::iter(links).map(|(name, link)| {
        let world = &world;
        async move { (name, read(world, &link).await.body, link) }
    });
    let mut pages = pages.buffer_unordered(READERS);
    let mut n_read = 0;
    while let Some((name, html, link)) = pages.next().await {
        let heading = html.split("<h1").nth(1).and_then(|rest| rest.split("</h1>").next()).unwrap_or_default();
        assert!(heading.contains(&name), "{link} is not the page of {name}: {heading}");
        n_read += 1;
    }
    assert_eq!(n_read, builders.len());
}

#[tokio::test]
async fn builders_with_blanks_and_plus_signs_are_forced_by_their_names() {
    let builders = fleet::builders();
    let world = site(&builders).serve().await;
    let odd: Vec<_> = builders.iter().filter(|builder| builder.name.contains(" + ")).take(3).collect();
    assert_eq!(odd.len(), 3);
    for builder in &odd {
        world.force(&format!("{TEAM}/{}", builder.name)).await;
    }
    world.settle().await;
    for builder in odd {
        let key = format!("{TEAM}/{}", builder.name);
        let last = world.last(&key).await;
        assert_eq!((last.number, last.results.as_str()), (1, "success"), "{key}");
        assert!(world.log(&key, 1, 0, "stdio").await.contains("built\n"), "{key}");
    }
}
