//! What an entry of the table of options is made of.

use crate::kinds::{Absent, Kind};

/// One option.
pub(crate) struct Opt<K: Kind> {
    /// The key in its table; dotted where a table is written inline: `cache.refresh.min`. A last
    /// part in capitals stands for what the operator makes up.
    pub(crate) key: &'static str,
    pub(crate) kind: K,
    pub(crate) default: fn() -> K::Value,
    /// What it does, in a sentence or two.
    pub(crate) meaning: &'static str,
    /// A value that is not the default, as TOML.
    pub(crate) example: &'static str,
}

/// What every option has, whatever its kind.
pub(crate) trait Entry: Sync {
    fn key(&self) -> &'static str;
    fn kind(&self) -> String;
    fn absent(&self) -> Absent;
    fn meaning(&self) -> &'static str;
    fn example(&self) -> &'static str;
}

impl<K: Kind> Entry for Opt<K> {
    fn key(&self) -> &'static str {
        self.key
    }

    fn kind(&self) -> String {
        self.kind.name()
    }

    fn absent(&self) -> Absent {
        self.kind.absent(&(self.default)())
    }

    fn meaning(&self) -> &'static str {
        self.meaning
    }

    fn example(&self) -> &'static str {
        self.example
    }
}

/// One table of the file.
pub(crate) struct Section {
    /// Its place: `sites.routes`; NAME stands for what the operator makes up.
    pub(crate) name: &'static str,
    /// As it is written: `[[sites.routes]]`.
    pub(crate) header: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) options: &'static [&'static dyn Entry],
    /// Keys that a later release brings, and what they are about.
    pub(crate) later: &'static [(&'static str, &'static str)],
}
