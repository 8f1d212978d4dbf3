//! Calls of services: what a plugin may reach, and what it may not though it tries.

use super::stage::Stage;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;
use weir::config::plugin::CommandGrant;
use weir::engine::step::StepEnd;
use weir::model::results::Results;
use weir::outbound::gate::{CALLS_AT_ONCE, Call, Gates};
use weir::outbound::resolve::Resolve;
use weir_tests::binary;
use weir_tests::service::Service;

/// Names that mean what the test says: each time the next of a name's answers, and the last for ever.
#[derive(Default)]
struct Names(Mutex<Known>);

#[derive(Default)]
struct Known {
    answers: BTreeMap<String, VecDeque<Vec<IpAddr>>>,
    n_asked: usize,
}

impl Names {
    fn of(names: &[(&str, &[&[&str]])]) -> Arc<Self> {
        let addresses = |answer: &&[&str]| answer.iter().map(|a| a.parse().unwrap()).collect();
        let one = |(name, answers): &(&str, &[&[&str]])| ((*name).to_owned(), answers.iter().map(addresses).collect());
        Arc::new(Self(Mutex::new(Known { answers: names.iter().map(one).collect(), n_asked: 0 })))
    }

    fn n_asked(&self) -> usize {
        self.0.lock().unwrap().n_asked
    }
}

impl Resolve for Names {
    fn resolve(&self, host: &str) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let mut names = self.0.lock().unwrap();
        names.n_asked += 1;
        let answer = names.answers.get_mut(host).map(|answers| match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap(),
        });
        let nobody = || std::io::Error::new(std::io::ErrorKind::NotFound, "no such name");
        Box::pin(std::future::ready(answer.ok_or_else(nobody)))
    }
}

/// A stage on which the probe is granted these services.
fn stage(grants: &[&str]) -> Stage {
    let mut stage = Stage::new();
    stage.plugin("probe", &std::fs::read(binary::fixture_plugin("probe")).unwrap());
    stage.table("probe", |table| {
        table.grants.http = grants.iter().map(|grant| grant.parse().unwrap()).collect();
        table.grants.command = Some(CommandGrant::Any);
    });
    stage
}

/// Lets the probe try these, one line for each.
async fn tried(stage: &Stage, names: Arc<Names>, tries: Vec<Value>) -> Vec<String> {
    let end = run(stage, names, tries).await;
    assert_eq!(end.results, Results::Success, "{}", end.summary);
    stage.output("probe").await.lines().map(str::to_owned).collect()
}

async fn run(stage: &Stage, names: Arc<Names>, tries: Vec<Value>) -> StepEnd {
    let plugins = stage.plugins().with_resolver(names);
    stage.run_with(&plugins, "probe", json!({ "tries": tries })).await
}

fn send(url: impl Into<String>) -> Value {
    json!({ "send": { "url": url.into() } })
}

#[tokio::test]
async fn a_granted_service_is_called_by_its_name_and_nothing_of_the_server_goes_along() {
    let service = Service::start().await;
    let grant = format!("http://svc.test:{}", service.port());
    let stage = stage(&[&grant, "127.0.0.1/32"]);
    let names = Names::of(&[("svc.test", &[&["127.0.0.1"]])]);
    let call = json!({ "send": { "method": "PUT", "url": format!("http://SVC.test:{}/a?b=c", service.port()), "fields": [["x-a", "1"]], "body": "text" } });
    assert_eq!(tried(&stage, names, vec![call]).await, ["200 hello"]);
    let request = service.requests().remove(0);
    assert!(request.starts_with("PUT /a?b=c HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: svc.test:{}\r\n", service.port())), "{request}");
    assert!(request.contains("x-a: 1\r\n") && request.ends_with("\r\n\r\ntext"), "{request}");
    assert!(!request.contains("cookie") && !request.contains("accept-encoding"), "{request}");
}

#[tokio::test]
async fn without_a_grant_nothing_is_called_and_the_message_says_what_grants_it() {
    let service = Service::start().await;
    let (stage, url) = (stage(&[]), service.url("/ok"));
    let port = service.port();
    let said = format!(
        "Denied: may not call `http://127.0.0.1:{port}`: grant it with `http = [\"http://127.0.0.1:{port}\"]` in `[plugin.probe]`"
    );
    assert_eq!(tried(&stage, Names::of(&[]), vec![send(url)]).await, [said]);
    assert_eq!(service.n_connections(), 0);
}

#[tokio::test]
async fn a_service_that_cannot_be_trusted_or_reached_is_told_apart_from_one_that_answers() {
    let service = Service::start().await;
    let port = service.port();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let stage = stage(&[&format!("127.0.0.1:{port}"), &format!("http://127.0.0.1:{free}"), "http://gone.test:80"]);
    let urls =
        [format!("https://127.0.0.1:{port}/"), format!("http://127.0.0.1:{free}/"), "http://gone.test/".to_owned()];
    let told = tried(&stage, Names::of(&[]), urls.map(send).into()).await;
    assert!(told[0].contains("corrupt message"), "it speaks no TLS: {told:?}");
    assert!(told[1].starts_with("Unreachable: ") && told[1].contains("refused"), "{told:?}");
    assert!(told[2].starts_with("Unreachable: ") && told[2].contains("`gone.test` has no address"), "{told:?}");
}

