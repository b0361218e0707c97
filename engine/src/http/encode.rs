//! How heads are written: requests to origins, responses to clients, pages of our own.

use super::date;
use super::field::{Field, Fields, Name};
use super::framing::Length;
use super::head::{Request, Response};
use super::hop::is_hop_by_hop;
use super::method::Version;
use crate::time::Wall;
use alloc::vec::Vec;
use core::net::IpAddr;
use ringside_config::Forwarded;

/// Appends a number in decimal.
pub fn push_decimal(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut left = value;
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            out.extend_from_slice(&digits[at..]);
            return;
        }
    }
}

/// What a request to an origin says beside what the client sent.
#[derive(Clone, Copy, Debug)]
pub struct Forward<'a> {
    /// Our pseudonym for Via; `None` adds none.
    pub via_name: Option<&'a str>,
    /// Which fields tell about the client.
    pub forwarded: Forwarded,
    /// The client.
    pub client_ip: IpAddr,
    /// The scheme the client used.
    pub scheme: &'a str,
    /// The Host value to send.
    pub host: &'a [u8],
    /// The connection ends after this request.
    pub close: bool,
    /// How the content is delimited as we send it.
    pub length: Length,
    /// Whole field lines to add, each ended by CRLF.
    pub extra: &'a [u8],
    /// Leave the client's conditions out.
    pub drop_conditionals: bool,
    /// Leave the client's ranges out.
    pub drop_range: bool,
    /// Pass the wish for another protocol on.
    pub upgrade: bool,
}

