//! Request and response heads, parsed into positions in the caller's bytes (RFC 9112, 2 to 5).
//!
//! httparse does the grammar; what it lets through and a shared cache must not is refused here:
//! bare LF and bare CR, control characters, versions that are not HTTP/1, and too much of
//! anything. A head holds no bytes: it can be parsed into again and again without allocating.

use super::field::{FieldSpan, Fields, Name};
use super::method::{Method, Version};
use crate::limits::{EMPTY_LINES_MAX, FIELDS_MAX};
use alloc::vec::Vec;
use core::mem::MaybeUninit;

/// Bounds of a head, from the Plan.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes of the whole head, with its empty line.
    pub head_bytes: usize,
    /// Field lines; at most [`FIELDS_MAX`].
    pub fields: usize,
    /// Bytes of the request target.
    pub target_bytes: usize,
}

/// How far a parse came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parse {
    /// The head is complete.
    Complete,
    /// More bytes are needed.
    Partial,
}

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadFault {
    /// It breaks the grammar.
    Malformed(&'static str),
    /// The request target is too long.
    TargetTooLong,
    /// The head is too large.
    TooLarge,
    /// It has too many field lines.
    TooManyFields,
    /// Its version is not HTTP/1.
    Version,
}

impl HeadFault {
    /// The status to answer a request with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            HeadFault::Malformed(_) => 400,
            HeadFault::TargetTooLong => 414,
            HeadFault::TooLarge | HeadFault::TooManyFields => 431,
            HeadFault::Version => 505,
        }
    }

    /// What is wrong.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            HeadFault::Malformed(what) => what,
            HeadFault::TargetTooLong => "the request target is too long",
            HeadFault::TooLarge => "the head is too large",
            HeadFault::TooManyFields => "the head has too many fields",
            HeadFault::Version => "this version of HTTP is not spoken here",
        }
    }
}

/// A parsed request head; [`RequestHead::view`] reads it.
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    len: usize,
    version: Version,
    method: (u32, u32),
    target: (u32, u32),
    fields: Vec<FieldSpan>,
}

/// A request head with its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Request<'b> {
    /// The method.
    pub method: Method,
    /// The method's text.
    pub method_text: &'b [u8],
    /// The request target as it was sent.
    pub target: &'b [u8],
    /// The version.
    pub version: Version,
    /// The field lines.
    pub fields: Fields<'b>,
}

/// A parsed response head; [`ResponseHead::view`] reads it.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    len: usize,
    version: Version,
    status: u16,
    reason: (u32, u32),
    fields: Vec<FieldSpan>,
}

/// A response head with its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Response<'b> {
    /// The version.
    pub version: Version,
    /// The status code.
    pub status: u16,
    /// The reason phrase.
    pub reason: &'b [u8],
    /// The field lines.
    pub fields: Fields<'b>,
}

type Table<'h, 'b> = &'h mut [MaybeUninit<httparse::Header<'b>>];

