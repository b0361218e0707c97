//! How heads are written: requests to origins, responses to clients, pages of our own (RFC 9110,
//! 7.6; RFC 9112, 3 to 6).
//!
//! What is written is always HTTP/1.1 in its plainest form, whatever came: one space, one CRLF,
//! one framing field made here from a decided [`Length`], never copied. Knows no cache: fields that
//! change with time (Age) and the framing of responses are added by who sends them.

use super::date;
use super::field::{is_balanced, Field, Fields, Name};
use super::framing::Length;
use super::head::{Request, Response};
use super::hop::Hops;
use super::method::{Method, Version};
use super::target::authority;
use crate::time::Wall;
use alloc::vec::Vec;
use core::fmt::Write;
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
    /// The Host value to send; it is written in normal form.
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
///
/// `path_and_query` is [`super::Target::path_and_query`]: where it has no path, the one that an
/// origin form must have is written (RFC 9112, 3.2.1 and 3.2.4).
pub fn request_head(
    out: &mut Vec<u8>,
    request: &Request<'_>,
    path_and_query: &[u8],
    forward: &Forward<'_>,
) {
    out.extend_from_slice(request.method_text);
    out.push(b' ');
    match path_and_query {
        [] if request.method == Method::Options => out.push(b'*'),
        [b'/' | b'*', ..] => {}
        _ => out.push(b'/'),
    }
    out.extend_from_slice(path_and_query);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    out.extend_from_slice(b"Host: ");
    push_host(out, forward);
    out.extend_from_slice(b"\r\n");
    let passing = Passing::of(request, forward);
    for field in request.fields.iter().filter(|field| passing.passes(field)) {
        push_field(out, field.name, field.value);
    }
    push_max_forwards(out, request);
    push_via(out, request.fields, request.version, forward.via_name);
    if passing.x_forwarded {
        push_x_forwarded(out, request.fields, forward);
    }
    if passing.rfc7239 {
        push_forwarded(out, request.fields, forward);
    }
    out.extend_from_slice(forward.extra);
    match forward.length {
        Length::Exact(bytes) => push_length(out, bytes),
        Length::Chunked => {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            pass_all(out, request.fields, Name::Trailer);
        }
        // Methods that usually have content say that they have none (RFC 9110, 8.6).
        Length::None
            if matches!(
                request.method,
                Method::Post | Method::Put | Method::Patch | Method::Query
            ) =>
        {
            push_length(out, 0);
        }
        Length::None | Length::UntilClose => {}
    }
    if forward.upgrade && request.fields.has(Name::Upgrade) {
        pass_all(out, request.fields, Name::Upgrade);
        out.extend_from_slice(b"Connection: upgrade\r\n");
    } else if forward.close {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// The host in normal form: lower case, no last dot, no empty or usual port (RFC 9110, 4.2.3).
///
/// A key does not tell these spellings apart, so the origin must not see them either: it could
/// answer one of them with an error or a redirect that is then stored for all.
fn push_host(out: &mut Vec<u8>, forward: &Forward<'_>) {
    let Ok(host) = authority(forward.host) else {
        out.extend_from_slice(forward.host);
        return;
    };
    out.extend(host.name.iter().map(u8::to_ascii_lowercase));
    let usual = if forward.scheme == "https" { 443 } else { 80 };
    if let Some(port) = host.port.filter(|port| *port != usual) {
        out.push(b':');
        push_decimal(out, u64::from(port));
    }
}

/// Which fields of a request go to the origin as they are.
struct Passing<'a> {
    hops: Hops<'a>,
    via: bool,
    x_forwarded: bool,
    rfc7239: bool,
    conditionals: bool,
    range: bool,
    expect: bool,
    max_forwards: bool,
}

impl<'a> Passing<'a> {
    fn of(request: &Request<'a>, forward: &Forward<'_>) -> Passing<'a> {
        Passing {
            hops: Hops::of(request.fields),
            via: forward.via_name.is_none(),
            x_forwarded: matches!(forward.forwarded, Forwarded::XForwarded | Forwarded::Both),
            rfc7239: matches!(forward.forwarded, Forwarded::Rfc7239 | Forwarded::Both),
            conditionals: !forward.drop_conditionals,
            range: !forward.drop_range,
            // A 1.0 client does not know what it asks for (RFC 9110, 10.1.1).
            expect: request.version != Version::Http10,
            max_forwards: !counts_forwards(request.method),
        }
    }

    fn passes(&self, field: &Field<'_>) -> bool {
        match field.id {
            Name::Host | Name::ContentLength => false,
            Name::Via => self.via,
            Name::XForwardedFor | Name::XForwardedProto => !self.x_forwarded,
            Name::Forwarded => !self.rfc7239,
            Name::IfMatch | Name::IfNoneMatch | Name::IfModifiedSince | Name::IfUnmodifiedSince => {
                self.conditionals
            }
            Name::IfRange | Name::Range => self.range,
            Name::Expect => self.expect,
            Name::MaxForwards => self.max_forwards,
            Name::Other if self.is_disguised(field.name) => false,
            _ => !self.hops.ends(field),
        }
    }

    /// Behind a CGI-like interface `Content_Length` and `Content-Length` are one variable, and for
    /// some `Content.Length` is, too. So a name that could be taken for one that is written here
    /// does not pass.
    fn is_disguised(&self, name: &[u8]) -> bool {
        let mut plain = [0_u8; 24];
        let Some(plain) = plain.get_mut(..name.len()) else {
            return false;
        };
        for (to, from) in plain.iter_mut().zip(name) {
            *to = if from.is_ascii_alphanumeric() {
                *from
            } else {
                b'-'
            };
        }
        match Name::from_bytes(plain) {
            Name::ContentLength | Name::TransferEncoding => true,
            Name::XForwardedFor | Name::XForwardedProto => self.x_forwarded,
            _ => false,
        }
    }
}

