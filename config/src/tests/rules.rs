//! The rules of the cache as an operator writes them: lifetimes by status, times to be stale, who
//! gets Cache-Status, which fields control it; and what is said about slips in them.

use super::faults::check_after;
use super::{faults, plan};
use crate::{minimal, Cache, Net, StatusTo};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// The Plan of one route with these lines.
fn route(lines: &str) -> Cache {
    let text = format!("{}[[sites]]\n[[sites.routes]]\n{lines}", minimal());
    plan(&text).sites.remove(0).routes.remove(0).cache
}

#[test]
fn lifetimes_by_status_have_many_spellings() {
    let two = vec![(404, seconds(10)), (410, seconds(60))];
    for lines in [
        "cache.negative = { 404 = \"10s\", 410 = \"1m\" }",
        "cache.negative = { \"410\" = \"1m\", \"404\" = \"10s\" }",
        "cache.negative.410 = \"1m\"\ncache.negative.404 = \"10s\"",
        "[sites.routes.cache.negative]\n410 = \"1m\"\n404 = \"10s\"",
    ] {
        assert_eq!(route(lines).negative, two, "{lines}");
    }
    assert_eq!(route("cache.negative = {}").negative, []);
}

#[test]
fn a_class_gives_the_statuses_that_are_not_named() {
    for (lines, count, status, time) in [
        ("{ 5xx = \"1s\" }", 99, 500, Some(1)),
        ("{ 5xx = \"1s\" }", 99, 599, Some(1)),
        ("{ 5xx = \"1s\" }", 99, 499, None),
        ("{ 404 = \"9s\", 4xx = \"1s\" }", 94, 404, Some(9)),
        ("{ 4xx = \"1s\", 404 = \"9s\" }", 94, 404, Some(9)),
        ("{ 4xx = \"1s\", 404 = \"9s\" }", 94, 405, Some(1)),
        ("{ 4xx = \"1s\" }", 94, 412, None),
        ("{ 4xx = \"1s\" }", 94, 416, None),
        ("{ 3xx = \"1s\" }", 99, 304, None),
        ("{ 3xx = \"1s\", 599 = \"2s\" }", 100, 599, Some(2)),
    ] {
        let negative = route(&format!("cache.negative = {lines}")).negative;
        assert_eq!(negative.len(), count, "{lines}");
        assert!(negative.is_sorted_by(|a, b| a.0 < b.0), "{lines}");
        let found = negative.iter().find(|(n, _)| *n == status);
        assert_eq!(
            found.map(|(_, t)| *t),
            time.map(seconds),
            "{lines} {status}"
        );
    }
}

#[test]
fn no_time_to_be_stale_is_none() {
    for (value, time) in [
        ("\"off\"", None),
        ("\"0s\"", None),
        ("\"0d\"", None),
        ("\"1s\"", Some(1)),
        ("\"1d\"", Some(86_400)),
    ] {
        let cache = route(&format!(
            "cache.stale_while_revalidate = {value}\ncache.stale_if_error = {value}"
        ));
        assert_eq!(cache.stale_while_revalidate, time.map(seconds), "{value}");
        assert_eq!(cache.stale_if_error, time.map(seconds), "{value}");
    }
}

#[test]
fn cache_status_goes_to_all_none_or_some() {
    let to = |value: &str| {
        let text = format!("{}[cache_status]\nto = {value}", minimal());
        plan(&text).cache_status.to
    };
    assert_eq!(to("\"all\""), StatusTo::All);
    assert_eq!(to("\"none\""), StatusTo::None);
    let net = |address: &str, prefix| Net {
        address: address.parse().unwrap(),
        prefix,
    };
    let some = vec![net("0.0.0.0", 0), net("192.0.2.7", 32), net("fe80::", 10)];
    assert_eq!(
        to("[\"0.0.0.0/0\", \"192.0.2.7\", \"fe80::/10\"]"),
        StatusTo::Nets(some)
    );
}

