//! Which fields end at the next hop (RFC 9110, 7.6.1).

use super::field::{Field, Fields, Name};

/// Is this field meant for the next hop only? Those are the known ones, and what Connection lists.
///
/// A Connection option can't remove a field that framing, routing, caching or authorization rest
/// on: a client could otherwise make the origin see another request than we judged. Such an
/// option is ignored.
#[must_use]
pub fn is_hop_by_hop(field: &Field<'_>, fields: Fields<'_>) -> bool {
    match field.id {
        Name::Connection
        | Name::KeepAlive
        | Name::ProxyConnection
        | Name::Te
        | Name::Trailer
        | Name::TransferEncoding
        | Name::Upgrade => true,
        name if is_essential(name) => false,
        _ => {
            fields.has(Name::Connection)
                && fields
                    .members(Name::Connection)
                    .any(|option| option.eq_ignore_ascii_case(field.name))
        }
    }
}

fn is_essential(name: Name) -> bool {
    matches!(
        name,
        Name::Age
            | Name::Authorization
            | Name::CacheControl
            | Name::ContentEncoding
            | Name::ContentLength
            | Name::ContentRange
            | Name::ContentType
            | Name::Cookie
            | Name::Date
            | Name::Expires
            | Name::Forwarded
            | Name::Host
            | Name::Range
            | Name::SetCookie
            | Name::Vary
            | Name::Via
            | Name::XForwardedFor
            | Name::XForwardedProto
    )
}
