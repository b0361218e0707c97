//! What is tried on bytes that a peer might send or a disk might hold, and what must be true
//! whatever they are.
//!
//! One body per fuzz target. They are included twice: by the targets in `fuzz_targets/`, which
//! libFuzzer drives, and by the engine's test `mutations`, which drives them from seeds without
//! anything but a stable compiler. They must not panic; each `assert` says why it holds.

use ringside_config::Forwarded;
use ringside_engine::cache::{extent, part, Extent};
use ringside_engine::http::{
    date, encode, field, framing, hop, range, target, Answer, ChunkFault, ChunkedDecoder, Fields,
    Form, Forward, HeadLimits, Length, Method, Name, Parse, Ranges, RequestHead, ResponseHead,
    Version, Wanted,
};
use ringside_engine::limits::RANGES_MAX;
use ringside_engine::time::Wall;
use std::net::{IpAddr, Ipv4Addr};

#[path = "bodies/caching.rs"]
mod caching;
#[path = "bodies/store.rs"]
mod store;
#[path = "bodies/structured.rs"]
mod structured;

pub(crate) use caching::{caching, EXCHANGES};
pub(crate) use store::{statements, store_bytes, store_scan, store_sealed, DISKS, STATEMENTS};
pub(crate) use structured::{search, structured, SEARCHES, STRUCTURED};

const LIMITS: HeadLimits = HeadLimits {
    head_bytes: 4096,
    fields: 32,
    target_bytes: 1024,
};

/// A target: its name, its body, and bytes to begin with.
pub(crate) type Target = (&'static str, fn(&[u8]), &'static [&'static [u8]]);

/// Every target.
pub(crate) const ALL: &[Target] = &[
    ("head_request", head_request, REQUESTS),
    ("head_response", head_response, RESPONSES),
    ("chunked", chunked, CONTENTS),
    ("target", target, TARGETS),
    ("forward", forward, REQUESTS),
    ("values", values, VALUES),
    ("ranges", ranges, RANGES),
    ("structured", structured, STRUCTURED),
    ("search", search, SEARCHES),
    ("caching", caching, EXCHANGES),
    ("statements", statements, STATEMENTS),
    ("store_bytes", store_bytes, DISKS),
    ("store_scan", store_scan, DISKS),
    ("store_sealed", store_sealed, DISKS),
];

const REQUESTS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
    b"\r\nGET /a/../b?c=%41 HTTP/1.0\r\nHost: a:80\r\nConnection: keep-alive, x-a\r\nX-A: 1\r\n\r\n",
    b"POST http://example.org:80/x HTTP/1.1\r\nHost: example.org\r\nContent-Length: 5, 5\r\nContent-Length: 5\r\n\r\nhello",
    b"PUT /a HTTP/1.1\r\nhost: [::1]:8080\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\nTE: trailers\r\nContent-Length: 3\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 3\r\nX-Forwarded-For: 1, 2\r\nForwarded: for=\"a\\\"\"\r\nVia: 1.0 b\r\n\r\n",
    b"GET / HTTP/1.2\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent_Length: 5\r\n\r\n",
    b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
    b"GET / HTTP/2.0\r\n\r\n",
];

const RESPONSES: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nhello",
    b"HTTP/1.0 404 Not Found\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nAge: 5\r\nVia: 1.0 a\r\n\r\n",
    b"HTTP/1.1 204 \r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=5\r\n\r\n",
    b"HTTP/1.3 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 1, 1\r\nSet-Cookie: a=b\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
];

const CONTENTS: &[&[u8]] = &[
    b"5\r\nhello\r\n0\r\n\r\n",
    b"1;a=\"b;c\"\r\na\r\n00A\r\n0123456789\r\n0;x\r\n\r\n",
    b"3\r\nabc\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a\r\nx-b:\t2\r\n\r\nGET / HTTP/1.1\r\n",
    b"7fffffffffffffff\r\nabc",
    b"0\r\nContent-Length: 5\r\n\r\n",
    b"0\r\n\r\n",
];

const TARGETS: &[&[u8]] = &[
    b"/a/b/../c/./%7e%2f%%32e?x=1&y",
    b"http://Example.org:8080/a?b",
    b"http://[2001:db8::1]/",
    b"https://a.b.?c",
    b"example.org:443",
    b"*",
    b"//a//%2e%2E/..",
];

const VALUES: &[&[u8]] = &[
    b"Sun, 06 Nov 1994 08:49:37 GMT",
    b"Sunday, 06-Nov-94 08:49:37 GMT",
    b"Sun Nov  6 08:49:37 1994",
    b"max-age=5, x=\"a, \\\" b\", no-store ,,",
    b"If-None-Match",
];

