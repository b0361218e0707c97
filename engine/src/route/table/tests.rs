//! Which route a host and path lead to.

use super::*;
use alloc::format;
use alloc::string::{String, ToString};
use proptest::prelude::*;
use ringside_config::Plan;

/// A Plan of sites, each by its hosts and the paths of its routes.
fn plan(sites: &[(&[&str], &[&str])]) -> Plan {
    let mut text = String::from("[origins.app]\nservers = [\"127.0.0.1:80\"]\n");
    for (hosts, paths) in sites {
        text += &format!("[[sites]]\nhosts = {hosts:?}\n");
        for path in *paths {
            text += &format!("[[sites.routes]]\npath = {path:?}\norigin = \"app\"\n");
        }
    }
    ringside_config::read(&text, "test").unwrap()
}

#[test]
fn hosts() {
    let table = Table::compile(&plan(&[
        (&["example.org", "other.example"], &["/"]),
        (&["*.example.org"], &["/"]),
        (&["*.deep.example.org", "*.Test"], &["/"]),
        (&["*"], &["/"]),
        (&["www.example.org", "[::1]", "192.0.2.1"], &["/"]),
    ]));
    for (host, want) in [
        ("example.org", 0),
        ("EXAMPLE.Org", 0),
        ("other.example", 0),
        ("a.example.org", 1),
        ("a.B.example.org", 1),
        ("a.deep.example.org", 2),
        ("a.b.DEEP.example.org", 2),
        ("deep.example.org", 1),
        ("x.test", 2),
        ("www.example.org", 4),
        ("www.EXAMPLE.ORG", 4),
        ("[::1]", 4),
        ("192.0.2.1", 4),
        // The bare suffix is not below it, nor is a name that only ends alike.
        (".example.org", 3),
        ("badexample.org", 3),
        ("example.org.evil", 3),
        ("test", 3),
        ("", 3),
        (".", 3),
        ("..", 3),
        ("\u{FF}", 3),
    ] {
        let found = table.find(host.as_bytes(), b"/").map(|found| found.site);
        assert_eq!(found, Some(want), "{host}");
    }
}

#[test]
fn no_site_no_route() {
    let table = Table::compile(&plan(&[
        (&["a.example"], &["/x/", "/y"]),
        (&["*.b"], &["/"]),
    ]));
    for (host, path) in [
        ("b.example", "/x/"),
        ("a.example", "/"),
        ("a.example", "/x"),
        ("b", "/"),
        ("a.example", ""),
    ] {
        assert_eq!(
            table.find(host.as_bytes(), path.as_bytes()),
            None,
            "{host} {path}"
        );
    }
    // A site that names the host keeps its requests from the others, routed or not.
    let two = Table::compile(&plan(&[(&["*"], &["/"]), (&["a.example"], &["/x"])]));
    assert_eq!(two.find(b"a.example", b"/y"), None);
}

#[test]
fn the_longest_prefix_wins() {
    let paths = ["/", "/a", "/a/", "/a/b/", "/a/b/c", "/ab", "/z", "/a/bb"];
    let table = Table::compile(&plan(&[(&["*"], &paths)]));
    for (path, want) in [
        ("/", "/"),
        ("/x", "/"),
        ("/a", "/a"),
        ("/aa", "/a"),
        ("/a/", "/a/"),
        ("/a/b", "/a/"),
        ("/a/b/", "/a/b/"),
        ("/a/b/c", "/a/b/c"),
        ("/a/b/cc/d", "/a/b/c"),
        ("/a/b/d", "/a/b/"),
        ("/a/bb", "/a/bb"),
        ("/a/c", "/a/"),
        ("/ab", "/ab"),
        ("/abc", "/ab"),
        ("/b", "/"),
        ("/zz", "/z"),
        ("/\u{FF}", "/"),
        ("/A", "/"),
    ] {
        let found = table.find(b"", path.as_bytes()).unwrap();
        assert_eq!(paths[usize::from(found.route)], want, "{path}");
    }
}

#[test]
fn routes_are_numbered_in_order() {
    let plan = plan(&[
        (&["a"], &["/x", "/"]),
        (&["b"], &["/"]),
        (&["c"], &["/", "/y", "/z"]),
    ]);
    let table = Table::compile(&plan);
    assert_eq!((table.len(), table.is_empty()), (6, false));
    let all: Vec<_> = (0..6).map(|id| table.indexes(RouteId(id))).collect();
    assert_eq!(all, [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (2, 2)]);
    let found = table.find(b"c", b"/yes").unwrap();
    assert_eq!(
        found,
        Found {
            site: 2,
            route: 1,
            id: RouteId(4)
        }
    );
    assert_eq!(
        (table.origin(found.id), table.origin(RouteId(6))),
        (0, usize::MAX)
    );
    assert_eq!(table.indexes(RouteId(6)), (usize::MAX, usize::MAX));
}

#[test]
fn the_first_of_equal_ones_counts() {
    // The reader of configurations refuses these; a Plan made otherwise does not.
    let mut plan = plan(&[(&["a", "*"], &["/"]), (&["b"], &["/x"])]);
    let route = plan.sites[0].routes[0].clone();
    plan.sites[0].routes.push(route);
    plan.sites[1].hosts = plan.sites[0].hosts.clone();
    let table = Table::compile(&plan);
    for host in [b"a", b"z"] {
        assert_eq!(
            table.find(host, b"/x").unwrap(),
            Found {
                site: 0,
                route: 0,
                id: RouteId(0)
            }
        );
    }
}

proptest! {
    #[test]
    fn as_the_plain_rule_says(
        hosts in proptest::collection::btree_set("[ab](\\.[ab]){0,2}", 1..6),
        suffixes in proptest::collection::btree_set("[ab](\\.[ab]){0,2}", 0..6),
        paths in proptest::collection::btree_set("/([ab]|/[ab]){0,3}", 1..12),
        asked in proptest::collection::vec(("[abAB.]{0,8}", "/[ab/]{0,6}"), 1..20),
    ) {
        let mut patterns: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        patterns.extend(suffixes.iter().map(|suffix| format!("*.{suffix}")));
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let sites: Vec<[&str; 1]> = patterns.iter().map(|pattern| [pattern.as_str()]).collect();
        let sites: Vec<(&[&str], &[&str])> = sites.iter().map(|hosts| (&hosts[..], &paths[..])).collect();
        let table = Table::compile(&plan(&sites));
        for (host, path) in asked {
            let name = host.to_ascii_lowercase();
            let exact = patterns.iter().position(|pattern| *pattern == name);
            let below = |pattern: &&String| {
                pattern.strip_prefix('*').is_some_and(|suffix| name.len() > suffix.len() && name.ends_with(suffix))
            };
            let longest = patterns.iter().filter(below).max_by_key(|pattern| pattern.len());
            let longest = longest.and_then(|found| patterns.iter().position(|pattern| pattern == found));
            let route = paths.iter().enumerate().filter(|(_, prefix)| path.starts_with(**prefix));
            let route = route.max_by_key(|(_, prefix)| prefix.len()).map(|(at, _)| at);
            let want = exact.or(longest).zip(route);
            let got = table.find(host.as_bytes(), path.as_bytes());
            let got = got.map(|found| (usize::from(found.site), usize::from(found.route)));
            prop_assert_eq!(got, want, "{} {}", host, path);
        }
    }
}
