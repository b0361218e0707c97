//! What is wrong with a configuration, and where: one line for each fault, all of them at once.
//!
//! Knows positions in a text and how to word a fault. Does not know any option.

use std::fmt;

/// Everything that is wrong with one configuration text; never empty.
///
/// Displays one line for each fault, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// The file as the operator named it.
    pub file: String,
    /// The faults, by position.
    pub faults: Vec<FaultAt>,
}

/// One fault and its place.
///
/// `12:3: [origins.app] keepalive: unknown key; expected one of …; did you mean `keep_alive`?`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultAt {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The option as `[table] key`; empty when the text is not TOML.
    pub path: String,
    /// What is there, as a phrase: `unknown key`, `missing`, `found "5 parsecs"`.
    pub found: String,
    /// What belongs there; empty when nothing does.
    pub expected: String,
    /// What to do about it, when there is a good guess.
    pub suggestion: Option<String>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.faults.iter().enumerate() {
            let end_of_last = if n == 0 { "" } else { "\n" };
            write!(f, "{end_of_last}{}:{fault}", self.file)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl fmt::Display for FaultAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.found)?;
        if !self.expected.is_empty() {
            write!(f, "; expected {}", self.expected)?;
        }
        match &self.suggestion {
            Some(suggestion) => write!(f, "; {suggestion}"),
            None => Ok(()),
        }
    }
}

/// Bytes of a suggestion; the longest of our own words are well below it.
const SUGGESTION_BYTES_MAX: usize = 320;

/// Collects faults by byte offset while a text is read; lines and columns are counted at the end.
pub(crate) struct Blame<'t> {
    text: &'t str,
    faults: Vec<(usize, FaultAt)>,
}

impl<'t> Blame<'t> {
    /// Nothing yet to say about `text`.
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text,
            faults: Vec::new(),
        }
    }

    /// The line of byte `at`, from 1.
    pub(crate) fn line_of(&self, at: usize) -> usize {
        Place::start(self.text).advance(at).0
    }

    /// Notes a fault at byte `at`.
    pub(crate) fn add(
        &mut self,
        at: usize,
        path: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
        suggestion: Option<String>,
    ) {
        let fault = FaultAt {
            line: 0,
            column: 0,
            path: path.into(),
            found: found.into(),
            expected: expected.into(),
            // One that repeats what nobody reads to its end is no help.
            suggestion: suggestion.filter(|text| text.len() <= SUGGESTION_BYTES_MAX),
        };
        self.faults.push((at, fault));
    }

    /// Whether nothing was wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// The faults with their lines and columns. Cost: one pass over the text, whatever their number.
    pub(crate) fn faults(mut self, file: &str) -> Faults {
        self.faults.sort_by_key(|(at, _)| *at);
        let mut place = Place::start(self.text);
        let faults = self.faults.into_iter().map(|(at, fault)| {
            let (line, column) = place.advance(at);
            FaultAt {
                line,
                column,
                ..fault
            }
        });
        Faults {
            file: file.to_owned(),
            faults: faults.collect(),
        }
    }
}

/// A position that only moves forward through a text.
struct Place<'t> {
    rest: std::str::CharIndices<'t>,
    line: usize,
    column: usize,
}

impl<'t> Place<'t> {
    /// At the first character of `text`.
    fn start(text: &'t str) -> Self {
        Self {
            rest: text.char_indices(),
            line: 1,
            column: 1,
        }
    }

    /// Line and column of byte `at`, which is not before the last one asked for.
    fn advance(&mut self, at: usize) -> (usize, usize) {
        while self.rest.offset() < at {
            match self.rest.next() {
                Some((_, '\n')) => (self.line, self.column) = (self.line + 1, 1),
                // A byte order mark is no column to anyone who looks at the file.
                Some((_, '\u{feff}')) => {}
                Some(_) => self.column += 1,
                None => break,
            }
        }
        (self.line, self.column)
    }
}

/// "did you mean `b`?" for the candidate that `word` is most likely a slip of.
pub(crate) fn did_you_mean<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<String> {
    // Distance is quadratic in length, and no name of ours is near this long.
    if word.len() > 64 {
        return None;
    }
    let plain = |s: &str| s.to_ascii_lowercase().replace('-', "_");
    let slips_max = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(&plain(word), &plain(c)), c))
        .filter(|(slips, c)| *slips <= slips_max && *slips < c.chars().count())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, c)| format!("did you mean `{c}`?"))
}

/// "`a`", "`a` or `b`", "one of `a`, `b`, `c`": names as a fault lists them.
pub(crate) fn one_of<S: AsRef<str>>(names: &[S]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        [] => "nothing".to_owned(),
        [a] => format!("`{a}`"),
        [a, b] => format!("`{a}` or `{b}`"),
        more => format!("one of `{}`", more.join("`, `")),
    }
}
