//! Kinds of values: how each is read from TOML, named in a fault, and shown as a default.
//!
//! A kind knows its own grammar and bounds, which stand in the table of options
//! (`crate::reference`). It does not know which option it serves, nor any other value.

use crate::faults::{did_you_mean, one_of};
use crate::names;
use crate::units::{self, show_size, show_time};
use std::ops::Range;
use std::time::Duration;
use toml_edit::Value;

mod list;

pub(crate) use list::{At, List, SOME};

/// What is wrong with a value; the view adds the option and the place.
pub(crate) struct Complaint {
    /// Bytes of the text that are to blame, where they are narrower than the whole value.
    pub(crate) span: Option<Range<usize>>,
    /// The value as a phrase.
    pub(crate) found: String,
    /// What belongs there, where that is not what the kind is called.
    pub(crate) expected: Option<String>,
    /// What to do about it.
    pub(crate) suggestion: Option<String>,
}

impl Complaint {
    fn about(value: &Value, suggestion: Option<String>) -> Self {
        Self {
            span: value.span(),
            found: found(value),
            expected: None,
            suggestion,
        }
    }
}

/// What an option without a value means.
pub(crate) enum Absent {
    /// The default holds; its TOML.
    Default(String),
    /// Nothing is set; what that comes to.
    Unset(&'static str),
    /// It is a fault.
    Required,
}

/// A kind of value.
pub(crate) trait Kind: Sync {
    /// What comes out of it.
    type Value;

    /// What belongs there: "a size from 1KiB to 1MiB".
    fn name(&self) -> String;

    /// Whether the name lists all there is, so that an example adds nothing.
    fn is_closed(&self) -> bool {
        false
    }

    /// Reads a value, or says what is wrong with it.
    fn read(&self, value: &Value, complaints: &mut Vec<Complaint>) -> Option<Self::Value>;

    /// What it means that the option is not written, given its default.
    fn absent(&self, default: &Self::Value) -> Absent;
}

/// `true` or `false`.
pub(crate) struct Flag;

impl Kind for Flag {
    type Value = bool;

    fn name(&self) -> String {
        "true or false".to_owned()
    }

    fn is_closed(&self) -> bool {
        true
    }

    fn read(&self, value: &Value, complaints: &mut Vec<Complaint>) -> Option<bool> {
        let suggestion = || match value.as_str()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some("did you mean `true`?".to_owned()),
            "false" | "no" | "off" => Some("did you mean `false`?".to_owned()),
            _ => None,
        };
        if value.as_bool().is_none() {
            complaints.push(Complaint::about(value, suggestion()));
        }
        value.as_bool()
    }

    fn absent(&self, default: &bool) -> Absent {
        Absent::Default(default.to_string())
    }
}

/// A whole number with bounds, of something.
pub(crate) struct Count {
    pub(crate) min: u32,
    pub(crate) max: u32,
    /// What is counted: "connections".
    pub(crate) of: &'static str,
}

impl Kind for Count {
    type Value = u32;

    fn name(&self) -> String {
        format!("a number of {} from {} to {}", self.of, self.min, self.max)
    }

    fn is_closed(&self) -> bool {
        true
    }

    fn read(&self, value: &Value, complaints: &mut Vec<Complaint>) -> Option<u32> {
        let number = value.as_integer().and_then(|n| u32::try_from(n).ok());
        let number = number.filter(|n| (self.min..=self.max).contains(n));
        if number.is_none() {
            let quoted = value
                .as_str()
                .map(str::trim)
                .filter(|t| t.parse::<u32>().is_ok());
            let suggestion = quoted.map(|t| format!("write it without quotes: {t}"));
            complaints.push(Complaint::about(value, suggestion));
        }
        number
    }

    fn absent(&self, default: &u32) -> Absent {
        Absent::Default(default.to_string())
    }
}

