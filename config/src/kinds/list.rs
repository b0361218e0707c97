//! Lists of strings, each element with its place in the text.
//!
//! Knows the bounds of a list. Whether two elements may be the same is asked in `crate::read`.

use super::{Absent, Complaint, Kind, Text};
use std::ops::RangeInclusive;
use toml_edit::{Array, Value};

/// A value and the byte of the text where it stands; 0 for one that is not written.
pub(crate) type At<T> = (T, usize);

/// A list of strings.
pub(crate) struct List<T: 'static> {
    /// What belongs there: "a list of servers".
    pub(crate) name: &'static str,
    pub(crate) of: Text<T>,
    /// How many there may be.
    pub(crate) length: RangeInclusive<usize>,
}

/// The length of a list that says something only when something is in it.
pub(crate) const SOME: RangeInclusive<usize> = 1..=usize::MAX;

impl<T> List<T> {
    fn elements(&self, array: &Array, complaints: &mut Vec<Complaint>) -> Option<Vec<At<T>>> {
        let before = complaints.len();
        let mut elements = Vec::with_capacity(array.len());
        for value in array {
            let mut about_one = Vec::new();
            let at = value.span().map_or(0, |span| span.start);
            elements.extend(
                self.of
                    .read(value, &mut about_one)
                    .map(|element| (element, at)),
            );
            complaints.extend(about_one.into_iter().map(|complaint| Complaint {
                expected: complaint.expected.or_else(|| Some(self.of.name())),
                ..complaint
            }));
        }
        (complaints.len() == before).then_some(elements)
    }
}

impl<T> Kind for List<T> {
    type Value = Vec<At<T>>;

    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn read(&self, value: &Value, complaints: &mut Vec<Complaint>) -> Option<Vec<At<T>>> {
        match value.as_array() {
            Some(array) if self.length.contains(&array.len()) => self.elements(array, complaints),
            Some(array) => {
                let found = match array.len() {
                    0 => "found an empty list".to_owned(),
                    n => format!("found a list of {n}"),
                };
                complaints.push(Complaint {
                    found,
                    ..Complaint::about(value, None)
                });
                None
            }
            None => {
                let text = value.as_str().filter(|text| (self.of.parse)(text).is_ok());
                let suggestion = text.map(|text| format!("write it in brackets: [\"{text}\"]"));
                complaints.push(Complaint::about(value, suggestion));
                None
            }
        }
    }

    fn absent(&self, default: &Vec<At<T>>) -> Absent {
        let shown = default
            .iter()
            .map(|(element, _)| format!("\"{}\"", (self.of.show)(element)));
        Absent::Default(format!("[{}]", shown.collect::<Vec<_>>().join(", ")))
    }
}
