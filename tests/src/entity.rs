//! A representation that the origin gives whole or in parts (RFC 9110, 14 and 15.3.7), and how a
//! script reads the parts that come to the client.

use crate::answer::Answer;
use crate::origin::Origin;
use crate::received::Received;
use crate::reply::Reply;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// Content with the fields that go with it. As an origin it honours conditions, one byte range and
/// If-Range; several ranges it answers with the whole, as it may.
#[derive(Clone)]
pub struct Entity {
    content: Arc<Vec<u8>>,
    fields: Vec<(String, String)>,
}

impl Entity {
    /// This content and no fields.
    pub fn new(content: impl Into<Vec<u8>>) -> Self {
        Entity {
            content: Arc::new(content.into()),
            fields: Vec::new(),
        }
    }

    /// One more field line of every answer.
    pub fn field(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.fields.push((name.into(), value.as_ref().into()));
        self
    }

    /// Stays fresh for a minute.
    pub fn fresh(self) -> Self {
        self.field("Cache-Control", "max-age=60")
    }

    /// The content.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// Bytes of the content.
    pub fn bytes(&self) -> usize {
        self.content.len()
    }

    /// What an origin that honours ranges says to this request.
    pub fn answer(&self, received: &Received) -> Answer {
        if self.is_known_to(received) {
            return self.dressed(Answer::status(304));
        }
        let wanted = received.field("Range");
        let wanted = wanted.filter(|_| received.method == "GET" && self.allows_part(received));
        match wanted.and_then(|range| one_range(&range, self.bytes())) {
            None => self.whole(),
            Some(Some(span)) => self.part(span),
            Some(None) => Answer::status(416)
                .no_store()
                .field("Content-Range", format!("bytes */{}", self.bytes())),
        }
    }

    /// 200 with all of it.
    pub fn whole(&self) -> Answer {
        self.dressed(Answer::shared(Arc::clone(&self.content)))
    }

    /// 206 with these bytes.
    pub fn part(&self, span: Range<usize>) -> Answer {
        let range = content_range(&span, self.bytes());
        let mut answer = Answer::ok(&self.content[span]);
        answer.status = 206;
        self.dressed(answer).field("Content-Range", range)
    }

    fn dressed(&self, answer: Answer) -> Answer {
        let fields = self.fields.iter();
        fields.fold(answer, |answer, (name, value)| answer.field(name, value))
    }

    fn own(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let own = fields.find(|(own, _)| own.eq_ignore_ascii_case(name));
        own.map(|(_, value)| value.as_str())
    }

    /// If-None-Match names its tag, or without one If-Modified-Since is its date (RFC 9110, 13.1).
    fn is_known_to(&self, received: &Received) -> bool {
        match (received.field("If-None-Match"), self.own("ETag")) {
            (Some(tags), own) => own.is_some_and(|own| tags.contains(own.trim_start_matches("W/"))),
            (None, _) => {
                let since = received.field("If-Modified-Since");
                since.is_some() && since.as_deref() == self.own("Last-Modified")
            }
        }
    }

    /// If-Range is absent, or is a strong validator of this representation (RFC 9110, 13.1.5).
    fn allows_part(&self, received: &Received) -> bool {
        let Some(wanted) = received.field("If-Range") else {
            return true;
        };
        let own = ["ETag", "Last-Modified"].map(|name| self.own(name));
        !wanted.starts_with("W/") && own.contains(&Some(wanted.as_str()))
    }
}

/// The one range that a Range field asks for of `len` bytes: `None` where the field may be ignored,
/// nothing where there are no such bytes.
fn one_range(value: &str, len: usize) -> Option<Option<Range<usize>>> {
    let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    let (start, end) = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => (first, len.min(last.saturating_add(1))),
        (Ok(first), Err(_)) if last.is_empty() => (first, len),
        (Err(_), Ok(suffix)) if first.is_empty() => (len.saturating_sub(suffix), len),
        _ => return None,
    };
    Some((start < end).then_some(start..end))
}

fn content_range(span: &Range<usize>, whole: usize) -> String {
    format!("bytes {}-{}/{whole}", span.start, span.end - 1)
}

impl Origin {
    /// From now on `path` is this entity.
    pub fn publish(&self, path: &str, entity: &Entity) {
        let own = entity.clone();
        self.on_each(path, move |received, _| own.answer(received));
    }

