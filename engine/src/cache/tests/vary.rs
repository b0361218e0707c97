//! Which requests select the same response: section 4.1.

use super::{req, res};
use crate::cache::vary::{normal_names, of, secondary_of_names, Vary, NAMES_MAX};
use crate::cache::AcceptLanguage;
use crate::key::Seed;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use proptest::prelude::*;

const SEED: Seed = Seed([3, 4]);

/// The names in Vary of a response to a request with these fields.
fn names(response: &str, fields: &str, language: AcceptLanguage) -> String {
    let mut out = Vec::new();
    let (response, request) = (res(200, response), req("GET", fields));
    normal_names(response.fields, request.fields, language, &mut out);
    String::from_utf8(out).unwrap()
}

fn key_of_names(names: &str, fields: &str) -> u64 {
    secondary_of_names(SEED, names.as_bytes(), req("GET", fields).fields)
}

/// The secondary key of a request for a response to it.
fn key(vary: &str, fields: &str) -> u64 {
    key_of_names(&names(vary, fields, AcceptLanguage::Normal), fields)
}

#[test]
fn what_vary_says() {
    let many: Vec<String> = (0..=NAMES_MAX).map(|n| format!("x{n}")).collect();
    for (fields, want) in [
        (String::new(), Vary::None),
        ("Vary:".into(), Vary::None),
        ("Vary: , ,".into(), Vary::None),
        ("Vary: accept".into(), Vary::Names),
        ("Vary: a, b\nVary: c".into(), Vary::Names),
        ("Vary: *".into(), Vary::Star),
        ("Vary: a, *, b".into(), Vary::Star),
        ("Vary: a\nVary: *".into(), Vary::Star),
        ("Vary: a b".into(), Vary::Star),
        ("Vary: \"a\"".into(), Vary::Star),
        (format!("Vary: {}", many[1..].join(",")), Vary::Names),
        (format!("Vary: {}", many.join(",")), Vary::Star),
    ] {
        assert_eq!(of(res(200, &fields).fields), want, "{fields}");
    }
}

#[test]
fn names_in_normal_form() {
    for (fields, want) in [
        ("", ""),
        (
            "Vary: User-Agent, accept-ENCODING",
            "accept-encoding,user-agent",
        ),
        ("Vary: b\nVary: a, B, a", "a,b"),
    ] {
        assert_eq!(names(fields, "", AcceptLanguage::Exact), want, "{fields}");
    }
}

/// Does the second request select the response to the first?
fn matches(response: &str, one: &str, other: &str) -> bool {
    let names = names(response, one, AcceptLanguage::Normal);
    key_of_names(&names, one) == key_of_names(&names, other)
}

