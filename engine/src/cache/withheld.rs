//! Which fields of a response are for nobody but the client whose request it answers
//! (RFC 9111, 3.1, 5.2.2.4 and 5.2.2.7).
//!
//! Beside those that end at the next hop (`http::hop`), which no client gets.

use super::control::Directives;
use super::policy::{Policy, SetCookie};
use crate::http::{Field, Fields, Name, Response};
use alloc::vec::Vec;

/// The fields of one response that are left out of what is stored and of what others get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld<'b> {
    named: Vec<&'b [u8]>,
    cookies: bool,
}

/// The fields to be left out of `res`:
///
/// - those of proxies' authentication (3.1);
/// - those that `no-cache="…"` names: they must not be used again without validation (5.2.2.4),
///   and a response whose other fields are served from the cache has none to give;
/// - those that `private="…"` names (5.2.2.7);
/// - Set-Cookie, where the route strips it.
pub fn withheld<'b>(res: &Response<'b>, policy: &Policy) -> Withheld<'b> {
    let fields = res.fields;
    Withheld::of(Directives::of_response(|_| fields, &policy.targets), policy)
}

impl<'b> Withheld<'b> {
    pub(super) fn of(directives: Directives<'b>, policy: &Policy) -> Withheld<'b> {
        Withheld {
            named: directives.named,
            cookies: policy.set_cookie == SetCookie::Strip,
        }
    }

    /// Is this field left out?
    pub fn has(&self, field: &Field<'_>) -> bool {
        match field.id {
            Name::ProxyAuthenticate | Name::ProxyAuthenticationInfo | Name::ProxyAuthorization => {
                true
            }
            Name::SetCookie if self.cookies => true,
            _ => self
                .named
                .iter()
                .any(|name| name.eq_ignore_ascii_case(field.name)),
        }
    }

    /// Is any of these left out? Then a shared response is not the one that came.
    pub fn any(&self, fields: Fields<'_>) -> bool {
        fields.iter().any(|field| self.has(&field))
    }
}