impl RequestHead {
    /// Parses the head at the front of `bytes`. On [`Parse::Partial`] call again with more.
    ///
    /// # Errors
    /// The fault to answer with; the connection can't be used any further.
    pub fn parse(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Parse, HeadFault> {
        self.fields.clear();
        let skipped = empty_lines(bytes)?;
        let text = bytes.get(skipped..).unwrap_or_default();
        if text.is_empty() {
            return Ok(Parse::Partial);
        }
        let mut table = [const { MaybeUninit::uninit() }; FIELDS_MAX + 1];
        let room: Table<'_, '_> = room(&mut table, limits);
        let mut request = httparse::Request::new(&mut []);
        let parsed = httparse::ParserConfig::default()
            .parse_request_with_uninit_headers(&mut request, text, room);
        let status = parsed.map_err(|error| request_fault(error, text))?;
        let httparse::Status::Complete(len) = status else {
            return partial(text, limits, true);
        };
        let (Some(method), Some(target)) = (request.method, request.path) else {
            return Err(HeadFault::Malformed("the request line is incomplete"));
        };
        if target.len() > limits.target_bytes {
            return Err(HeadFault::TargetTooLong);
        }
        if len > limits.head_bytes {
            return Err(HeadFault::TooLarge);
        }
        let head = text.get(..len).unwrap_or_default();
        line_ends(head)?;
        start_line(head)?;
        self.len = skipped + len;
        self.version = version(request.version);
        self.method = span(bytes, method.as_bytes());
        self.target = span(bytes, target.as_bytes());
        fill(&mut self.fields, bytes, request.headers, limits)?;
        Ok(Parse::Complete)
    }

    /// Bytes of the head, with its empty line and what was skipped before it.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The head, over the bytes it was parsed from (or a copy of them).
    #[must_use]
    pub fn view<'b>(&'b self, bytes: &'b [u8]) -> Request<'b> {
        let method_text = cut(bytes, self.method);
        Request {
            method: Method::from_bytes(method_text),
            method_text,
            target: cut(bytes, self.target),
            version: self.version,
            fields: Fields::new(bytes, &self.fields),
        }
    }
}

impl ResponseHead {
    /// Parses the head at the front of `bytes`. On [`Parse::Partial`] call again with more.
    ///
    /// # Errors
    /// The response can't be passed on.
    pub fn parse(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Parse, HeadFault> {
        self.fields.clear();
        let mut table = [const { MaybeUninit::uninit() }; FIELDS_MAX + 1];
        let room: Table<'_, '_> = room(&mut table, limits);
        let mut response = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default()
            .parse_response_with_uninit_headers(&mut response, bytes, room);
        let status = parsed.map_err(fault)?;
        let httparse::Status::Complete(len) = status else {
            return partial(bytes, limits, false);
        };
        if len > limits.head_bytes {
            return Err(HeadFault::TooLarge);
        }
        let head = bytes.get(..len).unwrap_or_default();
        line_ends(head)?;
        self.status = response.code.filter(|code| (100..=599).contains(code)).ok_or(
            HeadFault::Malformed("the status code is not between 100 and 599"),
        )?;
        self.len = len;
        self.version = version(response.version);
        self.reason = span(bytes, response.reason.unwrap_or_default().as_bytes());
        fill(&mut self.fields, bytes, response.headers, limits)?;
        Ok(Parse::Complete)
    }

    /// Bytes of the head, with its empty line.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The head, over the bytes it was parsed from (or a copy of them).
    #[must_use]
    pub fn view<'b>(&'b self, bytes: &'b [u8]) -> Response<'b> {
        Response {
            version: self.version,
            status: self.status,
            reason: cut(bytes, self.reason),
            fields: Fields::new(bytes, &self.fields),
        }
    }
}

/// Room for one line more than allowed, to tell "exactly at the limit" from "above".
fn room<'h, 'b>(table: Table<'h, 'b>, limits: &HeadLimits) -> Table<'h, 'b> {
    let most = (limits.fields + 1).min(table.len());
    table.split_at_mut(most).0
}

fn fault(error: httparse::Error) -> HeadFault {
    HeadFault::Malformed(match error {
        httparse::Error::TooManyHeaders => return HeadFault::TooManyFields,
        httparse::Error::Version => return HeadFault::Version,
        httparse::Error::HeaderName => "a field name is malformed",
        httparse::Error::HeaderValue => "a field value is malformed",
        httparse::Error::NewLine => "a line is not ended by CRLF",
        httparse::Error::Status => "the status line is malformed",
        httparse::Error::Token => "the start line is malformed",
    })
}

/// A version that is well formed but not ours is 505; nonsense in its place is 400.
fn request_fault(error: httparse::Error, text: &[u8]) -> HeadFault {
    if error != httparse::Error::Version {
        return fault(error);
    }
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let word = words.nth(2).unwrap_or_default();
    match word.strip_prefix(b"HTTP/").filter(|_| words.next().is_none()) {
        Some([b'0'..=b'9', b'.', b'0'..=b'9', b'\r']) => HeadFault::Version,
        Some([b'0'..=b'9', b'\r']) => HeadFault::Version,
        _ => HeadFault::Malformed("the version is malformed"),
    }
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(0) { Version::Http10 } else { Version::Http11 }
}

/// Empty lines before a request line are skipped, a few (RFC 9112, 2.2).
fn empty_lines(bytes: &[u8]) -> Result<usize, HeadFault> {
    let mut at = 0;
    while bytes.get(at..at + 2) == Some(b"\r\n") {
        at += 2;
        if at > 2 * EMPTY_LINES_MAX {
            return Err(HeadFault::Malformed("there are too many empty lines before the request"));
        }
    }
    match bytes.get(at) {
        Some(b'\n') => Err(HeadFault::Malformed("a line is not ended by CRLF")),
        Some(b'\r') if bytes.len() == at + 1 => Ok(at + 1).map(|_| bytes.len()),
        _ => Ok(at),
    }
}

/// A head that is not complete: is it already above a bound, or malformed in a way that more
/// bytes can't mend?
fn partial(text: &[u8], limits: &HeadLimits, request: bool) -> Result<Parse, HeadFault> {
    if request {
        let line = text.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let target = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        if target.len() > limits.target_bytes {
            return Err(HeadFault::TargetTooLong);
        }
    }
    if text.len() >= limits.head_bytes {
        return Err(HeadFault::TooLarge);
    }
    // A CR at the very end may still get its LF.
    line_ends(text.strip_suffix(b"\r").unwrap_or(text))?;
    Ok(Parse::Partial)
}

/// Every LF follows a CR and every CR is followed by LF. A recipient may accept a bare LF
/// (RFC 9112, 2.2), but two recipients that differ on it are how requests are smuggled.
fn line_ends(head: &[u8]) -> Result<(), HeadFault> {
    let bare = HeadFault::Malformed("a line is not ended by CRLF");
    let mut ends = 0;
    for at in memchr::memchr_iter(b'\n', head) {
        if at == 0 || head.get(at - 1) != Some(&b'\r') {
            return Err(bare);
        }
        ends += 1;
    }
    if memchr::memchr_iter(b'\r', head).count() != ends {
        return Err(bare);
    }
    Ok(())
}

/// One space between the words of the request line and nothing else (RFC 9112, 3).
fn start_line(head: &[u8]) -> Result<(), HeadFault> {
    let line = memchr::memchr(b'\r', head).and_then(|end| head.get(..end)).unwrap_or_default();
    let spaces = memchr::memchr_iter(b' ', line).count();
    if spaces != 2 || memchr::memchr(b'\t', line).is_some() {
        return Err(HeadFault::Malformed("the request line is not three words"));
    }
    Ok(())
}

fn fill(
    spans: &mut Vec<FieldSpan>,
    bytes: &[u8],
    fields: &[httparse::Header<'_>],
    limits: &HeadLimits,
) -> Result<(), HeadFault> {
    if fields.len() > limits.fields {
        return Err(HeadFault::TooManyFields);
    }
    for field in fields {
        let (name_at, name_len) = span(bytes, field.name.as_bytes());
        // httparse trims the end of a value; a tab or space may be left at its start.
        let (value_at, value_len) = span(bytes, super::field::trim(field.value));
        if name_len == 0 || field.value.iter().any(|byte| is_control(*byte)) {
            return Err(HeadFault::Malformed("a field has a control character or no name"));
        }
        spans.push(FieldSpan {
            name: Name::from_bytes(field.name.as_bytes()),
            name_at,
            name_len: u16::try_from(name_len).map_err(|_| HeadFault::TooLarge)?,
            value_at,
            value_len,
        });
    }
    Ok(())
}

fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

/// Where `part`, a slice of `whole`, lies in it.
fn span(whole: &[u8], part: &[u8]) -> (u32, u32) {
    let at = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    if at <= whole.len() && part.len() <= whole.len() - at {
        (at as u32, part.len() as u32)
    } else {
        (0, 0)
    }
}

fn cut(bytes: &[u8], (at, len): (u32, u32)) -> &[u8] {
    let at = at as usize;
    bytes.get(at..at + len as usize).unwrap_or_default()
}

#[cfg(test)]
mod tests;