#[test]
fn requests_that_match() {
    const LANGUAGE: &str = "Vary: Accept-Language";
    const GERMAN: &str = "Vary: Accept-Language\nContent-Language: de";
    const ENCODING: &str = "Vary: Accept-Encoding";
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str, &str)] = &[
        ("names in any order and case", "Vary: a, b", "a: 1\nb: 2", "B: 2\nA: 1"),
        ("field not named", "Vary: a", "a: 1\nb: 2", "a: 1"),
        ("absent in both", "Vary: a", "", "b: 1"),
        ("4.1 space around", "Vary: a", "a:1", "a:  1\t"),
        ("4.1 space around commas", "Vary: a", "a: 1,2", "a:  1\t ,2 "),
        ("4.1 lines are one list", "Vary: a", "a: 1\na: 2", "a: 1, 2"),
        ("4.1 a known field", "Vary: cookie", "Cookie: a=1, b", "Cookie: a=1\nCookie: b"),
        ("9110 12.5.1 order", "Vary: accept", "Accept: a/b;q=0.5, c/d", "Accept: c/d , a/b; q=0.5"),
        ("9110 12.5.2 order", "Vary: accept-charset", "Accept-Charset: a, b", "accept-charset: b\naccept-charset: a"),
        ("9110 12.5.3 case", ENCODING, "Accept-Encoding: gzip", "Accept-Encoding: GZIP"),
        ("9110 12.5.3 space", ENCODING, "Accept-Encoding: gzip,br;q=0.5", "Accept-Encoding: gzip ,  br ; q=0.5"),
        ("9110 12.5.3 order", ENCODING, "Accept-Encoding: gzip, br", "Accept-Encoding: br\nAccept-Encoding: gzip"),
        ("9110 12.5.3 weights", ENCODING, "Accept-Encoding: gzip, br;q=0.1", "Accept-Encoding: gzip;q=0.001, br;Q=1.000"),
        ("9110 12.5.3 what is refused anyway", ENCODING, "Accept-Encoding: gzip, br;q=0", "Accept-Encoding: gzip"),
        ("9110 12.5.3 identity goes without saying", ENCODING, "Accept-Encoding: gzip, identity;q=0.2", "Accept-Encoding: gzip"),
        ("9110 12.5.3 identity alone", ENCODING, "Accept-Encoding:", "Accept-Encoding: identity;q=1, *;q=0"),
        ("9110 12.5.3 identity refused", ENCODING, "Accept-Encoding: gzip, *;q=0", "Accept-Encoding: gzip, identity;q=0"),
        ("9110 8.4.1.3", ENCODING, "Accept-Encoding: X-GZip", "Accept-Encoding: gzip"),
        ("9110 12.5.3 twice", ENCODING, "Accept-Encoding: gzip, gzip;q=0.5", "Accept-Encoding: gzip"),
        ("9110 12.5.4 order", LANGUAGE, "Accept-Language: en, de", "Accept-Language: de, en"),
        ("9110 12.5.4 case", LANGUAGE, "Accept-Language: en, de", "Accept-Language: eN, De"),
        ("9110 12.5.4 space", LANGUAGE, "Accept-Language: en, de", "Accept-Language:  en ,   de"),
        ("9110 12.5.4 order of what weighs the same", LANGUAGE, "Accept-Language: a, b;q=0.5, c;q=0.5", "Accept-Language: c;q=0.500, a;q=1, b;q=0.5"),
        ("9110 12.4.2 one weight is none", LANGUAGE, "Accept-Language: a;q=0.5", "Accept-Language: a"),
        ("9110 8.5 liked best by both", GERMAN, "Accept-Language: en, de", "Accept-Language: fr;q=0.5, DE;q=1.0"),
        ("9110 8.5 liked best by both", GERMAN, "Accept-Language: de;q=0.3", "Accept-Language: de, en;q=0.9, *;q=0.1"),
        ("9110 8.5 nobody's wish", GERMAN, "Accept-Language: a, b", "Accept-Language: b, a"),
    ];
    for (why, response, one, other) in cases {
        assert!(matches(response, one, other), "{why}: {one} / {other}");
        assert!(matches(response, other, one), "{why}: {other} / {one}");
    }
    assert_eq!(
        key("Vary: a, b", "a: 1\nb: 2"),
        key("Vary: B\nVary: A, a", "a: 1\nb: 2")
    );
}