const RANGES: &[&[u8]] = &[
    b"bytes=0-499, -5, 100-",
    b"bytes=18446744073709551615-18446744073709551616",
    b"bytes=0-0,200-299,-1,90-120,500-",
    b"bytes 4-9/10",
    b"bytes 0-1048575/5243003",
    b"bytes 0-18446744073709551615/18446744073709551616",
    b"bytes */10",
];

/// A request head: what is let through is strict, and reading on from any part of it comes to the
/// same end.
pub(crate) fn head_request(bytes: &[u8]) {
    let mut head = RequestHead::default();
    let parsed = head.parse(bytes, &LIMITS);
    if parsed != Ok(Parse::Complete) {
        return;
    }
    let len = head.len();
    let fields = head.view(bytes).fields;
    strict(&bytes[..len], fields);
    // A shorter part is no whole head, and what follows does not matter.
    for cut in [len / 3, len / 2, len - 1] {
        let part = RequestHead::default().parse(&bytes[..cut], &LIMITS);
        assert_eq!(part, Ok(Parse::Partial), "cut at {cut}");
    }
    let mut alone = RequestHead::default();
    assert_eq!(alone.parse(&bytes[..len], &LIMITS), Ok(Parse::Complete));
    let request = alone.view(bytes);
    assert!(request.target.len() <= LIMITS.target_bytes && len <= LIMITS.head_bytes + 8);
    let _ = framing::keeps_alive(request.version, request.fields);
    match framing::request(&request) {
        // Content is announced by exactly one of the two fields (RFC 9112, 6.3).
        Ok(Length::Chunked) => {
            assert!(!fields.has(Name::ContentLength) && fields.count(Name::TransferEncoding) == 1);
            assert_eq!(request.version, Version::Http11);
        }
        Ok(_) => assert!(!fields.has(Name::TransferEncoding)),
        Err(fault) => assert!(matches!(fault.status, 400 | 501)),
    }
    if let Ok(split) = target::split(request.method, request.target) {
        if let Ok(host) = target::host(&request, &split) {
            assert!(!host.name.contains(&b'@') && !host.name.ends_with(b"."));
            assert!(fields.count(Name::Host) <= 1);
        }
    }
}

/// A response head, likewise.
pub(crate) fn head_response(bytes: &[u8]) {
    let mut head = ResponseHead::default();
    if head.parse(bytes, &LIMITS) != Ok(Parse::Complete) {
        return;
    }
    let len = head.len();
    strict(&bytes[..len], head.view(bytes).fields);
    for cut in [len / 3, len / 2, len - 1] {
        let part = ResponseHead::default().parse(&bytes[..cut], &LIMITS);
        assert_eq!(part, Ok(Parse::Partial), "cut at {cut}");
    }
    let response = head.view(bytes);
    assert!((100..=599).contains(&response.status));
    for to in [Method::Get, Method::Head, Method::Connect] {
        if let Ok(length) = framing::response(to, &response) {
            let both = [Name::ContentLength, Name::TransferEncoding];
            assert!(!both.iter().all(|name| response.fields.has(*name)));
            assert!(to != Method::Head || length == Length::None);
        }
    }
    // Passed on, it is a head without framing of its own.
    let mut out = Vec::new();
    let answer = Answer {
        via_name: Some("us"),
        drop_age: true,
        now: Some(Wall(0)),
    };
    encode::response_head(&mut out, &response, &answer);
    out.extend_from_slice(b"Content-Length: 7\r\n\r\n");
    let mut again = ResponseHead::default();
    let wide = HeadLimits {
        head_bytes: 65_536,
        fields: 64,
        ..LIMITS
    };
    assert_eq!(again.parse(&out, &wide), Ok(Parse::Complete));
    let view = again.view(&out);
    assert_eq!((again.len(), view.status), (out.len(), response.status));
    assert!(
        view.fields.count(Name::ContentLength) == 1 && !view.fields.has(Name::TransferEncoding)
    );
    assert!(!view.fields.has(Name::Connection) && !view.fields.has(Name::Age));
    assert!(view.fields.has(Name::Date));
}

/// A head judged anew and byte by byte: every line is ended by CRLF, no other control character
/// but HTAB, every field is a token and a colon (RFC 9112, 2.2 and 5).
fn strict(head: &[u8], fields: Fields<'_>) {
    let mut left = head;
    while let Some(rest) = left.strip_prefix(b"\r\n") {
        left = rest;
    }
    let body = left
        .strip_suffix(b"\r\n")
        .expect("a head ends in an empty line");
    let mut lines = Vec::new();
    let mut line = Vec::new();
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                assert_eq!(bytes.next(), Some(&b'\n'), "a bare CR");
                lines.push(std::mem::take(&mut line));
            }
            _ => {
                assert!(
                    *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f),
                    "a control {byte}"
                );
                line.push(*byte);
            }
        }
    }
    assert!(line.is_empty(), "the last line does not end");
    assert_eq!(lines.len(), fields.len() + 1);
    for (line, field) in lines[1..].iter().zip(fields.iter()) {
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .expect("a field has a colon");
        assert_eq!(&line[..colon], field.name);
        assert!(colon > 0 && field.name.iter().all(|byte| field::is_token(*byte)));
        assert_eq!(field::trim(&line[colon + 1..]), field.value);
        assert_eq!(Name::from_bytes(field.name), field.id);
    }
}