#[test]
fn a_net_contains_what_shares_its_prefix() {
    let v4 = |address: [u8; 4], prefix| Net {
        address: address.into(),
        prefix,
    };
    let v6 = |address: &str, prefix| Net {
        address: address.parse().unwrap(),
        prefix,
    };
    for (net, address, is_in) in [
        (v4([10, 0, 0, 0], 8), "10.255.255.255", true),
        (v4([10, 0, 0, 0], 8), "11.0.0.0", false),
        (v4([10, 0, 0, 0], 8), "9.255.255.255", false),
        (v4([192, 0, 2, 6], 31), "192.0.2.7", true),
        (v4([192, 0, 2, 6], 31), "192.0.2.8", false),
        (v4([192, 0, 2, 7], 32), "192.0.2.7", true),
        (v4([192, 0, 2, 7], 32), "192.0.2.6", false),
        (v4([0, 0, 0, 0], 0), "255.1.2.3", true),
        (v4([0, 0, 0, 0], 0), "::1", false),
        // RFC 4291, 2.5.5.2: an IPv4 client of a listener on [::].
        (v4([10, 0, 0, 0], 8), "::ffff:10.1.2.3", true),
        (v4([10, 0, 0, 0], 8), "::ffff:11.1.2.3", false),
        (v6("::1", 128), "::1", true),
        (v6("::1", 128), "::2", false),
        (v6("fe80::", 10), "febf:ffff::1", true),
        (v6("fe80::", 10), "fec0::", false),
        (v6("::", 0), "2001:db8::1", true),
        (v6("::", 0), "10.0.0.1", false),
    ] {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(net.contains(address), is_in, "{net} {address}");
    }
    // A prefix beyond the address is all of it, and no panic.
    assert!(v4([10, 0, 0, 1], 200).contains(Ipv4Addr::new(10, 0, 0, 1).into()));
}

/// The one fault of a route with this line.
fn check_route(line: &str, expected: &str) {
    check_after(
        &format!("[[sites]]\n[[sites.routes]]\n{line}\n"),
        &format!("5:{expected}"),
    );
}

#[test]
fn lifetimes_by_status_are_for_statuses_that_others_may_get() {
    let expected = "expected a status from 300 to 599, or `3xx`, `4xx` or `5xx`";
    let one_request = "answers a condition of one request, and is never stored for others";
    for (key, found) in [
        (
            "304",
            format!("not taken here; {expected}; 304 {one_request}"),
        ),
        (
            "412",
            format!("not taken here; {expected}; 412 {one_request}"),
        ),
        (
            "416",
            format!("not taken here; {expected}; 416 {one_request}"),
        ),
        (
            "200",
            format!("not taken here; {expected}; for successes there is `cache.default`"),
        ),
        (
            "2xx",
            format!("unknown key; {expected}; for successes there is `cache.default`"),
        ),
        (
            "103",
            format!("not taken here; {expected}; interim responses are never stored"),
        ),
        (
            "1xx",
            format!("unknown key; {expected}; interim responses are never stored"),
        ),
        (
            "299",
            format!("not taken here; {expected}; for successes there is `cache.default`"),
        ),
        ("600", format!("not taken here; {expected}")),
        ("0404", format!("not taken here; {expected}")),
        ("99", format!("not taken here; {expected}")),
        ("6xx", format!("unknown key; {expected}")),
        (
            "4XX",
            format!("unknown key; {expected}; did you mean `4xx`?"),
        ),
        (
            "4",
            format!("not taken here; {expected}; did you mean `4xx`?"),
        ),
        ("error", format!("unknown key; {expected}")),
    ] {
        let line = format!("cache.negative = {{ {key} = \"1s\" }}");
        check_route(
            &line,
            &format!("20: [[sites.routes]] cache.negative.{key}: {found}"),
        );
    }
    check_route(
        "cache.negative = { 404 = \"10\" }",
        "26: [[sites.routes]] cache.negative.404: found \"10\"; expected a time from 1s to 365d, such \
         as \"10s\"; add a unit: \"10s\"",
    );
    check_route(
        "cache.negative.404 = { 10 = 1 }",
        "22: [[sites.routes]] cache.negative.404: found a table; expected a time from 1s to 365d, \
         such as \"10s\"",
    );
    check_route(
        "cache.negative = \"10s\"",
        "18: [[sites.routes]] cache.negative: found \"10s\"; expected a table { STATUS = \"10s\" }",
    );
    check_route(
        "cache.negative = { 404 = \"1s\", \"404\" = \"2s\" }",
        "19: not TOML: duplicate key `404`",
    );
    check_route(
        "cache.negativ = { 404 = \"1s\" }",
        "7: [[sites.routes]] cache.negativ: unknown key; expected one of `enabled`, `default`, \
         `heuristic`, `refresh`, `lifetime_max`, `negative`, `jitter`, `stale_while_revalidate`, \
         `stale_if_error`, `set_cookie`, `accept_language`, `variants`, `no_vary_search`, \
         `query_bytes`, `fragments`, `disk`, `disk_object_max`, \
         `disk_uses`, `key`; did you mean `negative`?",
    );
}

