//! The chunked coding (RFC 9112, 7.1): a decoder that reads strictly, and the encoder's lines.

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
    /// A line is not ended by CRLF, or content runs over its chunk.
    LineEnd,
    /// A trailer line is malformed.
    Trailer,
}

impl ChunkFault {
    /// What is wrong.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            ChunkFault::Size => "a chunk size is malformed",
            ChunkFault::TooLong => "a chunk size line or the trailers are too long",
            ChunkFault::LineEnd => "a chunk is not ended by CRLF",
            ChunkFault::Trailer => "a trailer field is malformed",
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
    Size { digits: u8 },
    /// Within extensions; whether a CR was the last byte.
    Extension,
    /// After the CR of a size line.
    SizeEnd,
    /// Within content, so many bytes left.
    Data,
    /// Before the CR, then the LF, after content.
    DataCr,
    DataLf,
    /// Within the trailer section.
    Trailers,
    Done,
}

/// Decodes one chunked content, fed in pieces of any size.
#[derive(Clone, Debug)]
pub struct Decoder {
    state: State,
    left: u64,
    line_bytes: usize,
    trailers: Vec<u8>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder at the start of a content.
    #[must_use]
    pub fn new() -> Decoder {
        Decoder { state: State::Size { digits: 0 }, left: 0, line_bytes: 0, trailers: Vec::new() }
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
                    return Ok(Step { consumed: at + n, content: at..at + n, done: false });
                }
                State::Done => break,
                _ => self.byte(*byte)?,
            }
            at += 1;
            if self.state == State::Done {
                break;
            }
        }
        Ok(Step { consumed: at, content: at..at, done: self.state == State::Done })
    }

    /// The trailer field lines, each ended by CRLF, without the last empty line.
    #[must_use]
    pub fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    fn byte(&mut self, byte: u8) -> Result<(), ChunkFault> {
        self.state = match (self.state, byte) {
            (State::Size { digits }, _) if byte.is_ascii_hexdigit() => {
                self.count_line()?;
                self.digit(byte, digits)?
            }
            (State::Size { digits: 1.. }, b'\r') => State::SizeEnd,
            // Blanks before an extension are allowed only as "bad" white space, which we refuse:
            // no sender needs them.
            (State::Size { digits: 1.. }, b';') => State::Extension,
            (State::Size { .. }, _) => return Err(ChunkFault::Size),
            (State::Extension, b'\r') => State::SizeEnd,
            (State::Extension, b'\t' | 0x20..=0x7e | 0x80..) => {
                self.count_line()?;
                State::Extension
            }
            (State::Extension, _) => return Err(ChunkFault::Size),
            (State::SizeEnd, b'\n') => {
                self.line_bytes = 0;
                if self.left == 0 { State::Trailers } else { State::Data }
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size { digits: 0 },
            (State::SizeEnd | State::DataCr | State::DataLf, _) => return Err(ChunkFault::LineEnd),
            (State::Trailers, _) => self.trailer(byte)?,
            (State::Data, _) => State::Data,
            (State::Done, _) => State::Done,
        };
        Ok(())
    }

    fn count_line(&mut self) -> Result<(), ChunkFault> {
        self.line_bytes += 1;
        if self.line_bytes > CHUNK_LINE_BYTES_MAX {
            return Err(ChunkFault::TooLong);
        }
        Ok(())
    }

    fn digit(&mut self, byte: u8, digits: u8) -> Result<State, ChunkFault> {
        let value = (byte as char).to_digit(16).ok_or(ChunkFault::Size)?;
        if digits == 0 {
            self.left = 0;
        }
        // Sixteen digits with the top bit clear: sums of sizes can't overflow either.
        if digits >= 16 || self.left >> 59 != 0 {
            return Err(ChunkFault::Size);
        }
        self.left = self.left << 4 | u64::from(value);
        Ok(State::Size { digits: digits + 1 })
    }

    fn trailer(&mut self, byte: u8) -> Result<State, ChunkFault> {
        if self.trailers.len() >= TRAILER_BYTES_MAX {
            return Err(ChunkFault::TooLong);
        }
        self.trailers.push(byte);
        if byte != b'\n' {
            return Ok(State::Trailers);
        }
        let line_at = self.trailers.len() - self.line_start();
        let line = self.trailers.get(self.trailers.len() - line_at..).unwrap_or_default();
        match line {
            b"\r\n" => {
                self.trailers.truncate(self.trailers.len() - 2);
                Ok(State::Done)
            }
            [field @ .., b'\r', b'\n'] if is_field_line(field) => {
                self.line_bytes = self.trailers.len();
                Ok(State::Trailers)
            }
            _ => Err(ChunkFault::Trailer),
        }
    }

    /// Where the current trailer line begins: `line_bytes` serves as its position there.
    fn line_start(&self) -> usize {
        self.line_bytes
    }
}

/// `name: value`, as strict as in a head. Framing and routing fields have no place in trailers
/// (RFC 9110, 6.5.1).
fn is_field_line(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { return false };
    let (name, value) = line.split_at(colon);
    let framing = [&b"transfer-encoding"[..], b"content-length", b"host", b"connection", b"trailer"];
    !name.is_empty()
        && name.iter().all(|byte| is_token(*byte))
        && !framing.iter().any(|known| name.eq_ignore_ascii_case(known))
        && value.iter().all(|byte| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f))
}

/// A character of a token (RFC 9110, 5.6.2).
#[must_use]
pub fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
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
