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
        let mut normal = Vec::new();
        let path = if target::is_normal(path) {
            path
        } else {
            target::normal_path(path, &mut normal);
            &normal
        };
        match query {
            Some(query) if !self.leaves(query) => {
                let wanted = self.apply(query);
                hash(
                    seed,
                    site,
                    host,
                    path,
                    (!wanted.is_empty()).then_some(&wanted),
                )
            }
            _ => hash(seed, site, host, path, query),
        }
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

/// Bytes that are hashed in one go: most URLs. The hash is slow to start on each part.
const WHOLE_BYTES_MAX: usize = 256;

/// The hash of parts in normal form, but for the case of the host.
fn hash(seed: Seed, site: u16, host: &[u8], path: &[u8], query: Option<&[u8]>) -> Key {
    let mut key = KeyWriter::new(seed);
    let [site_low, site_high] = site.to_le_bytes();
    let asks = u8::from(query.is_some());
    let query = query.unwrap_or_default();
    match (u8::try_from(host.len()), u8::try_from(path.len())) {
        (Ok(host_len), Ok(path_len))
            if 5 + host.len() + path.len() + query.len() <= WHOLE_BYTES_MAX =>
        {
            let mut whole = [0; WHOLE_BYTES_MAX];
            // The lengths say where each part ends.
            let start = [site_low, site_high, host_len, path_len, asks];
            let mut rest = &mut whole[..];
            for part in [&start, host, path, query] {
                // It was seen above that all fit.
                let Some((place, after)) = rest.split_at_mut_checked(part.len()) else {
                    break;
                };
                place.copy_from_slice(part);
                rest = after;
            }
            if let Some(host) = whole.get_mut(5..5 + host.len()) {
                host.make_ascii_lowercase();
            }
            key.bytes(
                whole
                    .get(..5 + host.len() + path.len() + query.len())
                    .unwrap_or_default(),
            );
        }
        _ => {
            key.bytes(&[site_low, site_high, asks]);
            key.lower(host);
            key.bytes(path);
            key.bytes(query);
        }
    }
    key.finish()
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
