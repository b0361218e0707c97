//! Tables with the section of RFC 9875 in each row.

use super::*;
use crate::http::{HeadLimits, Parse, ResponseHead};
use alloc::string::String;
use std::format;

const SEED: Seed = Seed([1, 2]);
const HOST: &[u8] = b"a.example";

fn with<T>(lines: &str, read: impl FnOnce(Fields<'_>) -> T) -> T {
    let limits = HeadLimits {
        head_bytes: 1 << 20,
        fields: 64,
        target_bytes: 100,
    };
    let text = format!("HTTP/1.1 200 OK\r\n{}\r\n\r\n", lines.replace('\n', "\r\n"));
    let mut head = ResponseHead::default();
    assert_eq!(
        head.parse(text.as_bytes(), &limits),
        Ok(Parse::Complete),
        "{lines}"
    );
    read(head.view(text.as_bytes()).fields)
}

fn tags() -> Vec<Box<str>> {
    ["Surrogate-Key", "xkey"].map(Box::from).to_vec()
}

fn read_of(lines: &str) -> Result<Vec<u64>, NotStored> {
    let mut out = Vec::new();
    with(lines, |fields| {
        read(SEED, 1, HOST, fields, &tags(), &mut out)
    })?;
    assert_eq!(out.len() % 8, 0);
    Ok(unpacked(&out).collect())
}

#[test]
fn groups_of_a_response() {
    let name = |name: &str| of_name(SEED, 1, HOST, name.as_bytes());
    let tag = |name: &str| of_tag(SEED, 1, name.as_bytes());
    let names = ["a", "b", "A", "scripts", "a b"]
        .map(|text| (name(text), of_any_host(SEED, 1, text.as_bytes())));
    let cases = [
        ("2 none", "X: \"a\"", alloc::vec![]),
        (
            "2",
            "Cache-Groups: \"scripts\", \"a b\"",
            alloc::vec![name("scripts"), name("a b")],
        ),
        (
            "2 over lines, any case",
            "cache-groups: \"a\"\nX: 1\nCACHE-GROUPS: \"b\"",
            alloc::vec![name("a"), name("b")],
        ),
        (
            "2 parameters are ignored",
            "Cache-Groups: \"a\";revalidate;x=1",
            alloc::vec![name("a")],
        ),
        (
            "2 each once",
            "Cache-Groups: \"a\", \"b\", \"a\"",
            alloc::vec![name("a"), name("b")],
        ),
        (
            "2.1 character by character",
            "Cache-Groups: \"A\", \"a\"",
            alloc::vec![name("A"), name("a")],
        ),
        (
            "2 other types are passed over",
            "Cache-Groups: a, \"b\", 1, (\"c\")",
            alloc::vec![name("b")],
        ),
        ("RFC 9651, 1.2", "Cache-Groups: \"a\", \"b", alloc::vec![]),
        (
            "tags",
            "Surrogate-Key: a  b\tc",
            alloc::vec![tag("a"), tag("b"), tag("c")],
        ),
        (
            "tags",
            "XKey: a,b , c\nxkey: d",
            alloc::vec![tag("a"), tag("b"), tag("c"), tag("d")],
        ),
        (
            "tags are whatever stands there",
            "xkey: \"a, é",
            alloc::vec![tag("\"a"), tag("é")],
        ),
        (
            "both",
            "xkey: a\nCache-Groups: \"a\"",
            alloc::vec![tag("a"), name("a")],
        ),
        ("a field that is not named", "Cache-Tag: a", alloc::vec![]),
    ];
    for (section, lines, mut want) in cases {
        // A group of an origin is one of its site, too.
        let named = names.iter().filter(|(own, _)| want.contains(own));
        let anywhere: Vec<u64> = named.map(|(_, anywhere)| *anywhere).collect();
        want.extend(anywhere);
        want.sort_unstable();
        assert_eq!(read_of(lines), Ok(want), "{section}: {lines}");
    }
}

#[test]
fn a_group_is_a_name_in_a_place() {
    let all = [
        of_name(SEED, 1, HOST, b"a"),
        of_name(SEED, 2, HOST, b"a"),
        of_name(SEED, 1, b"b.example", b"a"),
        of_name(SEED, 1, HOST, b"b"),
        of_name(Seed([1, 3]), 1, HOST, b"a"),
        of_tag(SEED, 1, b"a"),
        of_tag(SEED, 2, b"a"),
        of_tag(SEED, 1, b"b"),
        of_any_host(SEED, 1, b"a"),
        of_any_host(SEED, 2, b"a"),
    ];
    for (at, group) in all.iter().enumerate() {
        assert!(!all[..at].contains(group), "{at}");
    }
}

#[test]
fn too_many_groups_are_an_error() {
    let list = |count: usize| {
        (0..count)
            .map(|n| format!("\"{n}\""))
            .collect::<Vec<String>>()
            .join(", ")
    };
    let words = |count: usize| (0..count).map(|n| format!("{n} ")).collect::<String>();
    let cases = [
        (
            format!("Cache-Groups: {}", list(GROUPS_MAX / 2)),
            Ok(GROUPS_MAX),
        ),
        (
            format!("Cache-Groups: {}", list(GROUPS_MAX / 2 + 1)),
            Err(NotStored::Groups),
        ),
        (
            format!("Cache-Groups: {}", list(5000)),
            Err(NotStored::Groups),
        ),
        (format!("xkey: {}", words(GROUPS_MAX)), Ok(GROUPS_MAX)),
        (
            format!("xkey: {}", words(GROUPS_MAX + 1)),
            Err(NotStored::Groups),
        ),
        (
            format!("xkey: {}\nCache-Groups: \"x\"", words(GROUPS_MAX)),
            Err(NotStored::Groups),
        ),
        (format!("xkey: {}", "a ".repeat(4000)), Ok(1)),
    ];
    for (lines, want) in cases {
        assert_eq!(
            read_of(&lines).map(|groups| groups.len()),
            want,
            "{:.40}",
            lines
        );
    }
    let mut out = alloc::vec![1];
    let many = format!("xkey: {}", words(GROUPS_MAX + 1));
    let _ = with(&many, |fields| {
        read(SEED, 1, HOST, fields, &tags(), &mut out)
    });
    assert_eq!(out, [1], "nothing is appended");
}

#[test]
fn groups_that_a_response_invalidates() {
    let name = |name: &str| of_name(SEED, 1, HOST, name.as_bytes());
    let list = (0..100)
        .map(|n| format!("\"{n}\""))
        .collect::<Vec<String>>()
        .join(", ");
    let cases = [
        (
            "3",
            String::from("Cache-Group-Invalidation: \"a\", \"b\", \"a\""),
            alloc::vec![name("a"), name("b")],
        ),
        ("3", String::from("Cache-Groups: \"a\""), alloc::vec![]),
        ("3 no tags", String::from("xkey: a"), alloc::vec![]),
        (
            "RFC 9651, 1.2",
            String::from("Cache-Group-Invalidation: \"a"),
            alloc::vec![],
        ),
        (
            "3 the first ones",
            format!("Cache-Group-Invalidation: {list}"),
            (0..GROUPS_INVALIDATED_MAX)
                .map(|n| name(&format!("{n}")))
                .collect(),
        ),
    ];
    for (section, lines, want) in cases {
        let mut out = Vec::new();
        with(&lines, |fields| {
            invalidated(SEED, 1, HOST, fields, &mut out)
        });
        assert_eq!(out, want, "{section}");
    }
}
