//! Which requests select the same response: section 4.1.

use super::{req, res};
use crate::cache::vary::{normal_names, of, secondary, secondary_of_names, Vary, NAMES_MAX};
use crate::key::Seed;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use proptest::prelude::*;

const SEED: Seed = Seed([3, 4]);

fn normal(vary: &str) -> String {
    let mut out = Vec::new();
    normal_names(res(200, vary).fields, &mut out);
    String::from_utf8(out).unwrap()
}

fn key(vary: &str, fields: &str) -> u64 {
    let (response, request) = (res(200, vary), req("GET", fields));
    let key = secondary(SEED, response.fields, request.fields);
    let by_names = secondary_of_names(SEED, normal(vary).as_bytes(), request.fields);
    assert_eq!(key, by_names, "both ways agree: {vary} {fields}");
    key
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
        assert_eq!(normal(fields), want, "{fields}");
    }
}

#[test]
fn requests_that_match() {
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str, &str)] = &[
        ("names in any order and case", "Vary: a, b", "a: 1\nb: 2", "B: 2\nA: 1"),
        ("field not named", "Vary: a", "a: 1\nb: 2", "a: 1"),
        ("space around", "Vary: a", "a:1", "a:  1\t"),
        ("lines are one list", "Vary: a", "a: 1\na: 2", "a: 1, 2"),
        ("absent in both", "Vary: a", "", "b: 1"),
        ("9110 12.5.3 case", "Vary: Accept-Encoding", "Accept-Encoding: gzip", "Accept-Encoding: GZIP"),
        ("9110 12.5.3 space", "Vary: Accept-Encoding", "Accept-Encoding: gzip,br;q=0.5", "Accept-Encoding: gzip ,  br; q=0.5"),
        ("9110 12.5.3 order", "Vary: Accept-Encoding", "Accept-Encoding: gzip, br", "Accept-Encoding: br\nAccept-Encoding: gzip"),
        ("9110 12.5.4 case", "Vary: accept-language", "Accept-Language: de-DE, en", "Accept-Language: DE-de,en"),
    ];
    for (why, vary, one, other) in cases {
        assert_eq!(key(vary, one), key(vary, other), "{why}");
    }
    assert_eq!(
        key("Vary: a, b", "a: 1\nb: 2"),
        key("Vary: B\nVary: A, a", "a: 1\nb: 2")
    );
}

#[test]
fn requests_that_do_not_match() {
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str, &str)] = &[
        ("another value", "Vary: a", "a: 1", "a: 2"),
        ("case of an unknown field", "Vary: a", "a: x", "a: X"),
        ("space within an unknown field", "Vary: a", "a: 1,2", "a: 1, 2"),
        ("absent is not present", "Vary: a", "", "a: 1"),
        ("absent is not empty", "Vary: a", "", "a:"),
        ("absent is not empty, list", "Vary: accept-encoding", "", "Accept-Encoding:"),
        ("values do not change places", "Vary: a, b", "a: 1\nb: 2", "a: 2\nb: 1"),
        ("values do not run together", "Vary: a, b", "a: 1\nb: 23", "a: 12\nb: 3"),
        ("one of two", "Vary: a, b", "a: 1", "b: 1"),
        ("order of an unknown list", "Vary: a", "a: 1, 2", "a: 2, 1"),
        ("9110 12.5.4 order says something", "Vary: accept-language", "Accept-Language: de, en", "Accept-Language: en, de"),
        ("weights", "Vary: accept-encoding", "Accept-Encoding: gzip;q=0", "Accept-Encoding: gzip"),
        ("members do not run together", "Vary: accept-encoding", "Accept-Encoding: gz, ip", "Accept-Encoding: gzip"),
        ("a list does not end another", "Vary: accept-encoding, accept-language", "Accept-Encoding: a\nAccept-Language: b, c", "Accept-Encoding: a, b\nAccept-Language: c"),
    ];
    for (why, vary, one, other) in cases {
        assert_ne!(key(vary, one), key(vary, other), "{why}");
    }
    let request = req("GET", "a: 1");
    let names = b"a";
    let other_seed = secondary_of_names(Seed([3, 5]), names, request.fields);
    assert_ne!(
        secondary_of_names(SEED, names, request.fields),
        other_seed,
        "keyed"
    );
}

#[test]
fn long_lists_and_members_still_match() {
    // More members than are sorted, and one longer than the space for it.
    let many: Vec<String> = (0..40).map(|n| format!("coding{n}")).collect();
    let long = "x ; ".repeat(100);
    for (one, other) in [
        (many.join(", "), many.join(",").to_uppercase()),
        (long.clone(), long.replace(' ', "")),
    ] {
        let line = |value: &str| format!("Accept-Encoding: {value}");
        assert_eq!(
            key("Vary: accept-encoding", &line(&one)),
            key("Vary: accept-encoding", &line(&other))
        );
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
    fn a_field_that_is_not_named_is_no_matter(fields in any_fields(), value in "[ -~]{0,12}") {
        let names = "Vary: a, accept-encoding";
        let more = format!("{}\nNot-Named: {value}", lines(&fields));
        let more = more.trim_start_matches('\n');
        prop_assert_eq!(key(names, &lines(&fields)), key(names, more));
    }
}
