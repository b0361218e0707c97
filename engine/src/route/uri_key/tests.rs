//! Which URLs share a key.

use super::*;
use alloc::string::{String, ToString};
use proptest::prelude::*;

const SEED: Seed = Seed([7, 8]);

fn rule(ignore: &[&str], keep: &[&str], sort: bool) -> KeyRule {
    let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect();
    KeyRule::new(&KeyOptions {
        ignore: texts(ignore),
        keep: texts(keep),
        sort,
    })
}

/// The key of `host/path?query`.
fn key(rule: &KeyRule, site: u16, url: &str) -> Key {
    let (url, query) = match url.split_once('?') {
        Some((url, query)) => (url, Some(query.as_bytes())),
        None => (url, None),
    };
    let (host, path) = url.split_at(url.find('/').unwrap());
    rule.key(SEED, site, host.as_bytes(), path.as_bytes(), query)
}

#[test]
fn urls_with_one_key() {
    let plain = rule(&[], &[], false);
    let no_utm = rule(&["utm_*", "gclid"], &[], false);
    let no_query = rule(&["*"], &[], false);
    let only_id = rule(&[], &["id", "page"], false);
    let sorted = rule(&[], &[], true);
    let both = rule(&["x"], &[], true);
    let cases: &[(&str, &KeyRule, &str, &str)] = &[
        ("3986 6.2.2.1 host", &plain, "a.Example/x", "A.EXAMPLE/x"),
        ("3986 6.2.2.2", &plain, "a/%7Ex", "a/~x"),
        ("3986 6.2.2.1 percent", &plain, "a/%c3%a4", "a/%C3%A4"),
        ("3986 6.2.2.3", &plain, "a/b/../c/./d", "a/c/d"),
        (
            "ignore",
            &no_utm,
            "a/?utm_source=x&id=1&utm_=2&gclid",
            "a/?id=1",
        ),
        ("ignore leaves nothing", &no_utm, "a/?utm_source=x", "a/"),
        ("ignore everything", &no_query, "a/?x=1&y", "a/"),
        ("keep", &only_id, "a/?z=1&page=2&y&id=3", "a/?page=2&id=3"),
        ("keep leaves nothing", &only_id, "a/?z=1", "a/"),
        ("sort", &sorted, "a/?b=1&a=2&c", "a/?a=2&b=1&c"),
        (
            "sort by name, not by text",
            &sorted,
            "a/?a-b=1&a=2",
            "a/?a=2&a-b=1",
        ),
        ("ignore and sort", &both, "a/?b&x=1&a", "a/?a&b"),
    ];
    for (why, rule, one, other) in cases {
        assert_eq!(
            key(rule, 1, one),
            key(rule, 1, other),
            "{why}: {one} {other}"
        );
    }
}

#[test]
fn urls_with_different_keys() {
    let plain = rule(&[], &[], false);
    let no_utm = rule(&["utm_*", "gclid"], &[], false);
    let only_id = rule(&[], &["id"], false);
    let sorted = rule(&[], &[], true);
    let cases: &[(&str, &KeyRule, &str, &str)] = &[
        ("host", &plain, "a/x", "b/x"),
        ("port", &plain, "a:8080/x", "a/x"),
        ("path", &plain, "a/x", "a/y"),
        ("case of the path", &plain, "a/x", "a/X"),
        ("reserved characters", &plain, "a/%2Fx", "a//x"),
        ("slash at the end", &plain, "a/x", "a/x/"),
        ("query", &plain, "a/x?a", "a/x?b"),
        ("case of the query", &plain, "a/x?a", "a/x?A"),
        ("order", &plain, "a/x?a&b", "a/x?b&a"),
        ("3986 6.2.3 empty query", &plain, "a/x?", "a/x"),
        ("empty query with a rule", &no_utm, "a/x?", "a/x"),
        ("path and query", &plain, "a/x?y", "a/xy"),
        ("host and path", &plain, "a/b/c", "ab//c"),
        ("not ignored", &no_utm, "a/?utm=1", "a/?utm=2"),
        ("not ignored, only begins so", &no_utm, "a/?gclidx=1", "a/"),
        ("case of a name", &no_utm, "a/?UTM_x=1", "a/"),
        ("the value kept", &only_id, "a/?id=1", "a/?id=2"),
        ("kept without value", &only_id, "a/?id", "a/?id="),
        ("order of equal names", &sorted, "a/?x=1&x=2", "a/?x=2&x=1"),
        ("how often", &sorted, "a/?x=1&x=1", "a/?x=1"),
    ];
    for (why, rule, one, other) in cases {
        assert_ne!(
            key(rule, 1, one),
            key(rule, 1, other),
            "{why}: {one} {other}"
        );
    }
    assert_ne!(key(&plain, 1, "a/"), key(&plain, 2, "a/"), "sites");
    let other = plain.key(Seed([7, 9]), 1, b"a", b"/", None);
    assert_ne!(key(&plain, 1, "a/"), other, "keyed");
}

proptest! {
    #[test]
    fn a_rule_that_is_applied_twice_changes_nothing_more(
        query in "[abc=&]{0,16}",
        ignore in proptest::option::of("[abc]\\*?"),
        sort in any::<bool>(),
    ) {
        let ignore: Vec<&str> = ignore.iter().map(String::as_str).collect();
        let rule = rule(&ignore, &[], sort);
        let once = rule.apply(query.as_bytes());
        prop_assert_eq!(&rule.apply(&once), &once);
        prop_assert!(rule.leaves(&once), "and is seen to be in order");
        if rule.leaves(query.as_bytes()) {
            prop_assert_eq!(&once[..], query.as_bytes());
        }
    }
}
