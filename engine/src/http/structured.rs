//! Structured field values: lists, dictionaries and items (RFC 9651).
//!
//! As strict as section 4.2 asks: what breaks the grammar anywhere is not read at all, and the
//! caller then takes the field as absent. Bounded by [`limits`]; the work is that of one walk, and
//! of sorting keys. What is read borrows from the field lines, except where an escape or a code
//! must be undone.
//!
//! Knows the grammar; not which field has which type, nor what a member means.
//!
//! [`limits`]: crate::limits

use crate::limits::{STRUCTURED_INNER_MAX, STRUCTURED_MEMBERS_MAX};
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

mod parse;

use parse::Parser;

/// A value without its parameters (RFC 9651, 3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'b> {
    /// A whole number of at most 15 digits.
    Integer(i64),
    /// A number with up to three digits after its point, as thousandths.
    Decimal(i64),
    /// Printable ASCII, its escapes undone.
    String(Cow<'b, [u8]>),
    /// A word.
    Token(&'b [u8]),
    /// Bytes, decoded from Base64.
    Bytes(Vec<u8>),
    /// `?0` or `?1`
    Boolean(bool),
    /// Seconds since the Unix epoch.
    Date(i64),
    /// Unicode text, its escapes undone.
    Display(String),
}

/// Values by key. Sorted by it: nobody here asks for their order. Of several with the same key the
/// last one counts (RFC 9651, 3.1.2 and 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyed<'b, T>(Vec<(&'b [u8], T)>);

/// The parameters of an item or an inner list (RFC 9651, 3.1.2).
pub type Parameters<'b> = Keyed<'b, Value<'b>>;

/// A dictionary (RFC 9651, 3.2).
pub type Dictionary<'b> = Keyed<'b, Member<'b>>;

/// A value and its parameters (RFC 9651, 3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'b> {
    /// The value.
    pub value: Value<'b>,
    /// Its parameters.
    pub parameters: Parameters<'b>,
}

/// An inner list and its parameters (RFC 9651, 3.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InnerList<'b> {
    /// The items, in order.
    pub items: Vec<Item<'b>>,
    /// The parameters of the list as a whole.
    pub parameters: Parameters<'b>,
}

/// A member of a list or a dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member<'b> {
    /// One item.
    Item(Item<'b>),
    /// Several in parentheses.
    Inner(InnerList<'b>),
}

impl<'b> Member<'b> {
    /// The value, when it is one item.
    #[must_use]
    pub fn value(&self) -> Option<&Value<'b>> {
        match self {
            Member::Item(item) => Some(&item.value),
            Member::Inner(_) => None,
        }
    }

    /// The items, when it is an inner list.
    #[must_use]
    pub fn items(&self) -> Option<&[Item<'b>]> {
        match self {
            Member::Item(_) => None,
            Member::Inner(inner) => Some(&inner.items),
        }
    }

    /// The number, when it is an Integer.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match self.value() {
            Some(Value::Integer(integer)) => Some(*integer),
            _ => None,
        }
    }

    /// The truth, when it is a Boolean.
    #[must_use]
    pub fn boolean(&self) -> Option<bool> {
        match self.value() {
            Some(Value::Boolean(boolean)) => Some(*boolean),
            _ => None,
        }
    }

    /// The text, when it is a String.
    #[must_use]
    pub fn string(&self) -> Option<&[u8]> {
        self.value().and_then(Value::string)
    }
}

impl Value<'_> {
    /// The text, when it is a String.
    #[must_use]
    pub fn string(&self) -> Option<&[u8]> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

impl<'b, T> Keyed<'b, T> {
    /// Of pairs in the order in which they came.
    fn of(mut pairs: Vec<(&'b [u8], T)>) -> Keyed<'b, T> {
        // Sorting is stable: of equal keys the last one stays the last.
        pairs.sort_by(|a, b| a.0.cmp(b.0));
        let mut kept: Vec<(&'b [u8], T)> = Vec::with_capacity(pairs.len());
        for pair in pairs {
            match kept.last_mut() {
                Some(last) if last.0 == pair.0 => *last = pair,
                _ => kept.push(pair),
            }
        }
        Keyed(kept)
    }

    /// The value of this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&T> {
        let at = self.0.binary_search_by(|pair| pair.0.cmp(key.as_bytes()));
        at.ok().and_then(|at| self.0.get(at)).map(|pair| &pair.1)
    }

    /// All keys with their values, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&'b [u8], &T)> {
        self.0.iter().map(|pair| (pair.0, &pair.1))
    }

    /// How many keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// No key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The members of a list over all lines of a field; empty when there is no line. `None` when any
/// of it breaks the grammar (RFC 9651, 4.2.1).
pub fn list<'b>(lines: impl Iterator<Item = &'b [u8]>) -> Option<Vec<Member<'b>>> {
    let mut members = Vec::new();
    each(lines, |parser| {
        members.push(parser.member()?);
        Some(members.len())
    })?;
    Some(members)
}

/// The members of a dictionary over all lines of a field; empty when there is no line. `None` when
/// any of it breaks the grammar (RFC 9651, 4.2.2).
pub fn dictionary<'b>(lines: impl Iterator<Item = &'b [u8]>) -> Option<Dictionary<'b>> {
    let mut members = Vec::new();
    each(lines, |parser| {
        let key = parser.key()?;
        let member = if parser.takes(b'=') {
            parser.member()?
        } else {
            Member::Item(Item {
                value: Value::Boolean(true),
                parameters: parser.parameters()?,
            })
        };
        members.push((key, member));
        Some(members.len())
    })?;
    Some(Keyed::of(members))
}

/// The one item of a field. `None` when it breaks the grammar, is not there, or there are more
/// (RFC 9651, 4.2.3).
pub fn item<'b>(mut lines: impl Iterator<Item = &'b [u8]>) -> Option<Item<'b>> {
    let mut parser = Parser::new(lines.next()?);
    if lines.next().is_some() {
        return None;
    }
    parser.spaces();
    let item = parser.item()?;
    parser.spaces();
    parser.is_done().then_some(item)
}

/// Reads the members of all lines as of one value, in which commas stand between the lines
/// (RFC 9651, 4.2). `read` gives back how many members there are by now.
///
/// Line by line, so that nothing needs to be copied. It makes one difference: a string that begins
/// in one line and ends in the next is refused here. The RFC calls what becomes of it
/// unpredictable.
fn each<'b>(
    lines: impl Iterator<Item = &'b [u8]>,
    mut read: impl FnMut(&mut Parser<'b>) -> Option<usize>,
) -> Option<()> {
    let (mut count, mut empty) = (0, false);
    for line in lines {
        // An empty line among others is an empty member, which no list has.
        if empty {
            return None;
        }
        let mut parser = Parser::new(line);
        if count == 0 {
            parser.spaces();
        } else {
            parser.white_space();
        }
        if parser.is_done() {
            if count > 0 {
                return None;
            }
            empty = true;
            continue;
        }
        loop {
            count = read(&mut parser).filter(|count| *count <= STRUCTURED_MEMBERS_MAX)?;
            parser.white_space();
            if parser.is_done() {
                break;
            }
            if !parser.takes(b',') {
                return None;
            }
            parser.white_space();
            if parser.is_done() {
                // A comma with nothing behind it.
                return None;
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests;
