//! How long a stale response may still be of use (RFC 5861; RFC 9111, 4.2.4).
//!
//! From the response and the route's policy. Whether a request takes it is `serve`'s question.

use super::control::Control;
use super::fresh::Lifetime;
use super::policy::Policy;

/// Once stale it may not be served without validation: `must-revalidate`, `proxy-revalidate`, or
/// `s-maxage`, which includes the latter (RFC 9111, 5.2.2.2, 5.2.2.8 and 5.2.2.10).
pub(super) fn must_revalidate(control: &Control) -> bool {
    control.must_revalidate || control.proxy_revalidate || control.s_maxage.is_some()
}

/// A directive rules out that it is ever served stale. "MUST NOT" of 4.2.4 leaves no way around:
/// not by a directive of RFC 5861 in the same response, which only says MAY, and not by the route.
fn is_ruled_out(control: &Control) -> bool {
    must_revalidate(control) || control.no_cache
}

/// Seconds after its lifetime in which a response may be served while one request validates it
/// (RFC 5861, 3).
///
/// The route's own value is only for a response that has been fresh at some time. One that says
/// `max-age=0`, or nothing at all, is to be validated before it is used: the operator who extends
/// lifetimes has not asked for giving it one.
pub(super) fn while_revalidate(control: &Control, lifetime: Lifetime, policy: &Policy) -> u32 {
    if is_ruled_out(control) {
        return 0;
    }
    let given = policy.stale_while.filter(|_| lifetime.seconds() > 0);
    control.stale_while_revalidate.or(given).unwrap_or(0)
}

/// Seconds after its lifetime in which a response may be served in place of an error
/// (RFC 5861, 4).
pub(super) fn if_error(control: &Control, policy: &Policy) -> u32 {
    if is_ruled_out(control) {
        return 0;
    }
    control.stale_if_error.or(policy.stale_error).unwrap_or(0)
}

/// The response itself wants to be served although it is stale from the start:
/// `max-age=0, stale-while-revalidate=60`.
pub(super) fn is_meant(control: &Control, lifetime: Lifetime) -> bool {
    let stated = control.stale_while_revalidate.max(control.stale_if_error);
    matches!(lifetime, Lifetime::Explicit(_)) && stated > Some(0) && !is_ruled_out(control)
}
