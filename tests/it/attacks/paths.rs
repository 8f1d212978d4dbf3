//! Paths that lead out of where they belong, in every path and file parameter: none leads anywhere, and none tells a thing of the
//! server's files.

use super::quiet_site;
use serde_json::json;
use weir_tests::wire::{Wire, answers};

/// Ways up and out, as one parameter of an address.
const WAYS_OUT: [&str; 24] = [
    "..",
    "../..",
    "../../../../../../../../etc/passwd",
    "..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%252f..%252f..%252fetc%252fpasswd",
    "..%5c..%5c..%5cetc%5cpasswd",
    "..\\..\\..\\etc\\passwd",
    "....//....//....//etc/passwd",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "..%c0%af..%c0%af..%c0%afetc%c0%afpasswd",
    "..%ef%bc%8f..%ef%bc%8fetc%ef%bc%8fpasswd",
    "%00",
    "stdio%00.html",
    "..;/..;/etc/passwd",
    "file:///etc/passwd",
    "..%2fstate%2fjwt.pem",
    "..%2f..%2fstate%2fjwt.pem",
    "state%2fjwt.pem",
    "%2e",
    "weir.css%2f..%2f..%2f..%2fstate%2fjwt.pem",
    "*",
];

/// Every address with a parameter, the parameter as `@`.
const DOORS: [&str; 20] = [
    "/asset/@",
    "/view/@",
    "/view/@.json",
    "/team/@",
    "/team/core/builder/@",
    "/team/@/builder/full",
    "/team/core/builder/full/build/@",
    "/team/core/builder/full/build/1/step/@",
    "/team/core/builder/full/build/1/step/0/log/@",
    "/team/core/builder/full/build/1/step/0/log/@/raw",
    "/team/core/builder/full/build/1/artifact/@",
    "/api/v2/teams/@/builders/full/force",
    "/api/v2/teams/core/builders/@/force",
    "/api/v2/teams/core/builders/full/builds/@",
    "/api/v2/teams/core/builders/full/builds/1/steps/@/test_results",
    "/api/v2/buildrequests/@",
    "/sse/view/@",
    "/sse/team/@",
    "/sse/team/core/builder/@",
    "/@",
];

#[tokio::test]
async fn no_address_leads_out_of_what_is_served() {
    let world = quiet_site().serve().await;
    world.force("core/full").await;
    world.settle().await;
    let owner = world.owner();
    let key = std::fs::read_to_string(world.state_dir().join("jwt.pem")).unwrap();
    let key = key.lines().nth(1).unwrap();
    for door in DOORS {
        for way in WAYS_OUT {
            let path = door.replace('@', way);
            // By hand: a client would clean the path up before it sends it.
            let mut wire = Wire::to(world.server().address()).await;
            let head = format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {owner}\r\nConnection: close\r\n\r\n"
            );
            wire.send(head).await;
            let heard = wire.until("\r\n\r\n").await;
            let codes = answers(&heard);
            assert!(matches!(codes[..], [301 | 308 | 400 | 404 | 405 | 414]), "{path}: {heard}");
            let all = wire.rest().await;
            assert!(!all.contains("root:") && !all.contains(key), "{path}: {all}");
            assert!(!all.contains("jwt.pem (") && !all.contains(world.dir().to_str().unwrap()), "{path}: {all}");
        }
    }
}

#[tokio::test]
async fn no_wish_leads_a_build_out_of_its_folder() {
    let world = quiet_site()
        .builder_with("core/branchy", "force = true", &["echo b={{branch}} r={{revision}}; pwd"])
        .serve()
        .await;
    let owner = world.owner();
    for way in
        ["../../../../etc/passwd", "/etc/passwd", "--upload-pack=touch pwned", "-x", "$(touch pwned)", "`touch pwned`"]
    {
        let wish = json!({ "branch": way });
        let page = world.force_as(Some(&owner), "core/branchy", wish).await;
        assert!(matches!(page.status, 202 | 422), "{way}: {}", page.body);
    }
    world.settle().await;
    let found = std::fs::read_dir(world.state_dir()).unwrap().flatten().any(|entry| entry.file_name() == "pwned");
    assert!(!found);
    let work = world.state_dir().join("work");
    let output = std::process::Command::new("find").arg(&work).args(["-name", "pwned*"]).output();
    assert_eq!(String::from_utf8(output.unwrap().stdout).unwrap(), "");
}