#[tokio::test]
async fn a_host_that_only_looks_granted_is_not_called() {
    let (service, names) =
        (Service::start().await, Names::of(&[("good.test", &[&["127.0.0.1"]]), ("evil.test", &[&["127.0.0.1"]])]));
    let port = service.port();
    let stage = stage(&[&format!("http://good.test:{port}"), &format!("http://*.good.test:{port}"), "127.0.0.0/8"]);
    let urls = [
        format!("http://evil.test:{port}/"),
        format!("http://good.test:{}/", port ^ 1),
        "http://good.test/".to_owned(),
        format!("https://good.test:{port}/"),
        format!("http://good.test.:{port}/"),
        format!("http://GOOD.test.evil.test:{port}/"),
        format!("http://xgood.test:{port}/"),
        format!("http://gооd.test:{port}/"),
        format!("http://%65vil.test:{port}/"),
        format!("http://evil.test:{port}\\@good.test:{port}/"),
        format!("http://127.0.0.1:{port}/"),
        format!("http://[::1]:{port}/"),
    ];
    for told in tried(&stage, names.clone(), urls.map(send).into()).await {
        assert!(told.starts_with("Denied: "), "{told}");
    }
    let unclear = [
        format!("http://good.test@evil.test:{port}/"),
        format!("http://good.test:{port}@evil.test:{port}/"),
        format!("http://evil.test:{port}/#@good.test"),
    ];
    for told in tried(&stage, names.clone(), unclear.map(send).into()).await {
        assert!(told.starts_with("Invalid: "), "{told}");
    }
    assert_eq!((service.n_connections(), names.n_asked()), (0, 0));
}

#[tokio::test]
async fn an_address_of_a_private_network_is_refused_in_every_form() {
    let service = Service::start().await;
    let port = service.port();
    let stage = stage(&[&format!("http://*.test:{port}"), &format!("http://8.8.8.8:{port}")]);
    let hosts = [
        "127.1",
        "127.0.0.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "0.0.0.0",
        "[64:ff9b::7f00:1]",
        "localhost",
    ];
    let urls = hosts.map(|host| send(format!("http://{host}:{port}/")));
    for told in tried(&stage, Names::of(&[]), urls.into()).await {
        assert!(told.starts_with("Denied: may not call"), "{told}");
    }

    // The same as what a granted name means.
    let addresses = [
        "127.0.0.1",
        "10.0.0.1",
        "192.168.0.1",
        "172.16.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "fd00:ec2::254",
        "fe80::1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "224.0.0.1",
    ];
    for address in addresses {
        let names = Names::of(&[("name.test", &[&[address]])]);
        let told = tried(&stage, names, vec![send(format!("http://name.test:{port}/"))]).await;
        assert!(
            told[0].starts_with("Denied: `name.test` has the address") && told[0].contains("not public"),
            "{told:?}"
        );
    }
    assert_eq!(service.n_connections(), 0);
}