/// Content, trailers, bytes consumed, completeness.
type Decoded = (Vec<u8>, Vec<u8>, usize, bool);

fn decode(bytes: &[u8], piece: usize) -> Result<Decoded, ChunkFault> {
    let mut decoder = ChunkedDecoder::new();
    let (mut content, mut consumed, mut arrived) = (Vec::new(), 0, 0);
    loop {
        let input = &bytes[consumed..arrived];
        let step = decoder.step(input)?;
        content.extend_from_slice(&input[step.content.clone()]);
        consumed += step.consumed;
        if step.done || (step.consumed == 0 && arrived == bytes.len()) {
            return Ok((content, decoder.trailers().to_vec(), consumed, step.done));
        }
        if step.consumed == 0 {
            arrived = bytes.len().min(arrived + piece);
        }
    }
}

/// A chunked content: pieces make no difference, and what is decoded can be coded again.
pub(crate) fn chunked(bytes: &[u8]) {
    let whole = decode(bytes, bytes.len() + 1);
    for piece in [1, 2, 5] {
        assert_eq!(decode(bytes, piece), whole, "in pieces of {piece}");
    }
    let Ok((content, trailers, consumed, done)) = whole else {
        return;
    };
    assert!(consumed <= bytes.len() && content.len() <= consumed);
    if !done {
        assert_eq!(consumed, bytes.len(), "what is not done wants more");
        return;
    }
    let mut coded = Vec::new();
    if !content.is_empty() {
        coded.extend_from_slice(ringside_engine::http::chunk_line(
            content.len(),
            &mut [0; 20],
        ));
        coded.extend_from_slice(&content);
        coded.extend_from_slice(b"\r\n");
    }
    coded.extend_from_slice(b"0\r\n");
    coded.extend_from_slice(&trailers);
    coded.extend_from_slice(b"\r\n");
    assert_eq!(
        decode(&coded, 7),
        Ok((content, trailers.clone(), coded.len(), true))
    );
    // Trailers are as strict as a head, and do not frame.
    let head = [b"GET / HTTP/1.1\r\n", &trailers[..], b"\r\n"].concat();
    let mut parsed = RequestHead::default();
    let wide = HeadLimits {
        head_bytes: 65_536,
        fields: 256,
        ..LIMITS
    };
    let lines = trailers.iter().filter(|byte| **byte == b'\n').count();
    if lines <= wide.fields {
        assert_eq!(parsed.parse(&head, &wide), Ok(Parse::Complete));
        assert_eq!(framing::request(&parsed.view(&head)), Ok(Length::None));
        assert_eq!(parsed.view(&head).fields.len(), lines);
    }
}

/// A target and its path in normal form.
pub(crate) fn target(bytes: &[u8]) {
    for method in [Method::Get, Method::Options, Method::Connect] {
        let Ok(split) = target::split(method, bytes) else {
            continue;
        };
        assert!(bytes.ends_with(split.path_and_query));
        assert!(bytes
            .iter()
            .all(|byte| matches!(byte, 0x21..=0x7e) && *byte != b'#'));
        assert_eq!(split.form == Form::Authority, method == Method::Connect);
    }
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    target::normal_path(bytes, &mut once);
    target::normal_path(&once, &mut twice);
    assert_eq!(once, twice, "a normal form is its own normal form");
    if target::is_normal(bytes) {
        assert_eq!(once, bytes);
    }
    if bytes.first() == Some(&b'/') {
        assert_eq!(once.first(), Some(&b'/'));
        assert!(!once
            .split(|byte| *byte == b'/')
            .any(|part| matches!(part, b"." | b"..")));
    }
}

