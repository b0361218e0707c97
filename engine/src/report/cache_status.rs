//! Our member of Cache-Status (RFC 9211): how a cache has handled a request, for whoever debugs it
//! from outside.
//!
//! Appended as a line of its own below those of the caches nearer to the origin, as section 2 asks:
//! the first member is the one nearest to the origin, the last one is nearest to the client. The words of
//! `detail` are those of [`Reason`], as in the log and in metrics; of a hit it tells when it came from
//! disk.
//!
//! Part of every answer, the quick ones too: nothing is allocated but room in `out`.

use crate::http::encode::push_decimal;
use crate::http::field::is_token;
use crate::outcome::{Outcome, Reason};
use alloc::vec::Vec;

/// What is told about one answer.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    /// How it was answered.
    pub outcome: Outcome,
    /// Seconds for which it is fresh; below zero for how long it has been stale. `None` where
    /// nothing is known of that.
    pub ttl: Option<i64>,
    /// The status with which the origin answered, when it was asked (2.3).
    pub forwarded: Option<u16>,
    /// The origin's answer has been stored (2.5).
    pub stored: bool,
    /// The key as text (2.7), where it may be told.
    pub key: Option<&'a [u8]>,
    /// Say why (2.8).
    pub detail: bool,
}

/// Appends the field line. `name` is that of this cache.
pub fn push(out: &mut Vec<u8>, name: &str, status: &Status<'_>) {
    out.extend_from_slice(b"Cache-Status: ");
    push_name(out, name.as_bytes());
    let way = way(status);
    out.extend_from_slice(way.as_bytes());
    // What did not go forward has neither (2.3, 2.5 and 2.6).
    let went = !matches!(way, HIT | NEITHER);
    if went {
        if let Some(code) = status.forwarded {
            out.extend_from_slice(b"; fwd-status=");
            push_decimal(out, u64::from(code));
        }
        if status.stored {
            out.extend_from_slice(b"; stored");
        }
        if matches!(status.outcome, Outcome::Collapsed(_)) {
            out.extend_from_slice(b"; collapsed");
        }
    }
    if let Some(ttl) = status.ttl {
        out.extend_from_slice(if ttl < 0 { b"; ttl=-" } else { b"; ttl=" });
        // An Integer has 15 digits (RFC 9651, 3.3.1).
        push_decimal(out, ttl.unsigned_abs().min(999_999_999_999_999));
    }
    if let Some(key) = status.key {
        out.extend_from_slice(b"; key=");
        push_string(out, key);
    }
    let reason = status.outcome.reason();
    if status.detail && !is_said(reason, way) {
        out.extend_from_slice(b"; detail=");
        out.extend_from_slice(reason.word().as_bytes());
    } else if status.detail && matches!(status.outcome, Outcome::DiskHit) {
        out.extend_from_slice(b"; detail=disk");
    }
    out.extend_from_slice(b"\r\n");
}

const HIT: &str = "; hit";
const NEITHER: &str = "";
const METHOD: &str = "; fwd=method";
const BYPASS: &str = "; fwd=bypass";
const URI_MISS: &str = "; fwd=uri-miss";
const VARY_MISS: &str = "; fwd=vary-miss";
const MISS: &str = "; fwd=miss";
const REQUEST: &str = "; fwd=request";
const STALE: &str = "; fwd=stale";
const PARTIAL: &str = "; fwd=partial";

/// From the cache, or why it went forward (2.1 and 2.2).
fn way(status: &Status<'_>) -> &'static str {
    match status.outcome {
        Outcome::Hit | Outcome::DiskHit => HIT,
        // "A stale response that is used without going forward … can be considered a hit" (2.1):
        // one in whose place the origin has sent an error did go forward.
        Outcome::Stale(_) if status.forwarded.is_none() => HIT,
        Outcome::Stale(_) => STALE,
        // Something was stored, so it is no miss.
        Outcome::Revalidated(reason) => match of_reason(reason) {
            found @ (REQUEST | PARTIAL | VARY_MISS) => found,
            _ => STALE,
        },
        Outcome::Miss(reason) | Outcome::Collapsed(reason) | Outcome::Pass(reason) => {
            of_reason(reason)
        }
        Outcome::Tunnel => BYPASS,
        // A page of our own comes neither from the cache nor from the origin.
        Outcome::Refused(_) => NEITHER,
    }
}

/// Why a request with this reason went forward (2.2).
fn of_reason(reason: Reason) -> &'static str {
    match reason {
        Reason::VaryMiss => VARY_MISS,
        Reason::Expired
        | Reason::NoCacheStored
        | Reason::MustRevalidate
        | Reason::StaleWhileRevalidate
        | Reason::SoftPurge
        | Reason::OriginError => STALE,
        Reason::NoCacheRequest
        | Reason::TooOldForRequest
        | Reason::RequestNoStore
        | Reason::OnlyIfCached
        | Reason::Precondition => REQUEST,
        Reason::PartMissing => PARTIAL,
        Reason::Method => METHOD,
        Reason::RouteOff | Reason::Upgrade => BYPASS,
        // Nobody has looked what is there.
        Reason::HitForMiss | Reason::Busy | Reason::Shutdown => MISS,
        Reason::None
        | Reason::NotStored
        | Reason::BadRequest
        | Reason::TooLarge
        | Reason::ClientGone
        | Reason::NoSite
        | Reason::Timeout
        | Reason::OriginBroken
        | Reason::OriginTimeout => URI_MISS,
    }
}

/// The reason says no more than what stands there already.
fn is_said(reason: Reason, way: &str) -> bool {
    match reason {
        Reason::None => true,
        Reason::NotStored => way == URI_MISS,
        Reason::VaryMiss => way == VARY_MISS,
        Reason::Method => way == METHOD,
        // Of a hit, the ttl below zero says it.
        Reason::Expired => way == STALE || way == HIT,
        _ => false,
    }
}

/// A name as a Token, or as a String where it can't be one.
fn push_name(out: &mut Vec<u8>, name: &[u8]) {
    let is_part = |byte: &u8| is_token(*byte) || matches!(byte, b':' | b'/');
    let begins = name
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'*');
    if begins && name.iter().all(is_part) {
        out.extend_from_slice(name);
    } else {
        push_string(out, name);
    }
}

/// A String; what is no printable ASCII can't be in one (RFC 9651, 3.3.3).
fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b' '..=b'~' => out.push(*byte),
            _ => out.push(b'?'),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests;