#[tokio::test]
async fn a_name_that_means_something_else_a_moment_later_changes_nothing() {
    let service = Service::start().await;
    let port = service.port();
    // Whoever resolved again to connect would come here.
    let other = Service::on(&format!("127.0.0.2:{port}")).await;
    let stage = stage(&[&format!("http://name.test:{port}"), "127.0.0.1/32"]);
    let names = Names::of(&[("name.test", &[&["10.0.0.1", "127.0.0.1"], &["127.0.0.2"]])]);
    let url = format!("http://name.test:{port}/?close");
    let told = tried(&stage, names.clone(), vec![send(&url), send(&url)]).await;
    assert_eq!(told[0], "200 hello");
    assert!(told[1].starts_with("Denied: `name.test` has the address 127.0.0.2"), "{told:?}");
    assert_eq!((service.n_connections(), other.n_connections(), names.n_asked()), (1, 0, 2));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_where_it_leads_is_checked_like_anything_else() {
    let (service, secret) = (Service::start().await, Service::start().await);
    let stage = stage(&[&format!("http://127.0.0.1:{}", service.port())]);
    let url = service.url(&format!("/redirect?{}", secret.url("/ok")));
    let told = tried(&stage, Names::of(&[]), vec![send(url), send(secret.url("/ok"))]).await;
    assert_eq!(told[0], "302 elsewhere");
    assert!(told[1].starts_with("Denied: "), "{told:?}");
    assert_eq!(secret.n_connections(), 0);
}

#[tokio::test]
async fn a_request_cannot_reach_into_its_connection() {
    let service = Service::start().await;
    let stage = stage(&[&format!("http://127.0.0.1:{}", service.port())]);
    let url = service.url("/ok");
    let with = |name: &str, value: &str| json!({ "send": { "url": url, "fields": [[name, value]] } });
    let tries = vec![
        send(format!("{url}\r\nx: y")),
        send(format!("{url} HTTP/1.1")),
        json!({ "send": { "url": url, "method": "GET http://evil.test/ HTTP/1.1\r\n" } }),
        json!({ "send": { "url": url, "method": "CONNECT" } }),
        json!({ "send": { "url": url, "timeout_ms": 0 } }),
        with("x", "a\r\nhost: evil.test"),
        with("x\r\ny", "a"),
        with("Host", "evil.test"),
        with("content-length", "0"),
        with("Content-Length", "9"),
        with("transfer-encoding", "chunked"),
        with("Connection", "upgrade"),
        with("Proxy-Authorization", "x"),
        with("te", "trailers"),
    ];
    for told in tried(&stage, Names::of(&[]), tries).await {
        assert!(told.starts_with("Invalid: "), "{told}");
    }
    assert_eq!(service.n_connections(), 0);
}

#[tokio::test]
async fn an_answer_has_an_end_in_time_and_in_size_and_is_not_unpacked() {
    let service = Service::start().await;
    let stage = stage(&[&format!("http://127.0.0.1:{}", service.port())]);
    let tries = vec![
        json!({ "send": { "url": service.url("/silent"), "timeout_ms": 200 } }),
        json!({ "send": { "url": service.url("/endless"), "max_body": 10_000 } }),
        json!({ "send": { "url": service.url("/endless"), "max_body": u32::MAX } }),
        send(service.url("/claims-much")),
        send(service.url("/large-head")),
        send(service.url("/packed")),
    ];
    let told = tried(&stage, Names::of(&[]), tries).await;
    assert!(told[0].starts_with("Timeout: "), "{told:?}");
    for (told, limit) in told[1..5].iter().zip(["10000", "8388608", "1048576", "65536"]) {
        assert!(told.starts_with("Limit: ") && told.contains(limit), "{told} {limit}");
    }
    assert_eq!(told[5], "200 not unpacked");
}

#[tokio::test]
async fn bytes_and_calls_have_a_limit_that_ends_the_plugin_and_is_named() {
    let service = Service::start().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut stage = stage(&[&format!("http://127.0.0.1:{}", service.port()), &format!("http://{nobody}")]);
    let flood = |n: u32| vec![json!({ "flood": [n, { "url": format!("http://{nobody}/") }] })];
    // Time gives calls back, so they are many and soon over: nobody listens there.
    let told = tried(&stage, Names::of(&[]), flood(200)).await;
    assert!(told[0].starts_with("RateLimited("), "{told:?}");
    let end = run(&stage, Names::of(&[]), flood(201)).await;
    assert_eq!(end.results, Results::Exception);
    assert_eq!(
        end.summary,
        "plugin `probe`: called services more than 200 times, which is the limit of one call of a plugin"
    );

    stage.table("probe", |table| table.limits.http_bytes = weir::model::size::Size(4096));
    let end = run(&stage, Names::of(&[]), vec![send(service.url("/endless"))]).await;
    let said = "plugin `probe`: sent and received more by HTTP than its limit `http_bytes` = 4 KiB allows";
    assert_eq!((end.results, end.summary.as_str()), (Results::Exception, said));
}

#[tokio::test]
async fn a_stop_ends_a_call() {
    let service = Service::start().await;
    let stage = stage(&[&format!("http://127.0.0.1:{}", service.port())]);
    let (stop, url) = (stage.stop.clone(), service.url("/silent"));
    let (end, ()) = tokio::join!(run(&stage, Names::of(&[]), vec![send(url)]), async {
        while service.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    });
    assert_eq!(end.results, Results::Cancelled);
    assert_eq!(stage.output("probe").await, "Cancelled: the build was stopped\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_hoards_connections_gets_so_many_and_no_more_and_another_team_has_its_own() {
    let service = Service::start().await;
    let rules = [format!("http://127.0.0.1:{}", service.port()).parse().unwrap()];
    let gates = Gates::new(Names::of(&[]));
    let gate = gates.gate("probe", "core", &rules).unwrap();
    let call = |path: &str| Call {
        method: "GET".parse().unwrap(),
        url: service.url(path).parse().unwrap(),
        fields: Default::default(),
        body: Default::default(),
        timeout: Duration::from_secs(20),
        body_max: 1024,
    };
    let hoard: Vec<_> = (0..20)
        .map(|_| {
            let (gate, call) = (Arc::clone(&gate), call("/silent"));
            AbortOnDropHandle::new(tokio::task::spawn(async move { gate.send(call).await }))
        })
        .collect();
    while service.requests().len() < CALLS_AT_ONCE {
        tokio::task::yield_now().await;
    }
    let other = gates.gate("probe", "docs", &rules).unwrap();
    assert_eq!(other.send(call("/ok")).await.unwrap().body, b"hello");
    assert!(service.n_open_most() <= CALLS_AT_ONCE + 1, "{}", service.n_open_most());
    drop(hoard);
    let after = gate.send(call("/ok")).await;
    assert_eq!(after.unwrap().status, 200, "once they are over, others have their turn");
}