fn counts_forwards(method: Method) -> bool {
    matches!(method, Method::Options | Method::Trace)
}

/// Max-Forwards, less this one (RFC 9110, 7.6.2). Who may not forward any further does not come
/// here; for other methods the field has no meaning and passes as it is.
fn push_max_forwards(out: &mut Vec<u8>, request: &Request<'_>) {
    if !counts_forwards(request.method) {
        return;
    }
    let Some(value) = request.fields.get(Name::MaxForwards) else {
        return;
    };
    let digits = core::str::from_utf8(value)
        .ok()
        .filter(|text| !text.starts_with('+'));
    if let Some(left) = digits.and_then(|text| text.parse::<u64>().ok()) {
        out.extend_from_slice(b"Max-Forwards: ");
        push_decimal(out, left.saturating_sub(1));
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends the Via lines that came as one list with our own member (RFC 9110, 7.6.3).
fn push_via(out: &mut Vec<u8>, fields: Fields<'_>, version: Version, name: Option<&str>) {
    let Some(name) = name else { return };
    out.extend_from_slice(b"Via: ");
    push_list(out, fields.all(Name::Via));
    out.extend_from_slice(if version == Version::Http10 {
        b"1.0 "
    } else {
        b"1.1 "
    });
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The lines of a list field as one, each followed by a separator.
fn push_list<'b>(out: &mut Vec<u8>, lines: impl Iterator<Item = &'b [u8]>) {
    for value in lines.filter(|value| !value.is_empty()) {
        out.extend_from_slice(value);
        out.extend_from_slice(b", ");
    }
}

fn push_x_forwarded(out: &mut Vec<u8>, fields: Fields<'_>, forward: &Forward<'_>) {
    out.extend_from_slice(b"X-Forwarded-For: ");
    push_list(out, fields.all(Name::XForwardedFor));
    push_address(out, forward.client_ip);
    out.extend_from_slice(b"\r\nX-Forwarded-Proto: ");
    push_list(out, fields.all(Name::XForwardedProto));
    out.extend_from_slice(forward.scheme.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// RFC 7239, 4. A line that came with a string that does not end is left out: it would swallow
/// what we append, which is the only part that the origin can trust.
fn push_forwarded(out: &mut Vec<u8>, fields: Fields<'_>, forward: &Forward<'_>) {
    out.extend_from_slice(b"Forwarded: ");
    push_list(
        out,
        fields.all(Name::Forwarded).filter(|line| is_balanced(line)),
    );
    // Brackets and colons are no token characters and need quotes (RFC 7239, 6).
    let v6 = forward.client_ip.to_canonical().is_ipv6();
    out.extend_from_slice(if v6 { b"for=\"[" } else { b"for=" });
    push_address(out, forward.client_ip);
    out.extend_from_slice(if v6 { b"]\";proto=" } else { b";proto=" });
    out.extend_from_slice(forward.scheme.as_bytes());
    // What is no host could end the string early.
    if !forward.host.is_empty() && authority(forward.host).is_ok() {
        out.extend_from_slice(b";host=\"");
        push_host(out, forward);
        out.push(b'"');
    }
    out.extend_from_slice(b"\r\n");
}

/// An address as people write it: an IPv4 client of an IPv6 socket is an IPv4 client.
fn push_address(out: &mut Vec<u8>, address: IpAddr) {
    struct Text<'a>(&'a mut Vec<u8>);
    impl Write for Text<'_> {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            self.0.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            for (at, part) in v4.octets().iter().enumerate() {
                if at > 0 {
                    out.push(b'.');
                }
                push_decimal(out, u64::from(*part));
            }
        }
        // Writing into a vector does not fail.
        IpAddr::V6(v6) => drop(write!(Text(out), "{v6}")),
    }
}