#[test]
fn slips_in_the_names_of_the_newer_rules() {
    for (slip, meant) in [
        ("max_lifetime", ""),
        ("lifetimemax", "lifetime_max"),
        ("negatives", "negative"),
        ("jiter", "jitter"),
        ("stale-while-revalidate", "stale_while_revalidate"),
        ("stale_while_revalidat", "stale_while_revalidate"),
        ("stale_if_eror", "stale_if_error"),
        ("set_cookies", "set_cookie"),
        ("accept-language", "accept_language"),
        ("variant", "variants"),
        ("No-Vary-Search", "no_vary_search"),
        ("querybytes", "query_bytes"),
        ("fragment", "fragments"),
    ] {
        let text = format!(
            "{}[[sites]]\n[[sites.routes]]\ncache.{slip} = 1\n",
            minimal()
        );
        let found = faults(&text);
        assert_eq!(found.len(), 1, "{found:?}");
        let suggestion = found[0].rsplit("; ").next().unwrap_or_default();
        let want = format!("did you mean `{meant}`?");
        assert_eq!(
            suggestion == want,
            !meant.is_empty(),
            "{slip}: {suggestion}"
        );
    }
    check_after(
        "[[sites]]\nclient_directive = \"ignore\"\n",
        "4:1: [[sites]] client_directive: unknown key; expected one of `hosts`, \
         `client_directives`, `routes`; did you mean `client_directives`?",
    );
    check_after(
        "[cache-status]\nkey = true\n",
        "3:1: [cache-status]: unknown table; expected one of `shards`, `memory`, `disk`, `listen`, \
         `origins`, `sites`, `limits`, `proxy`, `cache_status`, `control`, `log`, `admin`; did you \
         mean `cache_status`?",
    );
    check_after(
        "[control]\ntag = []\n",
        "4:1: [control] tag: unknown key; expected `targets` or `tags`; did you mean `tags`?",
    );
}

#[test]
fn values_of_the_newer_rules() {
    let time = "a time from 1s to 365d";
    for (line, expected) in [
        (
            "lifetime_max = \"0s\"",
            format!("22: [[sites.routes]] cache.lifetime_max: found \"0s\"; expected {time}, such as \"7d\""),
        ),
        (
            "jitter = 51",
            "16: [[sites.routes]] cache.jitter: found 51; expected a number of percent from 0 to 50".to_owned(),
        ),
        (
            "jitter = \"10\"",
            "16: [[sites.routes]] cache.jitter: found \"10\"; expected a number of percent from 0 to 50; \
             write it without quotes: 10".to_owned(),
        ),
        (
            "stale_if_error = \"of\"",
            "24: [[sites.routes]] cache.stale_if_error: found \"of\"; expected \"off\" or a time from 0s \
             to 365d, such as \"1d\"; did you mean `off`?".to_owned(),
        ),
        (
            "stale_if_error = false",
            "24: [[sites.routes]] cache.stale_if_error: found false; expected \"off\" or a time from 0s \
             to 365d, such as \"1d\"".to_owned(),
        ),
        (
            "stale_while_revalidate = 30",
            "32: [[sites.routes]] cache.stale_while_revalidate: found 30; expected \"off\" or a time from \
             0s to 365d, such as \"30s\"; add a unit: \"30s\"".to_owned(),
        ),
        (
            "set_cookie = \"stip\"",
            "20: [[sites.routes]] cache.set_cookie: found \"stip\"; expected one of \"explicit\", \
             \"never\", \"strip\"; did you mean `strip`?".to_owned(),
        ),
        (
            "accept_language = \"normalised\"",
            "25: [[sites.routes]] cache.accept_language: found \"normalised\"; expected \"exact\" or \
             \"normal\"".to_owned(),
        ),
        (
            "variants = 0",
            "18: [[sites.routes]] cache.variants: found 0; expected a number of responses from 1 to 1024".to_owned(),
        ),
        (
            "query_bytes = \"2MiB\"",
            "21: [[sites.routes]] cache.query_bytes: found \"2MiB\"; expected a size from 0B to 1MiB, \
             such as \"8KiB\"".to_owned(),
        ),
        (
            "disk = \"off\"",
            "14: [[sites.routes]] cache.disk: found \"off\"; expected one of \"auto\", \"always\", \
             \"never\"".to_owned(),
        ),
        (
            "disk_object_max = \"1G\"",
            "25: [[sites.routes]] cache.disk_object_max: found \"1G\"; expected a size from 0B to \
             64TiB, such as \"16MiB\"; did you mean `1GiB`?".to_owned(),
        ),
        (
            "disk_uses = 16",
            "19: [[sites.routes]] cache.disk_uses: found 16; expected a number of uses from 0 to 15".to_owned(),
        ),
        (
            "fragments = \"off\"",
            "19: [[sites.routes]] cache.fragments: found \"off\"; expected true or false; did you mean \
             `false`?".to_owned(),
        ),
    ] {
        check_route(&format!("cache.{line}"), &expected);
    }
    check_after(
        "[[sites]]\nclient_directives = \"honor\"\n",
        "4:21: [[sites]] client_directives: found \"honor\"; expected \"honour\" or \"ignore\"; did you \
         mean `honour`?",
    );
}