#[test]
fn requests_that_do_not_match() {
    const LANGUAGE: &str = "Vary: Accept-Language";
    const GERMAN: &str = "Vary: Accept-Language\nContent-Language: de";
    const ENCODING: &str = "Vary: Accept-Encoding";
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str, &str)] = &[
        ("another value", "Vary: a", "a: 1", "a: 2"),
        ("case of an unknown field", "Vary: a", "a: x", "a: X"),
        ("space within a member", "Vary: a", "a: 1 2", "a: 1  2"),
        ("space within quotes", "Vary: a", "a: \"1,2\"", "a: \"1, 2\""),
        ("space within quotes, escaped", "Vary: a", "a: \"\\\"1,2\"", "a: \"\\\"1, 2\""),
        ("an empty member", "Vary: a", "a: 1,,2", "a: 1,2"),
        ("absent is not present", "Vary: a", "", "a: 1"),
        ("absent is not empty", "Vary: a", "", "a:"),
        ("absent is not empty, list", ENCODING, "", "Accept-Encoding:"),
        ("absent is not empty, languages", LANGUAGE, "", "Accept-Language:"),
        ("values do not change places", "Vary: a, b", "a: 1\nb: 2", "a: 2\nb: 1"),
        ("values do not run together", "Vary: a, b", "a: 1\nb: 23", "a: 12\nb: 3"),
        ("one of two", "Vary: a, b", "a: 1", "b: 1"),
        ("order of an unknown list", "Vary: a", "a: 1, 2", "a: 2, 1"),
        ("media types", "Vary: accept", "Accept: a/b;q=0.5", "Accept: a/b"),
        ("9110 12.5.3 refused", ENCODING, "Accept-Encoding: gzip;q=0", "Accept-Encoding: gzip"),
        ("9110 12.5.3 identity refused", ENCODING, "Accept-Encoding: gzip, identity;q=0", "Accept-Encoding: gzip"),
        ("9110 12.5.3 all but one", ENCODING, "Accept-Encoding: *, br;q=0", "Accept-Encoding: *"),
        ("9110 12.5.3 accepted and refused", ENCODING, "Accept-Encoding: gzip, gzip;q=0", "Accept-Encoding: gzip"),
        ("9110 12.5.3 no weight", ENCODING, "Accept-Encoding: gzip;q=2", "Accept-Encoding: gzip"),
        ("9110 12.5.3 no weight", ENCODING, "Accept-Encoding: gzip;level=1", "Accept-Encoding: gzip"),
        ("members do not run together", ENCODING, "Accept-Encoding: gz, ip", "Accept-Encoding: gzip"),
        ("a list does not end another", "Vary: accept-encoding, accept-language", "Accept-Encoding: a\nAccept-Language: b, c", "Accept-Encoding: a, b\nAccept-Language: c"),
        ("9110 12.5.4 weights", LANGUAGE, "Accept-Language: a, b;q=0.5", "Accept-Language: a, b"),
        ("9110 12.5.4 weights", LANGUAGE, "Accept-Language: a, b;q=0.5", "Accept-Language: b, a;q=0.5"),
        ("9110 12.4.2 not acceptable", LANGUAGE, "Accept-Language: a;q=0", "Accept-Language: a"),
        ("9110 12.5.4 one more", LANGUAGE, "Accept-Language: a", "Accept-Language: a, b"),
        ("9110 8.5 not liked best", GERMAN, "Accept-Language: de", "Accept-Language: en, de;q=0.9"),
        ("9110 8.5 not listed", GERMAN, "Accept-Language: de", "Accept-Language: *"),
        ("9110 8.5 absent", GERMAN, "Accept-Language: de", ""),
        ("9110 8.5 was not liked best", GERMAN, "Accept-Language: en, de;q=0.9", "Accept-Language: de"),
        ("9110 8.5 another region", GERMAN, "Accept-Language: de", "Accept-Language: de-CH"),
        ("9110 8.5 two languages", "Vary: Accept-Language\nContent-Language: de, en", "Accept-Language: de", "Accept-Language: de, en"),
        ("9110 8.5 two lines", "Vary: Accept-Language\nContent-Language: de\nContent-Language: de", "Accept-Language: de", "Accept-Language: de, en"),
    ];
    for (why, response, one, other) in cases {
        assert!(!matches(response, one, other), "{why}: {one} / {other}");
    }
    let request = req("GET", "a: 1");
    let other_seed = secondary_of_names(Seed([3, 5]), b"a", request.fields);
    assert_ne!(key_of_names("a", "a: 1"), other_seed, "keyed");
}

#[test]
fn languages_are_compared_as_the_route_says() {
    let german = "Vary: x, Accept-Language\nContent-Language: DE";
    for (request, language, want) in [
        (
            "Accept-Language: de",
            AcceptLanguage::Normal,
            "accept-language=de,x",
        ),
        (
            "Accept-Language: en",
            AcceptLanguage::Normal,
            "accept-language=*,x",
        ),
        ("", AcceptLanguage::Normal, "accept-language=*,x"),
        (
            "Accept-Language: de",
            AcceptLanguage::Exact,
            "accept-language,x",
        ),
    ] {
        assert_eq!(names(german, request, language), want, "{request}");
    }
    let exact = |fields: &str| key_of_names("accept-language", fields);
    assert_ne!(
        exact("Accept-Language: a, b"),
        exact("Accept-Language: b, a")
    );
    assert_ne!(exact("Accept-Language: a"), exact("Accept-Language: A"));
    assert_eq!(
        exact("Accept-Language: a,b"),
        exact("Accept-Language: a , b")
    );
    // Nobody can name a field so that another one is looked at.
    for name in ["accept-language=de", "accept-language=*"] {
        let response = res(200, &format!("Vary: {name}"));
        assert_eq!(of(response.fields), Vary::Star, "{name}");
    }
}

