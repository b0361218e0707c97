//! The chunked coding (RFC 9112, 7.1): a decoder that reads strictly, and the encoder's lines.
//!
//! The decoder keeps no content: it says where in the caller's bytes content lies. It is fed as
//! bytes arrive, in pieces of any size, with the same result. It never consumes a byte that is
//! not of the message.

use super::field::{is_token, Name};
use crate::limits::{CHUNK_LINE_BYTES_MAX, TRAILER_BYTES_MAX};
use alloc::vec::Vec;
use core::ops::Range;

/// The end of a chunked content without trailers.
pub const LAST: &[u8] = b"0\r\n\r\n";

/// Why a chunked content is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkFault {
    /// A size is not hexadecimal digits, or too large.
    Size,
    /// A size line or the trailers are too long.
    TooLong,
    /// An extension has a control character.
    Extension,
    /// A line is not ended by CRLF, or content runs over its chunk.
    LineEnd,
    /// A trailer field is malformed, or would frame the message anew.
    Trailer,
}

impl ChunkFault {
    /// What is wrong.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            ChunkFault::Size => "a chunk size is malformed",
            ChunkFault::TooLong => "a chunk size line or the trailers are too long",
            ChunkFault::Extension => "a chunk extension has a control character",
            ChunkFault::LineEnd => "a chunk is not ended by CRLF",
            ChunkFault::Trailer => "a trailer field is malformed or has no place there",
        }
    }
}

/// One step of decoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that are done with.
    pub consumed: usize,
    /// Where in the input content lies; may be empty.
    pub content: Range<usize>,
    /// The message is complete; what follows is not part of it.
    pub done: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before or within the digits of a size; how many there were.
    Size {
        digits: u8,
    },
    /// Within extensions.
    Extension,
    /// After the CR of a size line.
    SizeEnd,
    /// Within content.
    Data,
    /// Before the CR after content.
    DataCr,
    /// Before the LF after content.
    DataLf,
    /// Within the trailer section.
    Trailers,
    Done,
}

/// Decodes one chunked content, fed in pieces of any size.
#[derive(Clone, Debug)]
pub struct Decoder {
    state: State,
    /// Bytes of the chunk that are still to come; 0 before the next size.
    left: u64,
    /// Bytes of the size line, or of the trailer section, so far.
    line_bytes: usize,
    /// The trailers that are kept, and the line being read.
    trailers: Vec<u8>,
    /// Where in `trailers` that line begins.
    line_at: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder at the start of a content.
    #[must_use]
    pub const fn new() -> Decoder {
        let state = State::Size { digits: 0 };
        Decoder {
            state,
            left: 0,
            line_bytes: 0,
            trailers: Vec::new(),
            line_at: 0,
        }
    }

    /// Decodes up to the next piece of content or the end of `input`. Call again with what was
    /// not consumed until that is nothing, or the message is done.
    ///
    /// # Errors
    /// The content is malformed; nothing after this point can be trusted.
    pub fn step(&mut self, input: &[u8]) -> Result<Step, ChunkFault> {
        let mut at = 0;
        while let Some(byte) = input.get(at) {
            match self.state {
                State::Data => {
                    let here = input.len() - at;
                    let n = usize::try_from(self.left).map_or(here, |left| left.min(here));
                    self.left -= n as u64;
                    if self.left == 0 {
                        self.state = State::DataCr;
                    }
                    return Ok(Step {
                        consumed: at + n,
                        content: at..at + n,
                        done: false,
                    });
                }
                State::Done => break,
                _ => self.state = self.after(*byte)?,
            }
            at += 1;
        }
        Ok(Step {
            consumed: at,
            content: at..at,
            done: self.state == State::Done,
        })
    }

    /// The trailer field lines, each ended by CRLF, without the last empty line. Whole once the
    /// message is done. Fields that must not stand in trailers are left out.
    #[must_use]
    pub fn trailers(&self) -> &[u8] {
        self.trailers.get(..self.line_at).unwrap_or_default()
    }

    /// The state after one byte that is not content.
    fn after(&mut self, byte: u8) -> Result<State, ChunkFault> {
        match (self.state, byte) {
            (State::Size { digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                self.digit(byte, digits)
            }
            (State::Size { digits: 1.. } | State::Extension, b'\r') => Ok(State::SizeEnd),
            // "Bad" white space before an extension is for the recipient to remove (RFC 9110,
            // 5.6.3); nobody sends it but those who try what happens.
            (State::Size { digits: 1.. }, b';') => self.extension(),
            (State::Size { .. }, _) => Err(ChunkFault::Size),
            (State::Extension, b'\t' | 0x20..=0x7e | 0x80..) => self.extension(),
            (State::Extension, _) => Err(ChunkFault::Extension),
            (State::SizeEnd, b'\n') => {
                self.line_bytes = 0;
                Ok(if self.left == 0 {
                    State::Trailers
                } else {
                    State::Data
                })
            }
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size { digits: 0 }),
            (State::SizeEnd | State::DataCr | State::DataLf, _) => Err(ChunkFault::LineEnd),
            (State::Trailers, _) => self.trailer(byte),
            (State::Data | State::Done, _) => Ok(self.state),
        }
    }

