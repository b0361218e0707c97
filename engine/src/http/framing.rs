//! How long a message's content is (RFC 9112, 6), and whether the connection lives on (9.3).
//!
//! This is where request smuggling is refused: anything that two recipients could read
//! differently is a fault, in requests and in responses alike.

use super::field::{trim, Fields, Name};
use super::head::{Request, Response};
use super::method::{Method, Version};

/// How a message's content is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// There is none.
    None,
    /// So many bytes.
    Exact(u64),
    /// By the chunked coding.
    Chunked,
    /// By the end of the connection; responses only.
    UntilClose,
}

/// Why the length of a message is not certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramingFault {
    /// The status to answer a request with.
    pub status: u16,
    /// What is wrong.
    pub what: &'static str,
}

const fn bad(what: &'static str) -> FramingFault {
    FramingFault { status: 400, what }
}

/// Length of a request's content (RFC 9112, 6.3).
///
/// # Errors
/// The fault to answer with; the connection must be closed.
pub fn request(request: &Request<'_>) -> Result<Length, FramingFault> {
    match coding(request.version, request.fields)? {
        Some(length) => Ok(length),
        None => Ok(match content_length(request.fields)? {
            // No content and content of no bytes are framed alike.
            None | Some(0) => Length::None,
            Some(bytes) => Length::Exact(bytes),
        }),
    }
}

/// Length of the content of a response to a request with the method `to` (RFC 9112, 6.3).
///
/// # Errors
/// The response can't be passed on.
pub fn response(to: Method, response: &Response<'_>) -> Result<Length, FramingFault> {
    let coded = coding(response.version, response.fields)?;
    let stated = content_length(response.fields)?;
    let bodiless = to == Method::Head
        || matches!(response.status, 100..=199 | 204 | 304)
        || (to == Method::Connect && (200..=299).contains(&response.status));
    if bodiless {
        return Ok(Length::None);
    }
    Ok(match (coded, stated) {
        (Some(length), _) => length,
        (None, Some(bytes)) => Length::Exact(bytes),
        (None, None) => Length::UntilClose,
    })
}

/// What Transfer-Encoding says, if it is there.
///
/// The only coding taken is `chunked` alone. Empty list members, which a recipient should ignore
/// (RFC 9110, 5.6.1.2), are not: no sender makes them, and a recipient beside us that does not
/// ignore them would see another message.
fn coding(version: Version, fields: Fields<'_>) -> Result<Option<Length>, FramingFault> {
    let mut lines = fields.all(Name::TransferEncoding);
    let Some(line) = lines.next() else {
        return Ok(None);
    };
    // Either may be an attempt to make two recipients disagree (RFC 9112, 6.1 and 6.3, item 3).
    if fields.has(Name::ContentLength) {
        return Err(bad("Transfer-Encoding together with Content-Length"));
    }
    if version == Version::Http10 {
        return Err(bad("Transfer-Encoding in HTTP/1.0"));
    }
    if line.eq_ignore_ascii_case(b"chunked") && lines.next().is_none() {
        return Ok(Some(Length::Chunked));
    }
    let (mut chunked, mut others, mut last_is_chunked) = (0, 0, false);
    for line in fields.all(Name::TransferEncoding) {
        for coding in line.split(|byte| *byte == b',').map(trim) {
            last_is_chunked = coding.eq_ignore_ascii_case(b"chunked");
            match coding {
                [] => return Err(bad("Transfer-Encoding has an empty member")),
                _ if last_is_chunked => chunked += 1,
                _ => others += 1,
            }
        }
    }
    // Without chunked at the end nobody knows where the message ends (RFC 9112, 6.3, item 4).
    if !last_is_chunked || chunked != 1 || others == 0 {
        return Err(bad("Transfer-Encoding does not end in one chunked"));
    }
    // The framing would be certain, but we decode no other coding (RFC 9112, 6.1).
    Err(FramingFault {
        status: 501,
        what: "a transfer coding is not known here",
    })
}

/// The one value that all Content-Length lines and list members agree on (RFC 9110, 8.6).
fn content_length(fields: Fields<'_>) -> Result<Option<u64>, FramingFault> {
    let mut agreed = None;
    for line in fields.all(Name::ContentLength) {
        for member in line.split(|byte| *byte == b',').map(trim) {
            let bytes = decimal(member).ok_or(bad("Content-Length is not a number of bytes"))?;
            if agreed.is_some_and(|agreed| agreed != bytes) {
                return Err(bad("several Content-Length that differ"));
            }
            agreed = Some(bytes);
        }
    }
    Ok(agreed)
}

/// Digits only, and no more than surely fit: 19 of them.
fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    text.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// Does the sender want the connection to live on? (RFC 9112, 9.3)
///
/// A 1.0 client that asks for it is obliged, as by any origin server: that a *proxy* must not
/// oblige it guards against 1.0 proxies that pass Connection on blindly, and those say
/// Proxy-Connection, which counts for nothing here (RFC 9112, C.2.2).
#[must_use]
pub fn keeps_alive(version: Version, fields: Fields<'_>) -> bool {
    if !fields.has(Name::Connection) {
        return version == Version::Http11;
    }
    if fields.has_token(Name::Connection, "close") {
        return false;
    }
    version == Version::Http11 || fields.has_token(Name::Connection, "keep-alive")
}

#[cfg(test)]
mod tests;
