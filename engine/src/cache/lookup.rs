//! May the cache answer this request at all? (RFC 9111, 2 and 4)
//!
//! Decided from the request alone, before anything is looked up. Whether a stored response is
//! fit for it is asked in `serve`.

use super::control::Control;
use super::policy::Policy;
use crate::http::{Method, Name, Request, Version};
use crate::outcome::Reason;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Look in the cache; what is fetched may be stored and shared.
    Cache,
    /// To the origin and back, past the cache.
    Pass(Reason),
}

/// The way of a request. Requests with Authorization look in the cache: only responses that may
/// be shared in spite of it are stored (RFC 9111, 3.5).
pub fn request(req: &Request<'_>, policy: &Policy) -> Lookup {
    if !policy.enabled {
        return Lookup::Pass(Reason::RouteOff);
    }
    match req.method {
        // A stored response answers GET, and HEAD by its head (RFC 9111, 4).
        Method::Get | Method::Head => {}
        // And QUERY, whose content its key then holds (RFC 10008, 2.7): that is the caller's part.
        Method::Query if policy.query_bytes > 0 => {}
        _ => return Lookup::Pass(Reason::Method),
    }
    // One look at each field: usually none of these is there.
    let (mut controls, mut upgrade, mut content) = (false, false, false);
    for field in req.fields.iter() {
        match field.id {
            Name::CacheControl => controls = policy.honours_client,
            Name::Upgrade => upgrade = true,
            Name::TransferEncoding => content = true,
            Name::ContentLength => content |= field.value.iter().any(|byte| *byte != b'0'),
            _ => {}
        }
    }
    // Content of GET has no meaning that a key could hold (RFC 9110, 9.3.1).
    if content && req.method != Method::Query {
        return Lookup::Pass(Reason::Method);
    }
    if upgrade && wants_upgrade(req) {
        return Lookup::Pass(Reason::Upgrade);
    }
    // It may be answered from the cache (RFC 9111, 5.2.1.5), but who says so wants no trace, and
    // what a flight brings for it could not be shared.
    if controls && Control::of(req.fields).no_store {
        return Lookup::Pass(Reason::RequestNoStore);
    }
    Lookup::Cache
}

/// The request asks for a protocol that a tunnel can carry (RFC 9110, 7.8).
///
/// HTTP/1.0 can't ask. An offer of `h2c` is not taken: any server may ignore an upgrade, the
/// request is then an ordinary one, and through such a tunnel requests would pass that nobody
/// has routed or checked.
fn wants_upgrade(req: &Request<'_>) -> bool {
    req.version == Version::Http11
        && req.fields.has_token(Name::Connection, "upgrade")
        && !req.fields.has_token(Name::Upgrade, "h2c")
        && req.fields.members(Name::Upgrade).next().is_some()
}