    /// From now on `path` is the first of these versions; the number given back says which, from
    /// then on.
    pub fn publish_versions(&self, path: &str, versions: &[Entity]) -> Arc<AtomicUsize> {
        let now = Arc::new(AtomicUsize::new(0));
        let (current, own) = (Arc::clone(&now), versions.to_vec());
        self.on_each(path, move |received, _| {
            own[current.load(Ordering::SeqCst)].answer(received)
        });
        now
    }
}

impl Received {
    /// The bytes of a representation of `len` that this request asks for: all without Range.
    #[track_caller]
    pub fn asks_for(&self, len: usize) -> Range<usize> {
        let Some(value) = self.field("Range") else {
            return 0..len;
        };
        match one_range(&value, len) {
            Some(span) => span.unwrap_or(len..len),
            None => panic!("not one range: {value}"),
        }
    }
}

/// One part of a multipart/byteranges response.
#[derive(Clone, Debug)]
pub struct BodyPart {
    /// Its field lines.
    pub fields: Vec<(String, String)>,
    /// Its content.
    pub body: Vec<u8>,
}

impl Reply {
    /// Fails unless this is a 206 with these bytes of `content`, whole and rightly described
    /// (RFC 9110, 15.3.7.1).
    #[track_caller]
    pub fn expect_part(&self, content: &[u8], span: Range<usize>) -> &Self {
        self.expect(206)
            .expect_field("Content-Range", &content_range(&span, content.len()))
            .expect_field("Content-Length", &span.len().to_string())
            .expect_body(&content[span])
    }

    /// Fails unless this is a 416 about content of `len` bytes (RFC 9110, 15.5.17).
    #[track_caller]
    pub fn expect_unsatisfiable(&self, len: usize) -> &Self {
        self.expect(416)
            .expect_field("Content-Range", &format!("bytes */{len}"))
    }

    /// Fails unless this is a 206 with just these parts of `content`, in this order (RFC 9110,
    /// 15.3.7.2).
    #[track_caller]
    pub fn expect_parts(&self, content: &[u8], spans: &[Range<usize>]) -> &Self {
        self.expect(206).expect_no_field("Content-Range");
        let parts = self.parts();
        assert_eq!(parts.len(), spans.len(), "parts");
        for (part, span) in parts.iter().zip(spans) {
            let mut fields = part.fields.iter();
            let range = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-range"));
            let (_, range) = range.expect("a part has a Content-Range");
            assert_eq!(*range, content_range(span, content.len()));
            assert!(part.body == content[span.clone()], "the bytes of {range}");
        }
        self
    }

    /// The parts of a multipart/byteranges content, read without mercy (RFC 9110, 14.6; RFC 2046,
    /// 5.1.1).
    #[track_caller]
    pub fn parts(&self) -> Vec<BodyPart> {
        let kind = self.field("Content-Type").unwrap_or_default();
        let boundary = kind
            .strip_prefix("multipart/byteranges; boundary=")
            .unwrap_or_else(|| panic!("not several parts: {kind:?}"));
        let boundary = boundary.trim_matches('"');
        assert!((1..=70).contains(&boundary.len()), "{boundary:?}");
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        let content = [b"\r\n", &self.body[..]].concat();
        let mut rest = match find(&content, &delimiter) {
            Some(0 | 2) => &content[..],
            at => panic!("the first boundary is at {at:?}"),
        };
        let mut parts = Vec::new();
        loop {
            let at = find(rest, &delimiter).expect("one more boundary");
            if rest.len() < content.len() {
                parts.push(body_part(&rest[..at]));
            }
            rest = &rest[at + delimiter.len()..];
            if let Some(end) = rest.strip_prefix(b"--") {
                assert!(matches!(end, b"" | b"\r\n"), "{end:?} after the last part");
                return parts;
            }
        }
    }
}

/// A part: the end of the boundary's line, fields, an empty line, content.
#[track_caller]
fn body_part(bytes: &[u8]) -> BodyPart {
    let bytes = bytes.strip_prefix(b"\r\n").expect("a boundary has a line");
    let end = find(bytes, b"\r\n\r\n").expect("the end of a part's head");
    let head = std::str::from_utf8(&bytes[..end]).expect("a head is text");
    let field = |line: &str| {
        let (name, value) = line.split_once(": ").expect("a field line");
        (name.to_string(), value.to_string())
    };
    BodyPart {
        fields: head.split("\r\n").map(field).collect(),
        body: bytes[end + 4..].to_vec(),
    }
}

/// Where `text` first is in `bytes`. By its first byte, because contents are large.
fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + bytes[from..].iter().position(|byte| *byte == text[0])?;
        if bytes[at..].starts_with(text) {
            return Some(at);
        }
        from = at + 1;
    }
}
