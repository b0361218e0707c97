//! May this response be stored? (RFC 9111, 3, 3.5 and 5.2.2)
//!
//! Decided from the two heads and the route's policy. Whether the content arrives whole and
//! fits is for whoever receives it.

use super::age::PIVOT;
use super::control::Control;
use super::fresh::{lifetime, Lifetime};
use super::policy::Policy;
use crate::http::{Method, Name, Request, Response};
use crate::outcome::NotStored;
use crate::time::Wall;

/// `Ok` when a shared cache may store `res`, the answer to `req`, and can make use of it.
///
/// # Errors
/// Why not.
pub fn storable(req: &Request<'_>, res: &Response<'_>, policy: &Policy) -> Result<(), NotStored> {
    if !policy.enabled {
        return Err(NotStored::RouteOff);
    }
    // HEAD brings no content; POST with explicit freshness may be stored for later GETs
    // (RFC 9110, 9.3.3), which no origin relies on.
    if req.method != Method::Get {
        return Err(NotStored::Method);
    }
    let control = Control::of(res.fields);
    by_status(res.status, &control)?;
    if req.fields.has(Name::CacheControl) && Control::of(req.fields).no_store {
        return Err(NotStored::RequestNoStore);
    }
    // `must-understand` with a status that we understand takes the place of the `no-store`
    // beside it, which is for older caches (5.2.2.3).
    if control.no_store && !control.must_understand {
        return Err(NotStored::NoStore);
    }
    // private="field" would allow to store the rest (5.2.2.7). An origin that says so means
    // personal content; stripped of fields it may make no sense, so we take it as `private`.
    if control.private || control.private_fields {
        return Err(NotStored::Private);
    }
    if req.fields.has(Name::Authorization)
        && !(control.public || control.s_maxage.is_some() || control.must_revalidate)
    {
        return Err(NotStored::Authorization);
    }
    // 7.3: storing a cookie for one user hands it to others; only an origin that clearly means
    // all users is taken at its word.
    if res.fields.has(Name::SetCookie)
        && !(policy.set_cookie_explicit && (control.public || control.s_maxage.is_some()))
    {
        return Err(NotStored::SetCookie);
    }
    // It would never be selected (4.1).
    if super::vary::of(res.fields) == super::vary::Vary::Star {
        return Err(NotStored::VaryStar);
    }
    of_use(res, &control, policy)
}

/// Status codes that rule storing out.
fn by_status(status: u16, control: &Control) -> Result<(), NotStored> {
    match status {
        206 => Err(NotStored::Partial),
        // Interim, or about something else that is stored.
        0..=199 | 304 => Err(NotStored::Status),
        // They answer a condition, range or expectation of this request that is in no key.
        412 | 416 | 417 => Err(NotStored::Status),
        // "MUST NOT be stored by a cache" (RFC 6585, 3, 4, 5 and 6).
        428 | 429 | 431 | 511 => Err(NotStored::Status),
        _ if control.must_understand && !is_understood(status) => Err(NotStored::Status),
        _ => Ok(()),
    }
}

/// Final status codes whose caching requirements are kept here: those of RFC 9110, section 15,
/// less what is never stored, and 451 (RFC 7725).
fn is_understood(status: u16) -> bool {
    matches!(status, 200..=205 | 300..=303 | 305 | 307 | 308 | 400..=415 | 421 | 422 | 426 | 451 | 500..=505)
}

/// It can serve a later request: fresh for some time, or to be validated.
fn of_use(res: &Response<'_>, control: &Control, policy: &Policy) -> Result<(), NotStored> {
    let lifetime = lifetime(res, control, policy, arrived(res));
    let validates = res.fields.has(Name::ETag) || res.fields.has(Name::LastModified);
    let allowed = control.public
        || super::fresh::is_heuristically_cacheable(res.status)
        || matches!(lifetime, Lifetime::Explicit(_));
    let served = lifetime.seconds() > 0 && !(control.no_cache || control.no_cache_fields);
    if allowed && (served || validates) {
        Ok(())
    } else {
        Err(NotStored::NoLifetime)
    }
}

/// A moment of arrival that is good enough here: only the distance to Date counts, and without a
/// Date an Expires is told from one that is long past or far ahead.
fn arrived(res: &Response<'_>) -> Wall {
    super::age::date(res.fields, PIVOT).unwrap_or(PIVOT)
}
