//! What is said of proxies before the server and of the ways to issuers.

use super::{check, load_texts, said};
use expect_test::expect;

#[test]
fn proxies_are_addresses_and_networks_and_what_is_neither_is_shown_with_its_line() {
    let trusted = |list: &str| format!("[server]\ntrusted_proxies = {list}\n");
    check(
        &trusted(r#"["127.0.0.1", "::1", "10.1.0.0/16", "fd00::/8", "::ffff:10.2.0.0/112", "::ffff:10.3.0.1"]"#),
        expect![""],
    );
    check(
        &trusted(r#"["10.1.2.3/8", "proxy.example.org", "10.0.0.0/33"]"#),
        expect![[r#"
            weir.toml:2:20: `10.1.2.3/8` is an address in a network [bad-address]
              key: server.trusted_proxies[0]
                 2 | trusted_proxies = ["10.1.2.3/8", "proxy.example.org", "10.0.0.0/33"]
                   |                    ^^^^^^^^^^^^
              expected: `10.0.0.0/8`, or `10.1.2.3`
            weir.toml:2:34: `proxy.example.org` is neither an IP address nor a network [bad-address]
              key: server.trusted_proxies[1]
                 2 | trusted_proxies = ["10.1.2.3/8", "proxy.example.org", "10.0.0.0/33"]
                   |                                  ^^^^^^^^^^^^^^^^^^^
              expected: an IP address such as `127.0.0.1` or `::1`, or a network such as `10.1.0.0/16`
            weir.toml:2:55: `10.0.0.0/33` is neither an IP address nor a network [bad-address]
              key: server.trusted_proxies[2]
                 2 | trusted_proxies = ["10.1.2.3/8", "proxy.example.org", "10.0.0.0/33"]
                   |                                                       ^^^^^^^^^^^^^
              expected: an IP address such as `127.0.0.1` or `::1`, or a network such as `10.1.0.0/16`
        "#]],
    );
    let loaded = load_texts(&[("weir.toml", &trusted(r#"["::ffff:10.2.0.0/112", "10.3.0.1"]"#))], &[]);
    let config = loaded.config.expect("it can be used");
    let frozen: Vec<_> = config.server.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(frozen, ["10.2.0.0/16", "10.3.0.1/32"], "calls over IPv4 come from IPv4");
}

#[test]
fn not_everybody_is_a_proxy() {
    let trusted = |list: &str| format!("[server]\ntrusted_proxies = {list}\n");
    check(
        &trusted(r#"["0.0.0.0/0"]"#),
        expect![[r#"
            weir.toml:2:20: `0.0.0.0/0` is every address: whoever visits could claim to come from anywhere [bad-address]
              key: server.trusted_proxies[0]
                 2 | trusted_proxies = ["0.0.0.0/0"]
                   |                    ^^^^^^^^^^^
              expected: the addresses of the proxies alone, such as `127.0.0.1` or `10.1.0.0/16`; `[]` where there are none
        "#]],
    );
    for all in ["::/0", "::ffff:0:0/96", "127.0.0.1/0"] {
        let loaded = load_texts(&[("weir.toml", &trusted(&format!("[\"{all}\"]")))], &[]);
        assert!(loaded.config.is_none() && said(&loaded).contains("is every address"), "{}", said(&loaded));
    }
    check(
        &trusted(r#"["128.0.0.0/1"]"#),
        expect![[r#"
            weir.toml:2:20: warning: `128.0.0.0/1` is a large part of the internet: each visitor in it could claim to come from anywhere [wide-network]
              key: server.trusted_proxies[0]
                 2 | trusted_proxies = ["128.0.0.0/1"]
                   |                    ^^^^^^^^^^^^^
              expected: the addresses of the proxies alone, such as `127.0.0.1` or `10.1.0.0/16`
        "#]],
    );
    assert!(said(&load_texts(&[("weir.toml", &trusted(r#"["2000::/3"]"#))], &[])).contains("[wide-network]"));
    check(&trusted(r#"["10.0.0.0/8", "fc00::/7", "fe80::/10", "2400:cb00::/32"]"#), expect![""]);
}

#[test]
fn https_on_this_machine_alone_wants_the_proxy_named_that_speaks_it() {
    let https = "[server]\npublic_url = \"https://ci.example.org/\"\n";
    check(
        https,
        expect![[r#"
            weir.toml:2:14: warning: a proxy on this machine speaks https for the server and is not named: all visitors look like one address, and together they may ask as often as one [unnamed-proxy]
              key: server.public_url
                 2 | public_url = "https://ci.example.org/"
                   |              ^^^^^^^^^^^^^^^^^^^^^^^^^
              expected: `trusted_proxies = ["127.0.0.1"]` in [server], and a proxy that adds `X-Forwarded-For`; or `trusted_proxies = []` where there is none that could
        "#]],
    );
    let both = format!("{https}listen = [\"[::1]:8010\", \"127.0.0.1:8010\"]\n");
    let loaded = said(&load_texts(&[("weir.toml", &both)], &[]));
    assert!(loaded.contains(r#"`trusted_proxies = ["127.0.0.1", "::1"]`"#), "{loaded}");
    for more in ["trusted_proxies = [\"127.0.0.1\"]", "trusted_proxies = []", "listen = \"0.0.0.0:8010\""] {
        check(&format!("{https}{more}\n"), expect![""]);
    }
    check("[server]\npublic_url = \"http://ci.example.org/\"\n", expect![""]);
}

#[test]
fn keys_and_names_over_plain_http_are_warned_of_unless_they_come_from_this_machine() {
    let forge = |url: &str| {
        format!(
            "[auth.jwt.forge]\nissuer = \"https://f/\"\naudience = \"weir\"\nalgorithms = [\"RS256\"]\njwks_url = \"{url}\"\n"
        )
    };
    let okta = |url: &str| format!("[auth.oidc.sso]\nclient_id = \"weir\"\nissuer = \"{url}\"\n");
    check(
        &(forge("http://forge.lan/keys") + &okta("http://sso.lan/")),
        expect![[r#"
            weir.toml:5:12: warning: plain `http://`: whoever is on the way can put keys and names of their own there, and be anybody [plain-http]
              key: auth.jwt.forge.jwks_url
                 5 | jwks_url = "http://forge.lan/keys"
                   |            ^^^^^^^^^^^^^^^^^^^^^^^
              expected: the same with `https://`
            weir.toml:8:10: warning: plain `http://`: whoever is on the way can put keys and names of their own there, and be anybody [plain-http]
              key: auth.oidc.sso.issuer
                 8 | issuer = "http://sso.lan/"
                   |          ^^^^^^^^^^^^^^^^^
              expected: the same with `https://`
        "#]],
    );
    for here in ["http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/", "https://sso.example.org/"] {
        check(&(forge(here) + &okta(here)), expect![""]);
    }
    let secret = said(&load_texts(&[("weir.toml", &forge("http://u:s3cretpw@forge.lan/keys"))], &[]));
    assert!(secret.contains("plain-http") && !secret.contains("s3cretpw"), "{secret}");
}
