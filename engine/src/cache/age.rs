//! How old a response is (RFC 9111, 4.2.3).
//!
//! Whole seconds in the message's own fields, milliseconds of a clock that never jumps for what
//! passes here. Every step saturates.

use super::control::digits_to_seconds;
use super::facts::Times;
use crate::http::{date, Fields, Name};
use crate::limits::LIFETIME_MAX;
use crate::time::{Mono, Wall};

/// 2026-01-01, for decisions that have no clock: dates with two digits for the year (RFC 850) are
/// taken within 50 years of it, so only such dates are read otherwise than with the real time.
pub(super) const PIVOT: Wall = Wall(1_767_225_600);

/// The value of Age: the first member of the first line; ignored when that is not a number (5.1).
pub fn stated(fields: Fields<'_>) -> Option<u32> {
    let first = fields.get(Name::Age)?;
    let end = memchr::memchr(b',', first).unwrap_or(first.len());
    digits_to_seconds(first.get(..end)?.trim_ascii())
}

/// The value of Date. One that is missing or no date is `None`: the message is then dated by its
/// reception (RFC 9110, 6.6.1).
pub fn date(fields: Fields<'_>, now: Wall) -> Option<Wall> {
    date::parse(fields.get(Name::Date)?, now)
}

/// Age at the moment the response arrived: `corrected_initial_age`.
///
/// The apparent age counts although an origin with a slow clock makes its responses look old:
/// 4.2.3 lets a cache leave it out only where no HTTP/1.0 cache stands in between, which a Via
/// that anybody can drop does not show.
pub fn initial(fields: Fields<'_>, times: &Times) -> u32 {
    let dated = date(fields, times.wall).unwrap_or(times.wall);
    let apparent = seconds_between(dated, times.wall);
    let delay = times.received.seconds_since(times.requested);
    let corrected = stated(fields).unwrap_or(0).saturating_add(delay);
    apparent.max(corrected).min(LIFETIME_MAX)
}

/// Age now, of a response that was `initial` seconds old when it was `received`.
pub fn current(initial: u32, received: Mono, now: Mono) -> u32 {
    initial
        .saturating_add(now.seconds_since(received))
        .min(LIFETIME_MAX)
}

/// Seconds from `earlier` to `later`; 0 when they are the other way round.
pub(super) fn seconds_between(earlier: Wall, later: Wall) -> u32 {
    let seconds = later
        .0
        .saturating_sub(earlier.0)
        .clamp(0, i64::from(LIFETIME_MAX));
    // Within 0..=LIFETIME_MAX, which fits.
    seconds as u32
}
