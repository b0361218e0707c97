//! Tables with the section of draft-ietf-httpbis-no-vary-search in each row.

use super::*;
use crate::http::FieldSpan;
use alloc::vec;
use std::format;

/// One line of the field.
fn rule(value: &str) -> Option<SearchRule> {
    let head = format!("No-Vary-Search: {value}");
    let spans = [FieldSpan {
        name: crate::http::Name::Other,
        name_len: 14,
        name_at: 0,
        value_at: 16,
        value_len: value.len() as u32,
    }];
    SearchRule::of(Fields::new(head.as_bytes(), &spans))
}

fn applied(value: &str, query: &str) -> String {
    let mut out = Vec::new();
    rule(value).expect(value).apply(query.as_bytes(), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn what_a_response_says() {
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|name| String::from(*name))
            .collect::<Vec<_>>()
    };
    let all_but = |list: &[&str], ordered| {
        Some(SearchRule {
            params: Params::AllBut(names(list)),
            ordered,
        })
    };
    let none_but = |list: &[&str], ordered| {
        Some(SearchRule {
            params: Params::NoneBut(names(list)),
            ordered,
        })
    };
    let default = all_but(&[], true);
    let cases = [
        ("4.2", "params", none_but(&[], true)),
        ("4.2", "params=(\"a\")", all_but(&["a"], true)),
        ("4.2", "params, except=(\"x\")", none_but(&["x"], true)),
        ("4.1", "key-order", all_but(&[], false)),
        ("4.2", "params=?1", none_but(&[], true)),
        ("4.2", "key-order=?1", all_but(&[], false)),
        (
            "4.2",
            "params, key-order, except=(\"x\")",
            none_but(&["x"], false),
        ),
        ("4.2 says nothing", "params=?0", default.clone()),
        ("4.2 says nothing", "params=()", default.clone()),
        ("4.2 says nothing", "key-order=?0", default.clone()),
        ("4.1 no exception", "params, except=()", none_but(&[], true)),
        (
            "4.1 each once, sorted",
            "params=(\"b\" \"a\" \"b\")",
            all_but(&["a", "b"], true),
        ),
        (
            "4.1 parameters of items",
            "params=(\"a\";x \"b\";y=1);z",
            all_but(&["a", "b"], true),
        ),
        (
            "4.3",
            "params=(\"%C3%A9+%E6%B0%97\")",
            all_but(&["é 気"], true),
        ),
        (
            "4.3 no code",
            "params=(\"100%\" \"%zz\")",
            all_but(&["%zz", "100%"], true),
        ),
        (
            "4.1 unknown members are ignored",
            "unknown-key",
            default.clone(),
        ),
        (
            "4.1 unknown members are ignored",
            "key-order, future=(a b), more=1.5",
            all_but(&[], false),
        ),
        ("RFC 9651, 3.2 empty", "", default),
        ("4.2", "key-order=\"not a boolean\"", None),
        ("4.1 not a Boolean", "key-order=()", None),
        ("4.1 not a Boolean", "key-order=1", None),
        ("4.2", "params=\"not a boolean or inner list\"", None),
        ("4.1 a Token is no Boolean", "params=true", None),
        ("4.2", "params=(not-a-string)", None),
        ("4.1 one is not a String", "params=(\"a\" 1)", None),
        ("4.2", "params=(\"a\"), except=(\"x\")", None),
        ("4.2", "params=(), except=()", None),
        ("4.2", "params=?0, except=(\"x\")", None),
        ("4.2", "params, except=(not-a-string)", None),
        ("4.2", "params, except=\"not an inner list\"", None),
        ("4.2", "params, except=?1", None),
        ("4.2", "except=(\"x\")", None),
        ("4.2", "except=()", None),
        (
            "4.1 one wrong member, and nothing counts",
            "params, key-order=1",
            None,
        ),
        ("RFC 9651, 4.2 broken", "params=(\"a\"", None),
        ("RFC 9651, 3.2 keys are in lower case", "Params", None),
    ];
    for (section, value, want) in cases {
        assert_eq!(rule(value), want, "{section}: {value}");
    }
    assert_eq!(SearchRule::of(Fields::new(b"", &[])), None, "no field");
}

#[test]
fn queries_that_are_one() {
    let a_few = "params=(\"utm\" \"%C3%A9+%E6%B0%97\")";
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "5.1 %61",
            "key-order",
            &["a=x", "%61=%78", "a=x&&&&", "&a=x"],
        ),
        ("5.1", "key-order", &["a=%C3%A9", "a=%c3%a9", "a=é"]),
        ("5.1 no UTF-8", "key-order", &["a=%f6", "a=%ef%bf%bd"]),
        ("5.1", "key-order", &["a=", "a"]),
        ("5.1 a space", "key-order", &["a=%20", "a=+", "a= &"]),
        ("5.1 no query", "key-order", &["", "&", "&&"]),
        (
            "5 order",
            "key-order",
            &["a=1&b=2&c=3", "c=3&a=1&b=2", "b=2&c=3&a=1"],
        ),
        (
            "5 order of equal names stays",
            "key-order",
            &["a=2&b=0&a=1", "a=2&a=1&b=0", "b=0&a=2&a=1"],
        ),
        (
            "5 params",
            a_few,
            &[
                "a=1",
                "a=1&utm=x",
                "utm&a=1&utm=2",
                "%75tm=3&a=1",
                "é+気=4&a=1",
                "%C3%A9%20%E6%B0%97&a=1",
            ],
        ),
        ("5 all params", "params", &["", "a", "b=1&c"]),
        (
            "5 except",
            "params, except=(\"id\")",
            &["id=7", "id=7&a=1", "b&id=7", "i%64=7&ID=8"],
        ),
        (
            "5 except, key-order",
            "params, except=(\"a\" \"b\"), key-order",
            &["a=1&b=2", "b=2&c&a=1"],
        ),
        (
            "URL, 5.1 the first = separates",
            "key-order",
            &["a==", "a=%3D"],
        ),
        ("URL, 5.1 an empty name", "key-order", &["=1", "=%31"]),
        ("URL, 5.1 half a code", "key-order", &["a=%4", "a=%254"]),
        ("URL, 5.1 no code", "key-order", &["a=%zz", "a=%25zz"]),
    ];
    for (section, value, same) in cases {
        let rule = rule(value).unwrap();
        for query in *same {
            let (first, this) = (applied(value, same[0]), applied(value, query));
            assert_eq!(first, this, "{section}: {value}: {query}");
            assert!(rule.is_same(Some(same[0].as_bytes()), Some(query.as_bytes())));
        }
        assert_eq!(rule.is_same(None, Some(b"")), !rule.is_default());
    }
}