/// A request as it goes to an origin: whatever the client sent, the framing, the host and the
/// connection are those that were decided here.
pub(crate) fn forward(bytes: &[u8]) {
    let mut head = RequestHead::default();
    if head.parse(bytes, &LIMITS) != Ok(Parse::Complete) {
        return;
    }
    let request = head.view(bytes);
    let Ok(split) = target::split(request.method, request.target) else {
        return;
    };
    if split.form == Form::Authority {
        return;
    }
    for (at, length) in [Length::None, Length::Exact(5), Length::Chunked]
        .into_iter()
        .enumerate()
    {
        let forward = Forward {
            via_name: Some("us"),
            forwarded: Forwarded::Both,
            client_ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            scheme: "http",
            host: b"example.org",
            close: at == 1,
            length,
            extra: b"If-None-Match: \"own\"\r\n",
            drop_conditionals: true,
            drop_range: true,
            upgrade: at == 0,
        };
        let mut out = Vec::new();
        encode::request_head(&mut out, &request, split.path_and_query, &forward);
        let mut again = RequestHead::default();
        let wide = HeadLimits {
            head_bytes: 65_536,
            fields: 64,
            target_bytes: 2048,
        };
        assert_eq!(again.parse(&out, &wide), Ok(Parse::Complete));
        let view = again.view(&out);
        assert_eq!((again.len(), view.version), (out.len(), Version::Http11));
        assert_eq!(view.method_text, request.method_text);
        assert_eq!(framing::request(&view), Ok(length));
        let parts = target::split(view.method, view.target).expect("a target of our own");
        let host = target::host(&view, &parts).expect("a host of our own");
        assert_eq!(host.name, b"example.org");
        let options = hop::connection_options(view.fields).count();
        assert_eq!(options > 0, at == 1 || view.fields.has(Name::Upgrade));
        assert_eq!(view.fields.get(Name::IfNoneMatch), Some(&b"\"own\""[..]));
        assert_eq!(view.fields.count(Name::IfNoneMatch), 1);
        assert!(!view.fields.has(Name::Range) && !view.fields.has(Name::Te));
        assert_eq!(view.fields.count(Name::XForwardedFor), 1);
        let last = view
            .fields
            .members(Name::Forwarded)
            .last()
            .unwrap_or_default();
        assert!(
            last.starts_with(b"for=192.0.2.1;"),
            "our own word is the last"
        );
    }
}

/// Dates, lists and names.
pub(crate) fn values(bytes: &[u8]) {
    let now = Wall(1_795_000_000);
    if let Some(at) = date::parse(bytes, now) {
        let mut out = [0; 29];
        assert_eq!(date::parse(date::format(at, &mut out), now), Some(at));
    }
    let mut members = 0;
    for member in field::members(bytes) {
        assert!(!member.is_empty() && field::trim(member) == member);
        members += 1;
    }
    assert!(members <= bytes.len());
    let name = Name::from_bytes(bytes);
    assert!(name == Name::Other || name.as_str().as_bytes().eq_ignore_ascii_case(bytes));
    let _ = field::is_balanced(bytes);
}

/// A Range and a Content-Range: spans lie within and apart, an extent is one, and what is missing
/// of it is asked for by a line that means just that.
pub(crate) fn ranges(bytes: &[u8]) {
    for len in [0, 1, 500, u64::MAX] {
        let spans = match range::parse_all(bytes, len) {
            Ranges::One(span) => vec![span],
            Ranges::Many(spans) => {
                assert!((2..=RANGES_MAX).contains(&spans.len()));
                spans
            }
            Ranges::Unsatisfiable => Vec::new(),
            Ranges::Ignore => {
                assert_eq!(range::wanted(bytes), Wanted::Ignore);
                continue;
            }
        };
        assert_ne!(range::wanted(bytes), Wanted::Ignore);
        assert!(spans
            .iter()
            .all(|span| span.start < span.end && span.end <= len));
        let mut sorted = spans.clone();
        sorted.sort_by_key(|span| span.start);
        assert!(sorted.windows(2).all(|two| two[0].end < two[1].start));
        let content: u64 = spans.iter().map(|span| span.end - span.start).sum();
        assert!(content <= len && part::multipart_bytes(None, &spans, len) >= content);
    }
    let text = [b"HTTP/1.1 206 -\r\nContent-Range: ", bytes, b"\r\n\r\n"].concat();
    let mut head = ResponseHead::default();
    if head.parse(&text, &LIMITS) != Ok(Parse::Complete) {
        return;
    }
    let response = head.view(&text);
    assert_eq!(extent::unsatisfied_length(&response), None);
    let Some(held) = Extent::of(&response, None) else {
        return;
    };
    assert!(held.first < held.end && held.end <= held.whole);
    let shorter = Extent::of(&response, Some(1)).expect("a shorter one is one");
    assert!(shorter.first == held.first && shorter.end == held.first + 1);
    assert_eq!(Extent::of(&response, Some(held.end - held.first + 1)), None);
    for at in [0, held.first, held.end, held.whole - 1] {
        let window = extent::window(at, Some(held.whole));
        let asked = extent::missing(&held, &window);
        assert!(window.start <= asked.start && asked.end <= window.end);
        let mut line = Vec::new();
        extent::push_range(&mut line, &asked, Some(held.whole));
        let value = line
            .get(7..line.len().saturating_sub(2))
            .unwrap_or_default();
        let read = range::parse_all(value, held.whole);
        assert!(read == Ranges::One(asked.clone()) || asked.is_empty() && line.is_empty());
    }
}