    fn count(&mut self, most: usize) -> Result<(), ChunkFault> {
        self.line_bytes += 1;
        if self.line_bytes > most {
            return Err(ChunkFault::TooLong);
        }
        Ok(())
    }

    fn extension(&mut self) -> Result<State, ChunkFault> {
        self.count(CHUNK_LINE_BYTES_MAX)?;
        Ok(State::Extension)
    }

    fn digit(&mut self, byte: u8, digits: u8) -> Result<State, ChunkFault> {
        self.count(CHUNK_LINE_BYTES_MAX)?;
        let value = (byte as char).to_digit(16).ok_or(ChunkFault::Size)?;
        // At most sixteen digits, zeros included, and the top bit clear: no sum of a size and what
        // came before overflows (RFC 9112, 7.1: "MUST anticipate potentially large").
        if digits >= 16 || self.left >> 59 != 0 {
            return Err(ChunkFault::Size);
        }
        self.left = self.left << 4 | u64::from(value);
        Ok(State::Size { digits: digits + 1 })
    }

    fn trailer(&mut self, byte: u8) -> Result<State, ChunkFault> {
        self.count(TRAILER_BYTES_MAX)?;
        self.trailers.push(byte);
        if byte != b'\n' {
            return Ok(State::Trailers);
        }
        let line = self.trailers.get(self.line_at..).unwrap_or_default();
        match line {
            b"\r\n" => {
                self.trailers.truncate(self.line_at);
                return Ok(State::Done);
            }
            [field @ .., b'\r', b'\n'] => match trailer_line(field)? {
                Fate::Kept => self.line_at = self.trailers.len(),
                Fate::LeftOut => self.trailers.truncate(self.line_at),
            },
            _ => return Err(ChunkFault::LineEnd),
        }
        Ok(State::Trailers)
    }
}

enum Fate {
    Kept,
    LeftOut,
}

/// A trailer line without its CRLF, read as strictly as a line of a head (RFC 9112, 5.1).
///
/// What would frame or route the message anew is a fault: somebody hopes that a recipient merges
/// trailers into the head. Credentials, cookies, request modifiers, controls and the description
/// of content have no place here either and are left out, which a recipient may do with any
/// trailer (RFC 9110, 6.5.1 and 6.5.2).
fn trailer_line(line: &[u8]) -> Result<Fate, ChunkFault> {
    let colon = memchr::memchr(b':', line).ok_or(ChunkFault::Trailer)?;
    let (name, value) = line.split_at(colon);
    let visible = |byte: &u8| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f);
    if name.is_empty() || !name.iter().copied().all(is_token) || !value.iter().all(visible) {
        return Err(ChunkFault::Trailer);
    }
    match Name::from_bytes(name) {
        Name::Connection
        | Name::ContentLength
        | Name::Host
        | Name::KeepAlive
        | Name::ProxyConnection
        | Name::Te
        | Name::Trailer
        | Name::TransferEncoding
        | Name::Upgrade => Err(ChunkFault::Trailer),
        Name::Age
        | Name::Authorization
        | Name::CacheControl
        | Name::CdnCacheControl
        | Name::ContentEncoding
        | Name::ContentLocation
        | Name::ContentRange
        | Name::ContentType
        | Name::Cookie
        | Name::Date
        | Name::Expect
        | Name::Expires
        | Name::Forwarded
        | Name::IfMatch
        | Name::IfModifiedSince
        | Name::IfNoneMatch
        | Name::IfRange
        | Name::IfUnmodifiedSince
        | Name::Location
        | Name::MaxForwards
        | Name::Pragma
        | Name::ProxyAuthenticate
        | Name::ProxyAuthorization
        | Name::Range
        | Name::SetCookie
        | Name::SurrogateControl
        | Name::Vary
        | Name::Via
        | Name::XForwardedFor
        | Name::XForwardedProto => Ok(Fate::LeftOut),
        _ => Ok(Fate::Kept),
    }
}

/// The line before a chunk of `len` bytes.
pub fn chunk_line(len: usize, out: &mut [u8; 20]) -> &[u8] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut at = out.len() - 2;
    out[at] = b'\r';
    out[at + 1] = b'\n';
    let mut left = len;
    loop {
        at -= 1;
        out[at] = DIGITS[left & 15];
        left >>= 4;
        if left == 0 {
            return &out[at..];
        }
    }
}

#[cfg(test)]
mod tests;