/// Appends a request head for an origin, with its empty line (RFC 9110, 7.6).
pub fn request_head(out: &mut Vec<u8>, request: &Request<'_>, path_and_query: &[u8], forward: &Forward<'_>) {
    out.extend_from_slice(request.method_text);
    out.push(b' ');
    out.extend_from_slice(if path_and_query.is_empty() { b"/" } else { path_and_query });
    out.extend_from_slice(b" HTTP/1.1\r\n");
    push_field(out, b"Host", forward.host);
    for field in request.fields.iter() {
        if passes_to_origin(&field, request.fields, forward) {
            push_field(out, field.name, field.value);
        }
    }
    push_via(out, request.fields, request.version, forward.via_name);
    push_client(out, request, forward);
    out.extend_from_slice(forward.extra);
    match forward.length {
        Length::Exact(bytes) => push_length(out, bytes),
        Length::Chunked => {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            pass_all(out, request.fields, Name::Trailer);
        }
        // Methods that usually have content say that they have none (RFC 9110, 8.6).
        Length::None if expects_content(request.method_text) => push_length(out, 0),
        Length::None | Length::UntilClose => {}
    }
    if forward.upgrade {
        pass_all(out, request.fields, Name::Upgrade);
        out.extend_from_slice(b"Connection: upgrade\r\n");
    } else if forward.close {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

fn expects_content(method: &[u8]) -> bool {
    matches!(method, b"POST" | b"PUT" | b"PATCH")
}

fn passes_to_origin(field: &Field<'_>, fields: Fields<'_>, forward: &Forward<'_>) -> bool {
    let x = matches!(forward.forwarded, Forwarded::XForwarded | Forwarded::Both);
    let rfc = matches!(forward.forwarded, Forwarded::Rfc7239 | Forwarded::Both);
    match field.id {
        Name::Host | Name::ContentLength => false,
        Name::Via => forward.via_name.is_none(),
        Name::XForwardedFor | Name::XForwardedProto => !x,
        Name::Forwarded => !rfc,
        Name::IfMatch | Name::IfNoneMatch | Name::IfModifiedSince | Name::IfUnmodifiedSince => {
            !forward.drop_conditionals
        }
        Name::IfRange | Name::Range => !forward.drop_range,
        _ => !is_hop_by_hop(field, fields),
    }
}

/// Appends the Via lines that came as one list with our own member (RFC 9110, 7.6.3).
fn push_via(out: &mut Vec<u8>, fields: Fields<'_>, version: Version, name: Option<&str>) {
    let Some(name) = name else { return };
    out.extend_from_slice(b"Via: ");
    push_list(out, fields, Name::Via);
    out.extend_from_slice(if version == Version::Http10 { b"1.0 " } else { b"1.1 " });
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The lines of a list field as one, each followed by a separator.
fn push_list(out: &mut Vec<u8>, fields: Fields<'_>, name: Name) {
    for value in fields.all(name).filter(|value| !value.is_empty()) {
        out.extend_from_slice(value);
        out.extend_from_slice(b", ");
    }
}

fn push_client(out: &mut Vec<u8>, request: &Request<'_>, forward: &Forward<'_>) {
    use core::fmt::Write;
    struct Text<'a>(&'a mut Vec<u8>);
    impl Write for Text<'_> {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            self.0.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
    // Writing into a vector does not fail.
    let ip = forward.client_ip;
    if matches!(forward.forwarded, Forwarded::XForwarded | Forwarded::Both) {
        out.extend_from_slice(b"X-Forwarded-For: ");
        push_list(out, request.fields, Name::XForwardedFor);
        let _ = write!(Text(out), "{ip}\r\nX-Forwarded-Proto: {}\r\n", forward.scheme);
    }
    if matches!(forward.forwarded, Forwarded::Rfc7239 | Forwarded::Both) {
        out.extend_from_slice(b"Forwarded: ");
        push_list(out, request.fields, Name::Forwarded);
        let _ = match ip {
            IpAddr::V4(ip) => write!(Text(out), "for={ip}"),
            IpAddr::V6(ip) => write!(Text(out), "for=\"[{ip}]\""),
        };
        // A host with a port or brackets is no token and needs quotes (RFC 7239, 4).
        let _ = write!(Text(out), ";proto={};host=\"", forward.scheme);
        out.extend(forward.host.iter().filter(|byte| !matches!(byte, b'"' | b'\\')));
        out.extend_from_slice(b"\"\r\n");
    }
}

fn pass_all(out: &mut Vec<u8>, fields: Fields<'_>, name: Name) {
    for value in fields.all(name) {
        push_field(out, name.as_str().as_bytes(), value);
    }
}

fn push_length(out: &mut Vec<u8>, bytes: u64) {
    out.extend_from_slice(b"Content-Length: ");
    push_decimal(out, bytes);
    out.extend_from_slice(b"\r\n");
}

/// Appends one field line.
pub fn push_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// What a response to a client says beside what the origin sent.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Our pseudonym for Via; `None` adds none.
    pub via_name: Option<&'a str>,
    /// Leave Age out: whoever sends it computes it anew.
    pub drop_age: bool,
    /// Adds Date when the response has none (RFC 9110, 6.6.1).
    pub now: Option<Wall>,
}

/// Appends a response head without framing fields and without its empty line: the sender adds
/// Content-Length or Transfer-Encoding, Connection, Age, and the empty line.
pub fn response_head(out: &mut Vec<u8>, response: &Response<'_>, answer: &Answer<'_>) {
    push_status_line(out, response.status, response.reason);
    for field in response.fields.iter() {
        let keep = match field.id {
            Name::ContentLength => false,
            Name::Age => !answer.drop_age,
            Name::Via => answer.via_name.is_none(),
            _ => !is_hop_by_hop(&field, response.fields),
        };
        if keep {
            push_field(out, field.name, field.value);
        }
    }
    if let (Some(now), false) = (answer.now, response.fields.has(Name::Date)) {
        push_field(out, b"Date", date::format(now, &mut [0; 29]));
    }
    push_via(out, response.fields, response.version, answer.via_name);
}

/// Appends a status line; the usual phrase where there is none.
pub fn push_status_line(out: &mut Vec<u8>, status: u16, phrase: &[u8]) {
    out.extend_from_slice(b"HTTP/1.1 ");
    push_decimal(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(if phrase.is_empty() { reason(status).as_bytes() } else { phrase });
    out.extend_from_slice(b"\r\n");
}

/// A small page of our own: its head without Date, Connection and the empty line, and its content.
pub fn error_page(status: u16, what: &str, name: &str, head: &mut Vec<u8>, page: &mut Vec<u8>) {
    let (mut code, title) = (Vec::new(), reason(status));
    push_decimal(&mut code, u64::from(status));
    let parts: [&[u8]; 11] = [
        b"<!doctype html>\n<title>",
        &code,
        b" ",
        title.as_bytes(),
        b"</title>\n<h1>",
        title.as_bytes(),
        b"</h1>\n<p>",
        what.as_bytes(),
        b".\n<p><small>",
        name.as_bytes(),
        b"</small>\n",
    ];
    parts.iter().for_each(|part| page.extend_from_slice(part));
    push_status_line(head, status, b"");
    head.extend_from_slice(b"Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n");
    push_length(head, page.len() as u64);
}

/// The usual reason phrase of a status code.
#[must_use]
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        416 => "Range Not Satisfiable",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests;
