//! Which fields end at the next hop (RFC 9110, 7.6.1).
//!
//! Those are the known ones, and what Connection lists. But a Connection option can't remove a
//! field that this program knows by name: framing, routing, caching, authorization and the word
//! about the client rest on those, all of them are meant for every recipient, and a sender "MUST
//! NOT send a connection option corresponding to a field that is intended for all recipients"
//! (7.6.1). Otherwise a client could make the origin see another request than was judged here:
//! one without its Cookie, its Authorization, or without the address it came from. Such an option
//! is ignored.

use super::field::{Field, Fields, Name};
use crate::limits::CONNECTION_OPTIONS_MAX;

/// The connection options of a message, in the order sent.
pub fn connection_options(fields: Fields<'_>) -> impl Iterator<Item = &[u8]> {
    fields.members(Name::Connection)
}

/// Is this field meant for the next hop only?
///
/// Reads Connection anew each time; [`Hops`] does it once for a whole head.
#[must_use]
pub fn is_hop_by_hop(field: &Field<'_>, fields: Fields<'_>) -> bool {
    match kind(field.id) {
        Kind::Hop => true,
        Kind::EndToEnd => false,
        Kind::AsListed => removing(fields).any(|option| option.eq_ignore_ascii_case(field.name)),
    }
}

/// The connection options of one message that remove fields, read once.
#[derive(Clone, Copy, Debug)]
pub struct Hops<'b> {
    listed: [&'b [u8]; CONNECTION_OPTIONS_MAX],
    len: usize,
}

impl<'b> Hops<'b> {
    /// Those of this message.
    #[must_use]
    pub fn of(fields: Fields<'b>) -> Hops<'b> {
        let mut hops = Hops {
            listed: [b""; CONNECTION_OPTIONS_MAX],
            len: 0,
        };
        for (place, option) in hops.listed.iter_mut().zip(removing(fields)) {
            *place = option;
            hops.len += 1;
        }
        hops
    }

    /// Is this field of the message meant for the next hop only?
    #[must_use]
    pub fn ends(&self, field: &Field<'_>) -> bool {
        match kind(field.id) {
            Kind::Hop => true,
            Kind::EndToEnd => false,
            Kind::AsListed => self
                .listed
                .iter()
                .take(self.len)
                .any(|option| option.eq_ignore_ascii_case(field.name)),
        }
    }
}

/// The options that can remove a field, at most [`CONNECTION_OPTIONS_MAX`].
fn removing(fields: Fields<'_>) -> impl Iterator<Item = &[u8]> {
    connection_options(fields)
        .filter(|option| kind(Name::from_bytes(option)) == Kind::AsListed)
        .filter(|option| !is_about_the_connection(option))
        .take(CONNECTION_OPTIONS_MAX)
}

/// Options that name no field (RFC 9112, 9.3 and 9.6).
fn is_about_the_connection(option: &[u8]) -> bool {
    option.eq_ignore_ascii_case(b"close")
}

#[derive(PartialEq, Eq)]
enum Kind {
    /// Ends here, listed or not.
    Hop,
    /// Passes, listed or not.
    EndToEnd,
    /// Ends here if Connection lists it.
    AsListed,
}

fn kind(name: Name) -> Kind {
    match name {
        Name::Connection
        | Name::KeepAlive
        | Name::ProxyConnection
        | Name::Te
        | Name::Trailer
        | Name::TransferEncoding
        | Name::Upgrade => Kind::Hop,
        // Credentials for a proxy may be for the next one or for one further on (RFC 9110, 11.7).
        Name::Other
        | Name::ProxyAuthenticate
        | Name::ProxyAuthenticationInfo
        | Name::ProxyAuthorization => Kind::AsListed,
        _ => Kind::EndToEnd,
    }
}

#[cfg(test)]
mod tests {
    use super::super::head::tests::request;
    use super::*;
    use alloc::vec::Vec;
    use std::{format, string::String};

    /// The names of the fields that pass.
    fn passing(fields: &str) -> Vec<String> {
        let bytes = format!("GET / HTTP/1.1\r\n{fields}\r\n");
        let (head, bytes) = request(bytes.as_bytes());
        let fields = head.view(&bytes).fields;
        let hops = Hops::of(fields);
        fields
            .iter()
            .inspect(|field| assert_eq!(hops.ends(field), is_hop_by_hop(field, fields)))
            .filter(|field| !hops.ends(field))
            .map(|field| String::from_utf8_lossy(field.name).into_owned())
            .collect()
    }

    #[test]
    fn rfc_9110_7_6_1() {
        let cases: &[(&str, &[&str])] = &[
            ("Host: a\r\nX-A: 1\r\n", &["Host", "X-A"]),
            ("Connection: x-a\r\nX-A: 1\r\nX-B: 1\r\n", &["X-B"]),
            (
                "Connection: close, X-A\r\nConnection: ,,x-b\r\nX-A: 1\r\nX-B: 1\r\nx-a: 2\r\n",
                &[],
            ),
            (
                "Keep-Alive: 1\r\nTE: trailers\r\nTrailer: X\r\nUpgrade: x\r\n",
                &[],
            ),
            (
                "Proxy-Connection: close\r\nTransfer-Encoding: chunked\r\n",
                &[],
            ),
            ("Proxy-Authorization: a\r\n", &["Proxy-Authorization"]),
            (
                "Connection: proxy-authorization\r\nProxy-Authorization: a\r\n",
                &[],
            ),
            (
                "Connection: host, cookie\r\nHost: a\r\nCookie: b\r\n",
                &["Host", "Cookie"],
            ),
            (
                "Connection: content-length\r\nContent-Length: 1\r\n",
                &["Content-Length"],
            ),
            (
                "Connection: x-forwarded-for\r\nX-Forwarded-For: 1\r\n",
                &["X-Forwarded-For"],
            ),
            (
                "Connection: cache-control\r\nCache-Control: private\r\n",
                &["Cache-Control"],
            ),
            (
                "Connection: set-cookie\r\nSet-Cookie: a\r\n",
                &["Set-Cookie"],
            ),
            ("Connection: \"x-a\"\r\nX-A: 1\r\n", &["X-A"]),
        ];
        for (fields, want) in cases {
            assert_eq!(&passing(fields), want, "{fields:?}");
        }
    }

    #[test]
    fn options_beyond_the_bound_are_ignored() {
        let names: Vec<String> = (0..=CONNECTION_OPTIONS_MAX)
            .map(|n| format!("x-{n}"))
            .collect();
        let lines: String = names.iter().map(|name| format!("{name}: 1\r\n")).collect();
        // The known ones do not count.
        let fields = format!(
            "Connection: close, keep-alive, host, {}\r\n{lines}",
            names.join(",")
        );
        assert_eq!(passing(&fields), [format!("x-{CONNECTION_OPTIONS_MAX}")]);
    }
}