/// Bytes with bounds: `"8GiB"`, or an integer.
pub(crate) struct Size {
    pub(crate) min: u64,
    pub(crate) max: u64,
}

impl Kind for Size {
    type Value = u64;

    fn name(&self) -> String {
        format!(
            "a size from {} to {}",
            show_size(self.min),
            show_size(self.max)
        )
    }

    fn read(&self, value: &Value, complaints: &mut Vec<Complaint>) -> Option<u64> {
        let size = match value {
            Value::String(text) => units::size(text.value()),
            Value::Integer(bytes) => u64::try_from(*bytes.value()).map_err(|_| None),
            _ => Err(None),
        };
        let in_bounds = |bytes: &u64| (self.min..=self.max).contains(bytes);
        match size {
            Ok(bytes) if in_bounds(&bytes) => Some(bytes),
            Ok(_) => {
                complaints.push(Complaint::about(value, None));
                None
            }
            Err(suggestion) => {
                complaints.push(Complaint::about(value, suggestion));
                None
            }
        }
    }

    fn absent(&self, default: &u64) -> Absent {
        Absent::Default(format!("\"{}\"", show_size(*default)))
    }
}

/// A time with bounds: `"1m30s"`.
pub(crate) struct Time {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
    /// The finest step that makes a difference: a second for lifetimes, which HTTP counts so.
    pub(crate) step: Duration,
}

impl Kind for Time {
    type Value = Duration;

    fn name(&self) -> String {
        format!(
            "a time from {} to {}",
            show_time(self.min),
            show_time(self.max)
        )
    }

    fn read(&self, value: &Value, complaints: &mut Vec<Complaint>) -> Option<Duration> {
        let time = match value {
            Value::String(text) => units::time(text.value()),
            Value::Integer(n) if *n.value() >= 0 => {
                Err(Some(format!("add a unit: \"{}s\"", n.value())))
            }
            _ => Err(None),
        };
        let suggestion = match time {
            Ok(time) if time < self.min || time > self.max => None,
            Ok(time) if time.as_millis() % self.step.as_millis().max(1) != 0 => {
                Some(format!("write a multiple of {}", show_time(self.step)))
            }
            Ok(time) => return Some(time),
            Err(suggestion) => suggestion,
        };
        complaints.push(Complaint::about(value, suggestion));
        None
    }

    fn absent(&self, default: &Duration) -> Absent {
        Absent::Default(format!("\"{}\"", show_time(*default)))
    }
}

