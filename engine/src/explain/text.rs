//! How steps are written: numbered lines, and lines below them.
//!
//! What a peer has sent is shown so that it can't be taken for our own text.

use crate::http::{HeadLimits, Response, ResponseHead};
use crate::limits::{FIELDS_MAX, LIFETIME_MAX};
use crate::outcome::{Outcome, Reason};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

/// Bytes of one value that are shown.
const SHOWN_BYTES_MAX: usize = 200;

/// Writes steps.
pub(super) struct Steps<'o> {
    out: &'o mut String,
    count: usize,
}

impl<'o> Steps<'o> {
    pub(super) fn new(out: &'o mut String) -> Steps<'o> {
        Steps { out, count: 0 }
    }

    /// The next step.
    pub(super) fn step(&mut self, what: fmt::Arguments<'_>) {
        self.count += 1;
        let number = self.count;
        self.line(format_args!("{number:>2}. {what}"));
    }

    /// More about it.
    pub(super) fn more(&mut self, what: fmt::Arguments<'_>) {
        self.line(format_args!("    {what}"));
    }

    /// A line for itself.
    pub(super) fn line(&mut self, what: fmt::Arguments<'_>) {
        // A String takes all that is written.
        let _ = writeln!(self.out, "{what}");
    }
}

/// An outcome in its words.
pub(super) struct Told(pub(super) Outcome);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, reason) = (self.0.word(), self.0.reason());
        match reason {
            Reason::None => write!(f, "{word}"),
            _ => write!(f, "{word} ({})", reason.word()),
        }
    }
}

/// Seconds, and from an hour on what that is.
pub(super) struct Seconds(pub(super) u32);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0;
        if seconds >= LIFETIME_MAX {
            return f.write_str("more than 68 years");
        }
        write!(f, "{seconds} s")?;
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
        match (days, hours, minutes) {
            (0, 0, _) => Ok(()),
            (0, _, 0) => write!(f, " ({hours} h)"),
            (0, ..) => write!(f, " ({hours} h {minutes} min)"),
            (_, 0, _) => write!(f, " ({days} d)"),
            _ => write!(f, " ({days} d {hours} h)"),
        }
    }
}

/// A number of things.
pub(super) struct Count(pub(super) usize, pub(super) &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count(count, what) = *self;
        match count {
            0 => write!(f, "no {what}"),
            1 => write!(f, "1 {what}"),
            _ => write!(f, "{count} {what}s"),
        }
    }
}

/// Bytes of a peer: printable ASCII as it is, the rest as codes, and not too much of it.
pub(super) struct Shown<'b>(pub(super) &'b [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..SHOWN_BYTES_MAX).unwrap_or(self.0);
        for byte in shown {
            match byte {
                b' '..=b'~' => f.write_char(char::from(*byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        match self.0.len() - shown.len() {
            0 => Ok(()),
            more => write!(f, "... and {more} bytes more"),
        }
    }
}

/// Field lines as they would be sent, one after the other.
pub(super) fn field_lines(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = lines.split(|byte| *byte == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !line.is_empty())
}

/// Reads a stored head, which lacks its last empty line. The positions are those in `head`.
pub(super) fn parse_stored<'b>(head: &'b [u8], into: &'b mut ResponseHead) -> Option<Response<'b>> {
    let mut whole = Vec::with_capacity(head.len() + 2);
    whole.extend_from_slice(head);
    whole.extend_from_slice(b"\r\n");
    let unbounded = HeadLimits {
        head_bytes: usize::MAX,
        fields: FIELDS_MAX,
        target_bytes: usize::MAX,
    };
    into.parse(&whole, &unbounded).ok()?;
    Some(into.view(head))
}
