//! Request and response heads, parsed into positions in the caller's bytes (RFC 9112, 2 to 5).
//!
//! httparse does the grammar. What it lets through and a shared cache must not is refused here:
//! bare LF, which two recipients read differently; control characters; empty lines before a
//! response; too much of anything. What it refuses and RFC 9110 lets through is let through: a
//! higher minor version of HTTP/1. A head holds no bytes: it can be parsed into again and again
//! without allocating, and it fits a copy of the bytes as well as the bytes themselves.
//!
//! Knows nothing of what the fields mean; framing, targets and hosts are judged beside it.

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

/// httparse's table lies on the stack and is not cleared: a head costs what it contains.
type Table<'b> = [MaybeUninit<httparse::Header<'b>>; FIELDS_MAX];

const MIXED_LINES: HeadFault =
    HeadFault::Malformed("a line is not ended by CRLF, or a control character is in the head");

impl RequestHead {
    /// Parses the head at the front of `bytes`. On [`Parse::Partial`] call again with more.
    ///
    /// # Errors
    /// The fault to answer with; the connection can't be used any further.
    pub fn parse(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Parse, HeadFault> {
        self.fields.clear();
        let skipped = empty_lines(bytes)?;
        match self.parse_at(skipped, bytes, limits) {
            Err(HeadFault::Version) => {
                let line = bytes.get(skipped..).unwrap_or_default();
                let word = skipped + version_at(line).ok_or(MALFORMED_VERSION)?;
                let as_known = known_version(bytes, word, skipped + limits.head_bytes)?;
                self.parse_at(skipped, &as_known, limits)
            }
            done => done,
        }
    }

    fn parse_at(
        &mut self,
        skipped: usize,
        bytes: &[u8],
        limits: &HeadLimits,
    ) -> Result<Parse, HeadFault> {
        let text = bytes.get(skipped..).unwrap_or_default();
        if text.is_empty() {
            return Ok(Parse::Partial);
        }
        let mut table: Table<'_> = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let room = table
            .get_mut(..limits.fields.min(FIELDS_MAX))
            .unwrap_or_default();
        let mut request = httparse::Request::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_request_with_uninit_headers(
            &mut request,
            text,
            room,
        );
        let httparse::Status::Complete(len) = parsed.map_err(fault)? else {
            if partial_target(text).len() > limits.target_bytes {
                return Err(HeadFault::TargetTooLong);
            }
            return partial(text, limits);
        };
        let (Some(method), Some(target)) = (request.method, request.path) else {
            return Err(HeadFault::Malformed("the request line is incomplete"));
        };
        if target.len() > limits.target_bytes {
            return Err(HeadFault::TargetTooLong);
        }
        complete(text, len, limits)?;
        self.len = skipped + len;
        self.version = version(request.version);
        self.method = span(bytes, method.as_bytes());
        self.target = span(bytes, target.as_bytes());
        fill(&mut self.fields, bytes, request.headers)?;
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
        // Only a server may skip empty lines (RFC 9112, 2.2). Before a response they are a rest of
        // the one before: what follows belongs to who knows whom.
        if matches!(bytes.first(), Some(b'\r' | b'\n')) {
            return Err(HeadFault::Malformed(
                "there is an empty line before the response",
            ));
        }
        match self.parse_known(bytes, limits) {
            Err(HeadFault::Version) => {
                let as_known = known_version(bytes, 0, limits.head_bytes)?;
                self.parse_known(&as_known, limits)
            }
            done => done,
        }
    }

    fn parse_known(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Parse, HeadFault> {
        let mut table: Table<'_> = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let room = table
            .get_mut(..limits.fields.min(FIELDS_MAX))
            .unwrap_or_default();
        let mut response = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            bytes,
            room,
        );
        let httparse::Status::Complete(len) = parsed.map_err(fault)? else {
            return partial(bytes, limits);
        };
        complete(bytes, len, limits)?;
        self.status = response
            .code
            .filter(|code| (100..=599).contains(code))
            .ok_or(HeadFault::Malformed(
                "the status code is not between 100 and 599",
            ))?;
        self.len = len;
        self.version = version(response.version);
        self.reason = span(bytes, response.reason.unwrap_or_default().as_bytes());
        fill(&mut self.fields, bytes, response.headers)?;
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

const MALFORMED_VERSION: HeadFault = HeadFault::Malformed("the version is malformed");

/// Where the third word of a request line begins.
fn version_at(line: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b' ', line)
        .nth(1)
        .map(|space| space + 1)
}

/// httparse knows 1.0 and 1.1 only. A higher minor version is processed as the highest that is
/// known (RFC 9110, 2.5): a copy says so, as long as the original, so that positions hold for
/// both. It ends where the head has to. Another major version is 505; nonsense is malformed.
fn known_version(bytes: &[u8], word: usize, end: usize) -> Result<Vec<u8>, HeadFault> {
    let name = bytes
        .get(word..)
        .and_then(|word| word.strip_prefix(b"HTTP/"));
    match name.ok_or(MALFORMED_VERSION)? {
        [b'1', b'.', b'2'..=b'9', ..] => {
            let mut copy = bytes.get(..end).unwrap_or(bytes).to_vec();
            if let Some(minor) = copy.get_mut(word + 7) {
                *minor = b'1';
            }
            Ok(copy)
        }
        [b'0'..=b'9'] | [b'0'..=b'9', b'\r', ..] => Err(HeadFault::Version),
        [b'0'..=b'9', b'.'] | [b'0'..=b'9', b'.', b'0'..=b'9'] => Err(HeadFault::Version),
        [b'0'..=b'9', b'.', b'0'..=b'9', b'\r', ..] => Err(HeadFault::Version),
        // The status of a response follows.
        [b'0'..=b'9', b'.', b'0'..=b'9', b' ', ..] if word == 0 => Err(HeadFault::Version),
        _ => Err(MALFORMED_VERSION),
    }
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(0) {
        Version::Http10
    } else {
        Version::Http11
    }
}

/// Empty lines before a request line are skipped, a few (RFC 9112, 2.2).
fn empty_lines(bytes: &[u8]) -> Result<usize, HeadFault> {
    let mut at = 0;
    while bytes.get(at..at + 2) == Some(b"\r\n") {
        at += 2;
        if at > 2 * EMPTY_LINES_MAX {
            return Err(HeadFault::Malformed(
                "there are too many empty lines before the request",
            ));
        }
    }
    match bytes.get(at..) {
        Some([b'\n', ..]) => Err(MIXED_LINES),
        // The LF is still to come.
        Some([b'\r']) => Ok(bytes.len()),
        _ => Ok(at),
    }
}

/// The target of a request line that may not be complete yet.
fn partial_target(text: &[u8]) -> &[u8] {
    let line = memchr::memchr(b'\r', text)
        .and_then(|end| text.get(..end))
        .unwrap_or(text);
    let after = memchr::memchr(b' ', line).and_then(|space| line.get(space + 1..));
    let after = after.unwrap_or_default();
    memchr::memchr(b' ', after)
        .and_then(|space| after.get(..space))
        .unwrap_or(after)
}

/// A head that is not complete: is it above a bound already, or malformed in a way that more
/// bytes can't mend?
fn partial(text: &[u8], limits: &HeadLimits) -> Result<Parse, HeadFault> {
    if text.len() >= limits.head_bytes {
        return Err(HeadFault::TooLarge);
    }
    if !is_clean(text) {
        return Err(MIXED_LINES);
    }
    Ok(Parse::Partial)
}

/// A head of `len` bytes that httparse let through.
fn complete(text: &[u8], len: usize, limits: &HeadLimits) -> Result<(), HeadFault> {
    if len > limits.head_bytes {
        return Err(HeadFault::TooLarge);
    }
    if !is_clean(text.get(..len).unwrap_or_default()) {
        return Err(MIXED_LINES);
    }
    Ok(())
}

/// CR and LF come as pairs only, and of the other control characters none but HTAB.
///
/// A recipient may take a bare LF for the end of a line (RFC 9112, 2.2), but two recipients that
/// differ on it are how requests are smuggled; bare CR and NUL in values are for the recipient
/// to refuse (RFC 9110, 5.5). One pass without a branch, which the compiler turns into vectors;
/// it trusts nothing that was checked before.
fn is_clean(text: &[u8]) -> bool {
    let (Some(first), Some(rest)) = (text.first(), text.get(1..)) else {
        return true;
    };
    let pairs = text.iter().zip(rest).fold(false, |bad, (before, byte)| {
        bad | ((*before == b'\r') != (*byte == b'\n')) | is_control(*byte)
    });
    !pairs && *first != b'\n' && !is_control(*first)
}

fn is_control(byte: u8) -> bool {
    (byte < 0x20) & (byte != b'\t') & (byte != b'\r') & (byte != b'\n') | (byte == 0x7f)
}

/// The positions of the fields. httparse trims values at both ends.
fn fill(
    spans: &mut Vec<FieldSpan>,
    bytes: &[u8],
    fields: &[httparse::Header<'_>],
) -> Result<(), HeadFault> {
    spans.reserve(fields.len());
    for field in fields {
        let name = field.name.as_bytes();
        let (name_at, name_len) = span(bytes, name);
        let (value_at, value_len) = span(bytes, field.value);
        spans.push(FieldSpan {
            name: Name::from_bytes(name),
            name_at,
            name_len: u16::try_from(name_len).map_err(|_| HeadFault::TooLarge)?,
            value_at,
            value_len,
        });
    }
    Ok(())
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
pub(crate) mod tests;