/// One of a few words, and what each stands for.
pub(crate) struct OneOf<T: 'static>(pub(crate) &'static [(&'static str, T)]);

impl<T: Copy + PartialEq + Sync> Kind for OneOf<T> {
    type Value = T;

    fn name(&self) -> String {
        let quoted: Vec<String> = self
            .0
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        one_of(&quoted).replace('`', "")
    }

    fn is_closed(&self) -> bool {
        true
    }

    fn read(&self, value: &Value, complaints: &mut Vec<Complaint>) -> Option<T> {
        let text = value.as_str();
        let known = self.0.iter().find(|(word, _)| Some(*word) == text);
        if known.is_none() {
            let words = self.0.iter().map(|(word, _)| *word);
            let suggestion = text.and_then(|text| did_you_mean(text, words));
            complaints.push(Complaint::about(value, suggestion));
        }
        known.map(|(_, meaning)| *meaning)
    }

    fn absent(&self, default: &T) -> Absent {
        let word = self.0.iter().find(|(_, meaning)| meaning == default);
        Absent::Default(word.map_or(String::new(), |(word, _)| format!("\"{word}\"")))
    }
}

/// What [`WordOr`] reads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Or<W, V> {
    /// One of the words, as what it stands for.
    Word(W),
    /// A value of the other kind.
    Value(V),
}

/// A word or two that stand in for a value: `"auto"`, `"off"`, `"all"`.
pub(crate) struct WordOr<W: 'static, K>(pub(crate) OneOf<W>, pub(crate) K);

impl<W: Copy + PartialEq + Sync, K: Kind> Kind for WordOr<W, K> {
    type Value = Or<W, K::Value>;

    fn name(&self) -> String {
        let words = self.0.name().replace(" or ", ", ");
        format!("{words} or {}", self.1.name())
    }

    fn is_closed(&self) -> bool {
        self.1.is_closed()
    }

    fn read(&self, value: &Value, complaints: &mut Vec<Complaint>) -> Option<Self::Value> {
        let mut about_word = Vec::new();
        if let Some(word) = self.0.read(value, &mut about_word) {
            return Some(Or::Word(word));
        }
        let before = complaints.len();
        let read = self.1.read(value, complaints).map(Or::Value);
        // A slip of a word is none of the value.
        about_word.retain(|complaint| complaint.suggestion.is_some());
        if read.is_none() && !about_word.is_empty() {
            complaints.splice(before.., about_word);
        }
        read
    }

    fn absent(&self, default: &Self::Value) -> Absent {
        match default {
            Or::Word(word) => self.0.absent(word),
            Or::Value(value) => self.1.absent(value),
        }
    }
}

/// A string with a grammar of its own, from `crate::names`.
pub(crate) struct Text<T: 'static> {
    /// What belongs there: "a path that begins with /".
    pub(crate) name: &'static str,
    pub(crate) parse: fn(&str) -> names::Read<T>,
    pub(crate) show: fn(&T) -> String,
}

impl<T> Kind for Text<T> {
    type Value = T;

    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn read(&self, value: &Value, complaints: &mut Vec<Complaint>) -> Option<T> {
        let parsed = value.as_str().ok_or(None).and_then(self.parse);
        parsed
            .map_err(|suggestion| complaints.push(Complaint::about(value, suggestion)))
            .ok()
    }

    fn absent(&self, default: &T) -> Absent {
        Absent::Default(format!("\"{}\"", (self.show)(default)))
    }
}

/// A kind that may be left out, and what that comes to.
pub(crate) struct Optional<K>(pub(crate) K, pub(crate) &'static str);

impl<K: Kind> Kind for Optional<K> {
    type Value = Option<K::Value>;

    fn name(&self) -> String {
        self.0.name()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn read(&self, value: &Value, complaints: &mut Vec<Complaint>) -> Option<Self::Value> {
        self.0.read(value, complaints).map(Some)
    }

    fn absent(&self, _: &Self::Value) -> Absent {
        Absent::Unset(self.1)
    }
}

/// A kind that must be written; `None` only beside a fault.
pub(crate) struct Required<K>(pub(crate) K);

impl<K: Kind> Kind for Required<K> {
    type Value = Option<K::Value>;

    fn name(&self) -> String {
        self.0.name()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn read(&self, value: &Value, complaints: &mut Vec<Complaint>) -> Option<Self::Value> {
        self.0.read(value, complaints).map(Some)
    }

    fn absent(&self, _: &Self::Value) -> Absent {
        Absent::Required
    }
}

/// Characters of a string that a fault repeats.
const QUOTED_CHARS_MAX: usize = 60;

/// A string as a fault repeats it: in quotes, on one line, and cut where it gets long.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{:?}", format!("{}…", &text[..end])),
        None => format!("{text:?}"),
    }
}

/// A value as a fault names it, always on one line.
pub(crate) fn found(value: &Value) -> String {
    match value {
        Value::String(text) => format!("found {}", quoted(text.value())),
        Value::Integer(number) => format!("found {}", number.value()),
        Value::Float(number) => format!("found {}", number.value()),
        Value::Boolean(flag) => format!("found {}", flag.value()),
        Value::Datetime(date) => format!("found the date {}", date.value()),
        Value::Array(_) => "found a list".to_owned(),
        Value::InlineTable(_) => "found a table".to_owned(),
    }
}
