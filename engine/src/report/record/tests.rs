//! Lines that stay lines, whatever clients send.

use super::*;
use crate::http::Version;
use alloc::string::{String, ToString};
use core::net::{Ipv4Addr, Ipv6Addr};
use proptest::prelude::*;

fn record() -> Record<'static> {
    Record {
        wall: Wall(971_186_136),
        client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        method: b"GET",
        target: b"/apache_pb.gif?x=1",
        version: Version::Http10,
        host: b"www.example.org",
        status: 200,
        body_bytes: 2326,
        referer: b"http://www.example.com/start.html",
        user_agent: b"Mozilla/4.08 [en]",
        outcome: Outcome::Miss(Reason::NotStored),
        total_us: 1234,
        first_byte_us: Some(1000),
        shard: 3,
    }
}

fn line(write: fn(&Record<'_>, &mut Vec<u8>), record: &Record<'_>) -> String {
    let mut out = Vec::new();
    write(record, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn combined_lines() {
    assert_eq!(
        line(combined, &record()),
        "192.0.2.1 - - [10/Oct/2000:13:55:36 +0000] \"GET /apache_pb.gif?x=1 HTTP/1.0\" 200 2326 \
         \"http://www.example.com/start.html\" \"Mozilla/4.08 [en]\" host=\"www.example.org\" \
         outcome=miss reason=not-stored total_us=1234 first_byte_us=1000 shard=3\n"
    );
    let bare = Record {
        client: IpAddr::V6(Ipv6Addr::LOCALHOST),
        version: Version::Http11,
        host: b"",
        body_bytes: 0,
        referer: b"",
        user_agent: b"",
        outcome: Outcome::Hit,
        first_byte_us: None,
        ..record()
    };
    assert_eq!(
        line(combined, &bare),
        "::1 - - [10/Oct/2000:13:55:36 +0000] \"GET /apache_pb.gif?x=1 HTTP/1.1\" 200 - \"-\" \"-\" \
         host=\"\" outcome=hit total_us=1234 shard=3\n"
    );
    let hostile = Record {
        user_agent: b"a\" \"b\\ \n\r\x1b[2J\xC3\xA4\x7F",
        ..record()
    };
    let want = r#""a\" \"b\\ \x0a\x0d\x1b[2J\xc3\xa4\x7f""#;
    assert!(
        line(combined, &hostile).contains(want),
        "{}",
        line(combined, &hostile)
    );
}

#[test]
fn json_lines() {
    assert_eq!(
        line(json, &record()),
        concat!(
            r#"{"time":"2000-10-10T13:55:36Z","client":"192.0.2.1","method":"GET","#,
            r#""target":"/apache_pb.gif?x=1","version":"HTTP/1.0","host":"www.example.org","#,
            r#""referer":"http://www.example.com/start.html","user_agent":"Mozilla/4.08 [en]","#,
            r#""outcome":"miss","reason":"not-stored","status":200,"body_bytes":2326,"#,
            r#""total_us":1234,"first_byte_us":1000,"shard":3}"#,
            "\n"
        )
    );
    let hit = Record {
        outcome: Outcome::Hit,
        referer: b"",
        first_byte_us: None,
        ..record()
    };
    let text = line(json, &hit);
    for absent in ["reason", "referer", "first_byte_us"] {
        assert!(!text.contains(absent), "{absent} in {text}");
    }
    let hostile = Record {
        user_agent: b"\"\\\n\x00\x7F\xC2\x85\xE2\x80\xA8\xFFz\xC3\xA4\xF0\x9F\x98\x80\xC3",
        ..record()
    };
    let want = concat!(
        "\"user_agent\":\"\\\"\\\\\\u000a\\u0000\\u007f\\u0085\\u2028\u{FFFD}z",
        "\u{E4}\u{1F600}\u{FFFD}\""
    );
    assert!(
        line(json, &hostile).contains(want),
        "{}",
        line(json, &hostile)
    );
}

#[test]
fn every_month() {
    let mut wall = 1_767_225_600 + 86_400;
    for month in 1..=12 {
        let text = line(
            json,
            &Record {
                wall: Wall(wall),
                ..record()
            },
        );
        let want = alloc::format!("\"time\":\"2026-{month:02}-");
        assert!(text.contains(&want), "{want} in {text}");
        wall += 2_629_746;
    }
}

/// What a JSON reader makes of one object of strings and numbers: a reader of its own, so that
/// the writer is not judged by itself. `None`: not valid.
fn parse(text: &str) -> Option<Vec<(String, String)>> {
    let mut rest = text.strip_prefix('{')?;
    let mut members = Vec::new();
    loop {
        let (name, after) = string(rest)?;
        rest = after.strip_prefix(':')?;
        let (value, after) = match rest.starts_with('"') {
            true => string(rest)?,
            false => {
                let end = rest.find(|c: char| !c.is_ascii_digit())?;
                (rest[..end].to_string(), &rest[end..])
            }
        };
        members.push((name, value));
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (after == "}\n").then_some(members),
        }
    }
}

fn string(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.strip_prefix('"')?.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((out, &text[at + 2..])),
            '\\' => match chars.next()?.1 {
                'u' => {
                    let hex: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                    out.push(char::from_u32(u32::from_str_radix(&hex, 16).ok()?)?);
                }
                escaped @ ('"' | '\\') => out.push(escaped),
                _ => return None,
            },
            '\0'..='\u{1F}' => return None,
            _ => out.push(char),
        }
    }
    None
}

proptest! {
    #[test]
    fn one_line_and_valid_whatever_is_sent(
        method in any::<Vec<u8>>(),
        target in any::<Vec<u8>>(),
        host in any::<Vec<u8>>(),
        referer in "\\PC*|.*",
        user_agent in any::<Vec<u8>>(),
        wall in any::<i64>(),
    ) {
        let record = Record {
            wall: Wall(wall),
            method: &method,
            target: &target,
            host: &host,
            referer: referer.as_bytes(),
            user_agent: &user_agent,
            ..record()
        };
        let text = line(json, &record);
        prop_assert_eq!(text.lines().count(), 1);
        let Some(members) = parse(&text) else {
            return Err(TestCaseError::fail(text));
        };
        let held = |name: &str| members.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str());
        for (name, sent) in [("method", &method[..]), ("target", &target), ("host", &host), ("referer", referer.as_bytes()), ("user_agent", &user_agent)] {
            let sent = String::from_utf8_lossy(sent);
            prop_assert_eq!(held(name).unwrap_or(""), sent.as_ref());
        }
        let mut out = Vec::new();
        combined(&record, &mut out);
        prop_assert!(out.iter().take(out.len() - 1).all(|byte| (b' '..=b'~').contains(byte)));
        prop_assert_eq!(out.last(), Some(&b'\n'));
    }
}