#[test]
fn clients_that_get_cache_status() {
    let one = "expected an IP address, and perhaps `/` and the length of a prefix";
    let to =
        "expected \"all\", \"none\" or a list of addresses and nets, such as [\"10.0.0.0/8\", \
              \"::1\"]";
    for (value, expected) in [
        (
            "\"nobody\"",
            format!("6: [cache_status] to: found \"nobody\"; {to}"),
        ),
        (
            "\"al\"",
            format!("6: [cache_status] to: found \"al\"; {to}; did you mean `all`?"),
        ),
        (
            "\"::1\"",
            format!("6: [cache_status] to: found \"::1\"; {to}; write it in brackets: [\"::1\"]"),
        ),
        (
            "[]",
            format!("6: [cache_status] to: found an empty list; {to}"),
        ),
        ("true", format!("6: [cache_status] to: found true; {to}")),
        (
            "[\"10.0.0.1/8\"]",
            format!(
                "7: [cache_status] to: found \"10.0.0.1/8\"; {one}; did you mean `10.0.0.0/8`?"
            ),
        ),
        (
            "[\"::1\", \"all\"]",
            format!("14: [cache_status] to: found \"all\"; {one}"),
        ),
    ] {
        check_after(
            &format!("[cache_status]\nto = {value}\n"),
            &format!("4:{expected}"),
        );
    }
}

#[test]
fn fields_that_control_the_cache() {
    let many: Vec<String> = (1..=9).map(|n| format!("\"A{n}\"")).collect();
    for (line, expected) in [
        (
            format!("targets = [{}]", many.join(", ")),
            "11: [control] targets: found a list of 9; expected a list of at most 8 field names, such \
             as [\"Example-CDN-Cache-Control\", \"CDN-Cache-Control\"]",
        ),
        (
            "targets = [\"cache-control\"]".to_owned(),
            "12: [control] targets: found \"cache-control\"; expected the name of a targeted field; \
             Cache-Control is read where no targeted field decides",
        ),
        (
            "tags = [\"Cache Tag:\"]".to_owned(),
            "9: [control] tags: found \"Cache Tag:\"; expected the name of a field; did you mean \
             `Cache-Tag`?",
        ),
        (
            "tags = [\"xkey\", \"XKey\"]".to_owned(),
            "17: [control] tags: found \"XKey\" again; expected every field once; line 4 has it \
             already",
        ),
        (
            "tags = \"xkey\"".to_owned(),
            "8: [control] tags: found \"xkey\"; expected a list of at most 8 field names, such as \
             [\"Cache-Tag\"]; write it in brackets: [\"xkey\"]",
        ),
    ] {
        check_after(&format!("[control]\n{line}\n"), &format!("4:{expected}"));
    }
}
