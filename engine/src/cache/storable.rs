//! May this response be stored? (RFC 9111, 3, 3.5 and 5.2.2)
//!
//! Decided from the two heads and the route's policy. Whether the content arrives whole and
//! fits is for whoever receives it.

use super::age::PIVOT;
use super::control::Control;
use super::facts::Times;
use super::fresh::{lifetime, Lifetime};
use super::invalidate::resolve;
use super::policy::{Policy, SetCookie};
use super::stale;
use super::withheld::withheld;
use crate::http::{Method, Name, Request, Response};
use crate::outcome::NotStored;
use crate::time::Mono;

/// `Ok` when a shared cache may store `res`, the answer to `req`, and can make use of it. What is
/// stored is without the fields that are [`withheld`].
///
/// # Errors
/// Why not.
pub fn storable(req: &Request<'_>, res: &Response<'_>, policy: &Policy) -> Result<(), NotStored> {
    by_method(req, policy)?;
    judge(req, res, res.status, policy).map(drop)
}

/// The same for one who stores parts: a 206 is judged like the 200 that it is a part of
/// (RFC 9111, 3.3). Which part it is, and whether it fits what is there, is not asked here.
///
/// # Errors
/// Why not.
pub fn storable_part(
    req: &Request<'_>,
    res: &Response<'_>,
    policy: &Policy,
) -> Result<(), NotStored> {
    by_method(req, policy)?;
    let status = if res.status == 206 { 200 } else { res.status };
    judge(req, res, status, policy).map(drop)
}

/// May the answer to this POST be stored, and then answer GET and HEAD? (RFC 9110, 9.3.3;
/// RFC 9111, 4) It must say itself how long it is fresh, and that its content is that of the
/// target: by a Content-Location that is the URI of the request, whose Host is `host` and whose
/// path and query are `target`.
///
/// A success only. "The same as would be sent to a GET" (RFC 9110, 8.7) is said of nothing else.
pub fn post_answers_get(
    req: &Request<'_>,
    res: &Response<'_>,
    policy: &Policy,
    host: &[u8],
    target: &[u8],
) -> bool {
    let located = || {
        let mut places = res.fields.all(Name::ContentLocation);
        let one = places
            .next()
            .filter(|place| !place.is_empty() && places.next().is_none());
        one.and_then(|place| resolve(host, target, place))
            .is_some_and(|place| *place == *target)
    };
    policy.enabled
        && req.method == Method::Post
        && matches!(res.status, 200..=299)
        && located()
        && matches!(
            judge(req, res, res.status, policy),
            Ok(Lifetime::Explicit(_))
        )
}

/// HEAD brings no content. The answer to QUERY is for the same question again, whose content is in
/// the key (RFC 10008, 2.7).
fn by_method(req: &Request<'_>, policy: &Policy) -> Result<(), NotStored> {
    match req.method {
        _ if !policy.enabled => Err(NotStored::RouteOff),
        Method::Get => Ok(()),
        Method::Query if policy.query_bytes > 0 => Ok(()),
        _ => Err(NotStored::Method),
    }
}

/// All but the method. Gives the lifetime.
fn judge(
    req: &Request<'_>,
    res: &Response<'_>,
    status: u16,
    policy: &Policy,
) -> Result<Lifetime, NotStored> {
    let control = Control::of_response(res.fields, &policy.targets);
    by_status(status, &control)?;
    let asks = policy.honours_client && req.fields.has(Name::CacheControl);
    if asks && Control::of(req.fields).no_store {
        return Err(NotStored::RequestNoStore);
    }
    // `must-understand` with a status that we understand takes the place of the `no-store`
    // beside it, which is for older caches (5.2.2.3).
    if control.no_store && !control.must_understand {
        return Err(NotStored::NoStore);
    }
    // private="field" keeps back only that field (5.2.2.7).
    if control.private {
        return Err(NotStored::Private);
    }
    if req.fields.has(Name::Authorization)
        && !(control.public || control.s_maxage.is_some() || control.must_revalidate)
    {
        return Err(NotStored::Authorization);
    }
    if sets_cookies(res, &control, policy) {
        return Err(NotStored::SetCookie);
    }
    // It would never be selected (4.1).
    if super::vary::of(res.fields) == super::vary::Vary::Star {
        return Err(NotStored::VaryStar);
    }
    of_use(res, status, &control, policy)
}

/// 7.3: storing a cookie for one user hands it to others. Only an origin that clearly means all
/// users is taken at its word; where the cookie is kept back, by the origin's own list or by the
/// route, there is none to hand on.
fn sets_cookies(res: &Response<'_>, control: &Control, policy: &Policy) -> bool {
    let mut fields = res.fields.iter();
    let Some(cookie) = fields.find(|field| field.id == Name::SetCookie) else {
        return false;
    };
    match policy.set_cookie {
        SetCookie::Never => true,
        SetCookie::Strip => false,
        SetCookie::Explicit => {
            let meant_for_all = control.public || control.s_maxage.is_some();
            !meant_for_all && !withheld(res, policy).has(&cookie)
        }
    }
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

/// It can serve a later request: fresh for some time, stale as it says itself, or to be validated.
fn of_use(
    res: &Response<'_>,
    status: u16,
    control: &Control,
    policy: &Policy,
) -> Result<Lifetime, NotStored> {
    let part_of = Response { status, ..*res };
    let lifetime = lifetime(&part_of, control, policy, &arrived(res));
    let validates = res.fields.has(Name::ETag) || res.fields.has(Name::LastModified);
    let allowed = control.public
        || super::fresh::is_heuristically_cacheable(status)
        || policy.negative_lifetime(status).is_some()
        || matches!(lifetime, Lifetime::Explicit(_));
    let fresh = lifetime.seconds() > 0 && !control.no_cache;
    if allowed && (fresh || validates || stale::is_meant(control, lifetime)) {
        Ok(lifetime)
    } else {
        Err(NotStored::NoLifetime)
    }
}

/// A moment of arrival that is good enough here: only the distance to Date counts, and without a
/// Date an Expires is told from one that is long past or far ahead.
fn arrived(res: &Response<'_>) -> Times {
    Times {
        requested: Mono(0),
        received: Mono(0),
        wall: super::age::date(res.fields, PIVOT).unwrap_or(PIVOT),
        spread: 0,
    }
}