fn pass_all(out: &mut Vec<u8>, fields: Fields<'_>, name: Name) {
    for value in fields.all(name) {
        push_field(out, name.as_str().as_bytes(), value);
    }
}

/// Appends Content-Length.
pub fn push_length(out: &mut Vec<u8>, bytes: u64) {
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

/// Appends Date.
pub fn push_date(out: &mut Vec<u8>, now: Wall) {
    push_field(out, b"Date", date::format(now, &mut [0; 29]));
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
    let hops = Hops::of(response.fields);
    let mut dated = false;
    for field in response.fields.iter() {
        let keep = match field.id {
            Name::ContentLength => false,
            // A singleton: what is read is the first (RFC 9110, 5.5 and 6.6.1).
            Name::Date => !core::mem::replace(&mut dated, true),
            Name::Age => !answer.drop_age,
            Name::Via => answer.via_name.is_none(),
            _ => !hops.ends(&field),
        };
        if keep {
            push_field(out, field.name, field.value);
        }
    }
    if let (Some(now), false) = (answer.now, response.fields.has(Name::Date)) {
        push_date(out, now);
    }
    push_via(out, response.fields, response.version, answer.via_name);
}

/// Appends a status line; the usual phrase where there is none.
pub fn push_status_line(out: &mut Vec<u8>, status: u16, phrase: &[u8]) {
    out.extend_from_slice(b"HTTP/1.1 ");
    push_decimal(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(if phrase.is_empty() {
        reason(status).as_bytes()
    } else {
        phrase
    });
    out.extend_from_slice(b"\r\n");
}

/// A small page of our own: its head without Date, Connection and the empty line, and its content.
pub fn error_page(status: u16, what: &str, name: &str, head: &mut Vec<u8>, page: &mut Vec<u8>) {
    let title = reason(status).as_bytes();
    let start = page.len();
    page.extend_from_slice(b"<!doctype html>\n<title>");
    push_decimal(page, u64::from(status));
    page.push(b' ');
    page.extend_from_slice(title);
    page.extend_from_slice(b"</title>\n<h1>");
    page.extend_from_slice(title);
    page.extend_from_slice(b"</h1>\n<p>");
    push_html(page, what);
    page.extend_from_slice(b".\n<p><small>");
    push_html(page, name);
    page.extend_from_slice(b"</small>\n");
    push_status_line(head, status, b"");
    head.extend_from_slice(
        b"Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n",
    );
    push_length(head, (page.len() - start) as u64);
}

/// Appends text that is no markup.
fn push_html(page: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'&' => page.extend_from_slice(b"&amp;"),
            b'<' => page.extend_from_slice(b"&lt;"),
            b'>' => page.extend_from_slice(b"&gt;"),
            _ => page.push(byte),
        }
    }
}

/// The usual reason phrase of a status code (RFC 9110, 15, and the registry).
#[must_use]
pub const fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests;
