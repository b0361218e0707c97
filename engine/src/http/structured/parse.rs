//! The grammar of one line, a piece at a time (RFC 9651, 4.2.1.1 to 4.2.10).
//!
//! Every step takes what it has read off the front; `None` means that the grammar is broken.

use super::{InnerList, Item, Keyed, Member, Parameters, Value, STRUCTURED_INNER_MAX};
use crate::http::field::is_token;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// What is left of a line.
pub(super) struct Parser<'b> {
    rest: &'b [u8],
}

impl<'b> Parser<'b> {
    pub(super) fn new(line: &'b [u8]) -> Parser<'b> {
        Parser { rest: line }
    }

    pub(super) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn spaces(&mut self) {
        while self.takes(b' ') {}
    }

    /// Spaces and tabs.
    pub(super) fn white_space(&mut self) {
        while self.takes(b' ') || self.takes(b'\t') {}
    }

    /// Takes this byte if it is the next one.
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        if is_next {
            self.next();
        }
        is_next
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// Takes all bytes for which `is` holds.
    fn while_is(&mut self, is: impl Fn(u8) -> bool) -> &'b [u8] {
        let len = self.rest.iter().position(|byte| !is(*byte));
        let (taken, rest) = self.rest.split_at(len.unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// An item or an inner list (4.2.1.1).
    pub(super) fn member(&mut self) -> Option<Member<'b>> {
        if self.peek() == Some(b'(') {
            self.inner_list().map(Member::Inner)
        } else {
            self.item().map(Member::Item)
        }
    }

    /// 4.2.1.2
    fn inner_list(&mut self) -> Option<InnerList<'b>> {
        self.next();
        let mut items = Vec::new();
        loop {
            self.spaces();
            if self.takes(b')') {
                let parameters = self.parameters()?;
                return Some(InnerList { items, parameters });
            }
            if items.len() == STRUCTURED_INNER_MAX {
                return None;
            }
            items.push(self.item()?);
            if !matches!(self.peek(), Some(b' ' | b')')) {
                return None;
            }
        }
    }

    /// 4.2.3
    pub(super) fn item(&mut self) -> Option<Item<'b>> {
        Some(Item {
            value: self.value()?,
            parameters: self.parameters()?,
        })
    }

    /// 4.2.3.2
    pub(super) fn parameters(&mut self) -> Option<Parameters<'b>> {
        let mut parameters = Vec::new();
        while self.takes(b';') {
            if parameters.len() == STRUCTURED_INNER_MAX {
                return None;
            }
            self.spaces();
            let key = self.key()?;
            let value = if self.takes(b'=') {
                self.value()?
            } else {
                Value::Boolean(true)
            };
            parameters.push((key, value));
        }
        Some(Keyed::of(parameters))
    }

    /// 4.2.3.3
    pub(super) fn key(&mut self) -> Option<&'b [u8]> {
        let is_first = |byte: u8| byte.is_ascii_lowercase() || byte == b'*';
        self.peek().filter(|byte| is_first(*byte))?;
        let is_more = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.');
        Some(self.while_is(|byte| is_first(byte) || is_more(byte)))
    }

    /// 4.2.3.1
    fn value(&mut self) -> Option<Value<'b>> {
        match self.peek()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string().map(Value::String),
            b'A'..=b'Z' | b'a'..=b'z' | b'*' => {
                let is_part = |byte| is_token(byte) || matches!(byte, b':' | b'/');
                Some(Value::Token(self.while_is(is_part)))
            }
            b':' => self.bytes().map(Value::Bytes),
            b'?' => {
                self.next();
                match self.next()? {
                    b'0' => Some(Value::Boolean(false)),
                    b'1' => Some(Value::Boolean(true)),
                    _ => None,
                }
            }
            b'@' => {
                self.next();
                match self.number()? {
                    Value::Integer(seconds) => Some(Value::Date(seconds)),
                    _ => None,
                }
            }
            b'%' => self.display().map(Value::Display),
            _ => None,
        }
    }

    /// 4.2.4: an Integer of up to 15 digits, or a Decimal of up to 12 and 3.
    fn number(&mut self) -> Option<Value<'b>> {
        let sign = if self.takes(b'-') { -1 } else { 1 };
        let whole = self.while_is(|byte| byte.is_ascii_digit());
        let is_decimal = self.takes(b'.');
        if whole.is_empty() || whole.len() > if is_decimal { 12 } else { 15 } {
            return None;
        }
        if !is_decimal {
            return Some(Value::Integer(sign * digits(whole)));
        }
        let part = self.while_is(|byte| byte.is_ascii_digit());
        let scale = match part.len() {
            1 => 100,
            2 => 10,
            3 => 1,
            _ => return None,
        };
        Some(Value::Decimal(
            sign * (digits(whole) * 1000 + digits(part) * scale),
        ))
    }

    /// 4.2.5
    fn string(&mut self) -> Option<Cow<'b, [u8]>> {
        self.next();
        let plain = self.while_is(|byte| matches!(byte, b' '..=b'~') && !is_quoting(byte));
        if self.takes(b'"') {
            return Some(Cow::Borrowed(plain));
        }
        let mut text = plain.to_vec();
        loop {
            match self.next()? {
                b'"' => return Some(Cow::Owned(text)),
                b'\\' => text.push(self.next().filter(|byte| is_quoting(*byte))?),
                byte @ b' '..=b'~' => text.push(byte),
                _ => return None,
            }
        }
    }

    /// 4.2.7: Base64 between colons. Padding may be missing, and its bits may be anything, as the
    /// RFC wants it taken.
    fn bytes(&mut self) -> Option<Vec<u8>> {
        self.next();
        let text = self.while_is(|byte| byte != b':');
        if !self.takes(b':') {
            return None;
        }
        let sextets = match text {
            [inner @ .., b'=', b'='] if inner.len() % 4 == 2 => inner,
            [inner @ .., b'='] if inner.len() % 4 == 3 => inner,
            inner => inner,
        };
        if sextets.len() % 4 == 1 {
            return None;
        }
        let mut bytes = Vec::with_capacity(sextets.len() / 4 * 3 + 2);
        for quad in sextets.chunks(4) {
            let mut bits = 0;
            for at in 0..4 {
                let sextet = quad.get(at).map_or(Some(0), |byte| sextet(*byte))?;
                bits = bits << 6 | sextet;
            }
            let [_, triple @ ..] = bits.to_be_bytes();
            bytes.extend_from_slice(triple.get(..quad.len() - 1)?);
        }
        Some(bytes)
    }

    /// 4.2.10: `%"`, printable ASCII and `%` with two digits in lower case, which together are
    /// UTF-8.
    fn display(&mut self) -> Option<String> {
        self.next();
        if !self.takes(b'"') {
            return None;
        }
        let mut text = Vec::new();
        loop {
            match self.next()? {
                b'"' => return String::from_utf8(text).ok(),
                b'%' => {
                    let (high, low) = (self.hex()?, self.hex()?);
                    text.push(high << 4 | low);
                }
                byte @ b' '..=b'~' => text.push(byte),
                _ => return None,
            }
        }
    }

    fn hex(&mut self) -> Option<u8> {
        match self.next()? {
            byte @ b'0'..=b'9' => Some(byte - b'0'),
            byte @ b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        }
    }
}

fn is_quoting(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\')
}

/// At most 15 digits, so it fits.
fn digits(text: &[u8]) -> i64 {
    text.iter()
        .fold(0, |number, byte| number * 10 + i64::from(byte - b'0'))
}

fn sextet(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}
