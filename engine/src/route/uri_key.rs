//! The cache key of a URL: a keyed hash over site, host, path and query (RFC 9111, 2).
//!
//! Two URLs that RFC 3986 makes equivalent have one key: host in any case, path in normal form.
//! The query is taken as it is, but for what the route's `cache.key` asks. It is made on every
//! request, so nothing is copied unless the query must be changed.

use crate::http::target;
use crate::key::{Key, KeyWriter, Seed};
use alloc::boxed::Box;
use alloc::vec::Vec;
use ringside_config::KeyOptions;

/// How the keys of one route are made.
#[derive(Clone, Debug, Default)]
pub struct KeyRule {
    ignore: Box<[Pattern]>,
    keep: Box<[Pattern]>,
    sort: bool,
}

/// The name of a parameter, or with `open` how one begins.
#[derive(Clone, Debug)]
struct Pattern {
    text: Box<[u8]>,
    open: bool,
}

impl Pattern {
    fn of(text: &str) -> Pattern {
        let bare = text.strip_suffix('*');
        let open = bare.is_some();
        Pattern {
            text: bare.unwrap_or(text).as_bytes().into(),
            open,
        }
    }

    fn matches(&self, name: &[u8]) -> bool {
        *self.text == *name || self.open && name.starts_with(&self.text)
    }
}

impl KeyRule {
    /// The rule that `cache.key` of a route describes.
    #[must_use]
    pub fn new(options: &KeyOptions) -> KeyRule {
        KeyRule {
            ignore: options
                .ignore
                .iter()
                .map(|text| Pattern::of(text))
                .collect(),
            keep: options.keep.iter().map(|text| Pattern::of(text)).collect(),
            sort: options.sort,
        }
    }

    /// The key of a URL on this route. `host` in any case, with the port unless it is the
    /// scheme's own; `path` in any form; `query` without its question mark. An empty query is
    /// not the same as none (RFC 3986, 6.2.3), but one that the rule has emptied is.
    #[must_use]
    pub fn key(
        &self,
        seed: Seed,
        site: u16,
        host: &[u8],
        path: &[u8],
        query: Option<&[u8]>,
    ) -> Key {
        let mut key = KeyWriter::new(seed);
        key.bytes(&site.to_le_bytes());
        key.lower(host);
        if target::is_normal(path) {
            key.bytes(path);
        } else {
            let mut normal = Vec::with_capacity(path.len());
            target::normal_path(path, &mut normal);
            key.bytes(&normal);
        }
        match query {
            None => {}
            Some(query) if self.leaves(query) => key.bytes(query),
            Some(query) => {
                let wanted = self.apply(query);
                if !wanted.is_empty() {
                    key.bytes(&wanted);
                }
            }
        }
        key.finish()
    }

    /// The rule changes nothing in this query.
    fn leaves(&self, query: &[u8]) -> bool {
        if query.is_empty() || !self.sort && self.ignore.is_empty() && self.keep.is_empty() {
            return true;
        }
        let mut before: Option<&[u8]> = None;
        parameters(query).all(|parameter| {
            let name = name_of(parameter);
            let sorted = !self.sort || before.is_none_or(|before| before <= name);
            before = Some(name);
            sorted && self.wants(name)
        })
    }

    fn apply(&self, query: &[u8]) -> Vec<u8> {
        let mut wanted: Vec<&[u8]> = parameters(query)
            .filter(|parameter| self.wants(name_of(parameter)))
            .collect();
        if self.sort {
            // Stable: the order of equal names may mean something.
            wanted.sort_by_key(|parameter| name_of(parameter));
        }
        wanted.join(&b'&')
    }

    fn wants(&self, name: &[u8]) -> bool {
        let names = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(name));
        if self.keep.is_empty() {
            !names(&self.ignore)
        } else {
            names(&self.keep)
        }
    }
}

fn parameters(query: &[u8]) -> impl Iterator<Item = &[u8]> {
    query.split(|byte| *byte == b'&')
}

fn name_of(parameter: &[u8]) -> &[u8] {
    parameter
        .split(|byte| *byte == b'=')
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