#[test]
fn a_value_that_is_not_understood_equals_only_itself() {
    let many: Vec<String> = (0..40).map(|n| format!("a{n}")).collect();
    let long = "x ; ".repeat(100);
    for field in ["Accept-Encoding", "Accept-Language", "Accept", "a"] {
        let vary = format!("Vary: {field}");
        let line = |value: &str| format!("{field}: {value}");
        for value in [
            many.join(", "),
            long.clone(),
            "a;b=c;q=1".into(),
            "\"a".into(),
        ] {
            let value = line(value.trim());
            assert!(matches(&vary, &value, &value), "{value}");
            assert!(!matches(&vary, &value, &format!("{value},z")), "{value}");
        }
        // More members than are put in order: only white space is made equal.
        assert!(matches(
            &vary,
            &line(&many.join(", ")),
            &line(&many.join(","))
        ));
        let mut turned = many.clone();
        turned.swap(0, 1);
        assert!(!matches(
            &vary,
            &line(&many.join(", ")),
            &line(&turned.join(","))
        ));
    }
}

fn any_fields() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof![
        "[a-d]",
        Just("Accept-Encoding".into()),
        Just("accept-language".into()),
        Just("Cookie".into())
    ];
    proptest::collection::vec((name, "[ -~]{0,12}"), 0..6)
}

fn lines(fields: &[(String, String)]) -> String {
    let lines: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    lines.join("\n")
}

/// A list of codings with what they weigh, and whether a request with it accepts a coding, by the
/// words of RFC 9110, 12.5.3.
fn any_codings() -> impl Strategy<Value = Vec<(&'static str, u16)>> {
    let coding = proptest::sample::select(&["gzip", "br", "zstd", "identity", "*"][..]);
    let weight = prop_oneof![Just(0_u16), Just(1), Just(500), Just(1000)];
    proptest::collection::vec((coding, weight), 0..5).prop_map(|mut list| {
        // A coding that is listed twice has no meaning.
        list.sort();
        list.dedup_by_key(|(coding, _)| *coding);
        list
    })
}

fn accepts(list: &[(&str, u16)], coding: &str) -> bool {
    let weight = |name: &str| {
        list.iter()
            .find(|(coding, _)| *coding == name)
            .map(|(_, q)| *q)
    };
    match (weight(coding), weight("*")) {
        (Some(weight), _) | (None, Some(weight)) => weight > 0,
        (None, None) => coding == "identity",
    }
}

fn encodings(list: &[(&str, u16)]) -> String {
    let one = |(coding, q): &(&str, u16)| format!("{coding};q={}.{:03}", q / 1000, q % 1000);
    let members: Vec<String> = list.iter().map(one).collect();
    format!("Accept-Encoding: {}", members.join(","))
}

proptest! {
    #[test]
    fn names_and_fields_in_any_order(
        mut names in proptest::collection::vec("[a-d]|Accept-Encoding|COOKIE|accept-LANGUAGE", 1..8),
        mut fields in any_fields(),
        swaps in proptest::collection::vec((0_usize..8, 0_usize..8), 0..8),
    ) {
        let before = key(&format!("Vary: {}", names.join(",")), &lines(&fields));
        for (one, other) in swaps {
            let (one, other) = (one % names.len(), other % names.len());
            names.swap(one, other);
            names.push(names[one].to_ascii_uppercase());
        }
        // Fields of different names may change places.
        fields.sort_by_key(|(name, _)| name.to_ascii_lowercase());
        let after = key(&format!("Vary: {}", names.join(" , ")), &lines(&fields));
        prop_assert_eq!(before, after);
    }

    #[test]
    fn who_selects_the_same_coding_accepts_it(one in any_codings(), other in any_codings()) {
        if matches("Vary: accept-encoding", &encodings(&one), &encodings(&other)) {
            for coding in ["gzip", "br", "zstd", "identity", "other"] {
                prop_assert_eq!(accepts(&one, coding), accepts(&other, coding), "{}", coding);
            }
        }
    }

    #[test]
    fn a_field_that_is_not_named_is_no_matter(fields in any_fields(), value in "[ -~]{0,12}") {
        let names = "Vary: a, accept-encoding";
        let more = format!("{}\nNot-Named: {value}", lines(&fields));
        let more = more.trim_start_matches('\n');
        prop_assert_eq!(key(names, &lines(&fields)), key(names, more));
    }
}
