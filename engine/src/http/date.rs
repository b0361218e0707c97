//! HTTP dates (RFC 9110, 5.6.7): one format is written, three are read.
//!
//! Knows no clock: "now" comes in where two digits have to mean a year.

use crate::time::Wall;

const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
const DAYS: [&[u8]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const LONG_DAYS: [&[u8]; 7] = [
    b"Thursday",
    b"Friday",
    b"Saturday",
    b"Sunday",
    b"Monday",
    b"Tuesday",
    b"Wednesday",
];

const DAY: i64 = 86_400;
/// The seconds that years of four digits can name: 0000-01-01 to 9999-12-31.
const FIRST: i64 = -62_167_219_200;
const LAST: i64 = 253_402_300_799;

/// Reads a date in any of the three formats. `now` resolves two-digit years: one that seems more
/// than 50 years in the future is the last one before with the same digits.
///
/// The names of days are checked for their spelling, not against the date: recipients differ on
/// that, and the date says it all.
///
/// Nothing but the three is read, as they are defined: "case-sensitive", in GMT, with every digit
/// and space. Recipients may be more robust than that "unless otherwise restricted by the field
/// definition", and the fields that matter here do restrict it, or lose nothing: an Expires that is
/// no date is in the past (RFC 9111, 5.3), an If-Modified-Since that is none is ignored (RFC 9110,
/// 13.1.3), without a Date the time of arrival counts. Whatever is read into another spelling, a
/// cache beside us reads something else into it.
#[must_use]
pub fn parse(text: &[u8], now: Wall) -> Option<Wall> {
    let comma = text.iter().position(|byte| *byte == b',');
    match comma {
        Some(3) => fixdate(text),
        Some(at) => rfc850(text.get(..at)?, text.get(at + 1..)?, now),
        None => asctime(text),
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn fixdate(text: &[u8]) -> Option<Wall> {
    let [d0, d1, d2, b',', b' ', a, b, b' ', m0, m1, m2, b' ', y0, y1, y2, y3, b' ', time @ .., b' ', b'G', b'M', b'T'] =
        text
    else {
        return None;
    };
    DAYS.iter().find(|day| **day == [*d0, *d1, *d2])?;
    let year = number(&[*y0, *y1, *y2, *y3])?;
    seconds(year, month(&[*m0, *m1, *m2])?, number(&[*a, *b])?, time)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850(day: &[u8], rest: &[u8], now: Wall) -> Option<Wall> {
    LONG_DAYS.iter().find(|name| **name == day)?;
    let [b' ', a, b, b'-', m0, m1, m2, b'-', y0, y1, b' ', time @ .., b' ', b'G', b'M', b'T'] =
        rest
    else {
        return None;
    };
    let short = number(&[*y0, *y1])?;
    let (month, of_month) = (month(&[*m0, *m1, *m2])?, number(&[*a, *b])?);
    // The last year with these digits that begins no more than 50 years ahead; if the date in it
    // is more than 50 years ahead nevertheless, it is a century earlier.
    let now = now.0.clamp(FIRST, LAST);
    let (this_year, this_month, today) = civil(now.div_euclid(DAY));
    let latest = this_year + 50;
    let year = latest - (latest - short).rem_euclid(100);
    let at = seconds(year, month, of_month, time)?;
    let within_year = (month, of_month, at.0.rem_euclid(DAY));
    if year == latest && within_year > (this_month, today, now.rem_euclid(DAY)) {
        return seconds(year - 100, month, of_month, time);
    }
    Some(at)
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(text: &[u8]) -> Option<Wall> {
    let [d0, d1, d2, b' ', m0, m1, m2, b' ', a, b, b' ', time @ .., b' ', y0, y1, y2, y3] = text
    else {
        return None;
    };
    DAYS.iter().find(|day| **day == [*d0, *d1, *d2])?;
    let day = if *a == b' ' {
        number(&[*b])?
    } else {
        number(&[*a, *b])?
    };
    seconds(
        number(&[*y0, *y1, *y2, *y3])?,
        month(&[*m0, *m1, *m2])?,
        day,
        time,
    )
}

fn month(text: &[u8; 3]) -> Option<i64> {
    let at = MONTHS.iter().position(|name| *name == text)?;
    i64::try_from(at + 1).ok()
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, byte| {
        byte.is_ascii_digit()
            .then(|| sum * 10 + i64::from(byte - b'0'))
    })
}

fn seconds(year: i64, month: i64, day: i64, time: &[u8]) -> Option<Wall> {
    let [h0, h1, b':', m0, m1, b':', s0, s1] = time else {
        return None;
    };
    let (hour, minute, second) = (
        number(&[*h0, *h1])?,
        number(&[*m0, *m1])?,
        number(&[*s0, *s1])?,
    );
    let last = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    // A leap second is the next minute's first.
    let fits = (1..=last).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    fits.then(|| Wall(days(year, month, day) * DAY + hour * 3600 + minute * 60 + second))
}

/// Days since the epoch of a day of the Gregorian calendar. Years begin in March here, so that
/// the leap day is the last of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a day since the epoch.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

/// Writes a date as IMF-fixdate. Years outside 0 to 9999 are written as the nearest.
pub fn format(wall: Wall, out: &mut [u8; 29]) -> &[u8] {
    let at = wall.0.clamp(FIRST, LAST);
    let day = at.div_euclid(DAY);
    let (year, month, of_month) = civil(day);
    let second = at.rem_euclid(DAY);
    *out = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    let name = DAYS
        .get(day.rem_euclid(7) as usize)
        .copied()
        .unwrap_or(b"Thu");
    out[..3].copy_from_slice(name);
    two(&mut out[5..7], of_month);
    out[8..11].copy_from_slice(MONTHS.get(month as usize - 1).copied().unwrap_or(b"Jan"));
    two(&mut out[12..14], year / 100);
    two(&mut out[14..16], year % 100);
    two(&mut out[17..19], second / 3600);
    two(&mut out[20..22], second / 60 % 60);
    two(&mut out[23..25], second % 60);
    out
}

fn two(out: &mut [u8], value: i64) {
    let value = value.rem_euclid(100) as u8;
    out.copy_from_slice(&[b'0' + value / 10, b'0' + value % 10]);
}

#[cfg(test)]
mod tests;