#[test]
fn queries_that_are_not() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "5",
            "key-order",
            &["a=1", "a=2", "b=1", "a=1&a=1", "", "=", "A=1"],
        ),
        ("5 order matters", "params=(\"x\")", &["a=1&b=2", "b=2&a=1"]),
        (
            "5 order of equal names",
            "key-order",
            &["a=1&a=2", "a=2&a=1"],
        ),
        ("5", "params=(\"x\")", &["a=1&x", "a=2&x", "X=1", "xx=1"]),
        (
            "5",
            "params, except=(\"id\")",
            &["id=1", "id=2", "id=1&id=1", ""],
        ),
        (
            "URL, 5.1 what a code stands for does not separate",
            "key-order",
            &["a=1&b=2", "a=1%26b=2", "a%3D1&b=2"],
        ),
        (
            "5 default: byte by byte",
            "params=?0",
            &["a", "a=", "%61=", "a&", "a=+", "a=%20", ""],
        ),
    ];
    for (section, value, others) in cases {
        for (at, query) in others.iter().enumerate() {
            for other in &others[..at] {
                assert_ne!(
                    applied(value, query),
                    applied(value, other),
                    "{section}: {value}"
                );
            }
        }
    }
    assert!(
        !rule("params=?0").unwrap().is_same(None, Some(b"")),
        "5: default"
    );
}

#[test]
fn the_canonical_form_is_a_query_of_its_own() {
    for value in [
        "key-order",
        "params=(\"a\")",
        "params, except=(\"a\" \"%C3%A9\")",
    ] {
        for query in [
            "b=1&a=2",
            "é=%f6&a=%26%3d+%2B&&x",
            "a=*-._~ 9",
            "a%00=\u{7f}",
        ] {
            let once = applied(value, query);
            assert_eq!(applied(value, &once), once, "{value}: {query}");
            assert!(once.bytes().all(|byte| byte.is_ascii_graphic()), "{once}");
        }
    }
    let mut out = vec![b'?'];
    rule("key-order").unwrap().apply(b"b=a b&a=1", &mut out);
    assert_eq!(out, b"?a=1&b=a+b");
}

/// Section 5, step by step: two lists of pairs, filtered, sorted and compared.
fn model(no_vary: Option<&[&str]>, vary: &[&str], ordered: bool, a: &[u8], b: &[u8]) -> bool {
    let pairs = |query: &[u8]| {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for piece in query
            .split(|byte| *byte == b'&')
            .filter(|piece| !piece.is_empty())
        {
            let mut halves = piece.splitn(2, |byte| *byte == b'=');
            let mut half = || {
                let text =
                    String::from_utf8_lossy(halves.next().unwrap_or_default()).replace('+', " ");
                // The tables show what codes come to; here are only these two.
                text.replace("%61", "a").replace("%2b", "+")
            };
            pairs.push((half(), half()));
        }
        match no_vary {
            Some(names) => pairs.retain(|(name, _)| !names.contains(&name.as_str())),
            None => pairs.retain(|(name, _)| vary.contains(&name.as_str())),
        }
        if !ordered {
            pairs.sort_by(|one, other| one.0.cmp(&other.0));
        }
        pairs
    };
    pairs(a) == pairs(b)
}

proptest::proptest! {
    #[test]
    fn it_is_the_comparison_of_the_draft(
        a in "((a|b|c|%61|%2b|\\+|)(=(1|2|%61|))?(&|&&)){0,4}(a|b=1)?",
        b in "((a|b|c|%61|%2b|\\+|)(=(1|2|%61|))?(&|&&)){0,4}(a|b=1)?",
        except in proptest::prelude::any::<bool>(),
        ordered in proptest::prelude::any::<bool>(),
        names in proptest::sample::subsequence(&["a", "b", "+", " "][..], 1..4),
    ) {
        // In the field `+` is a space too (4.3).
        let coded = |name: &&str| format!("\"{}\"", name.replace('+', "%2B").replace(' ', "+"));
        let list = names.iter().map(coded).collect::<Vec<_>>().join(" ");
        let order = if ordered { "" } else { ", key-order" };
        let value = if except {
            format!("params, except=({list}){order}")
        } else {
            format!("params=({list}){order}")
        };
        let (no_vary, vary): (Option<&[&str]>, &[&str]) = if except {
            (None, &names)
        } else {
            (Some(&names), &[])
        };
        let got = rule(&value).unwrap().is_same(Some(a.as_bytes()), Some(b.as_bytes()));
        let want = model(no_vary, vary, ordered, a.as_bytes(), b.as_bytes());
        proptest::prop_assert_eq!(got, want, "{}", value);
    }
}
