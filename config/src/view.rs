//! A TOML table seen through the table of options.
//!
//! Opening a view refuses every key that `crate::reference` does not list, so what is read and
//! what is documented cannot part. Knows TOML; does not know what any option means.

use crate::faults::{did_you_mean, one_of, Blame};
use crate::kinds::{found, Absent, Kind};
use crate::reference::{Entry, Opt, Section, SECTIONS};
use toml_edit::{Item, Key, Table, TableLike, Value};

/// One table of the document, or the absence of one, which reads as all defaults.
pub(crate) struct View<'d> {
    section: &'static Section,
    /// The table as faults name it: `[limits]`; empty for the document itself.
    header: String,
    /// The part of dotted keys that has been walked: `cache.refresh.`.
    prefix: String,
    table: Option<&'d dyn TableLike>,
    /// The byte where the table begins: what is missing is missing here.
    at: usize,
}

impl<'d> View<'d> {
    /// The whole document.
    pub(crate) fn root(table: &'d Table, root: &'static Section, blame: &mut Blame<'_>) -> Self {
        let view = View {
            section: root,
            header: String::new(),
            prefix: String::new(),
            table: Some(table),
            at: 0,
        };
        view.refuse_unknown_keys(blame);
        view
    }

    /// A table of this kind of no document: all defaults.
    pub(crate) fn of_nothing(section: &'static Section) -> Self {
        View {
            section,
            header: section.header.to_owned(),
            prefix: String::new(),
            table: None,
            at: 0,
        }
    }

    /// The byte where this table begins.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The byte where the value of `key` begins, or its header, or else this table.
    pub(crate) fn at_value(&self, key: &str) -> usize {
        let Some((_, item)) = self.entry(key) else {
            return self.at;
        };
        let value = item.as_value().and_then(Value::span);
        value.map_or_else(|| self.key_at(key, item), |span| span.start)
    }

    /// Whether the table is there at all.
    pub(crate) fn is_written(&self) -> bool {
        self.table.is_some()
    }

    /// Whether `key` is written.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// The value of `key`, whatever it is.
    pub(crate) fn value(&self, key: &str) -> Option<&'d Value> {
        self.entry(key).and_then(|(_, item)| item.as_value())
    }

    /// Names written in this table and where, in order: `[origins.a]`, `[origins.b]`.
    pub(crate) fn names(&self) -> Vec<(&'d str, usize)> {
        let entries = self.table.into_iter().flat_map(|table| table.iter());
        entries
            .map(|(name, item)| (name, self.key_at(name, item)))
            .collect()
    }

    /// The path of `key` in faults: `[limits] head`.
    pub(crate) fn path(&self, key: &str) -> String {
        let gap = if self.header.is_empty() || key.is_empty() {
            ""
        } else {
            " "
        };
        let prefix = if key.is_empty() { "" } else { &self.prefix };
        format!("{}{gap}{prefix}{}", self.header, plain(key))
    }

    /// The value of an option: as written, or else its default. Faults go to `blame`.
    pub(crate) fn read<K: Kind>(&self, opt: &Opt<K>, blame: &mut Blame<'_>) -> K::Value {
        self.try_read(opt, blame).unwrap_or_else(opt.default)
    }

    /// The value of an option: as written, or its default where it is not, or `None` beside a fault.
    pub(crate) fn try_read<K: Kind>(
        &self,
        opt: &Opt<K>,
        blame: &mut Blame<'_>,
    ) -> Option<K::Value> {
        let key = opt.key.strip_prefix(&self.prefix).unwrap_or(opt.key);
        self.try_read_as(opt, key, blame)
    }

    /// [`View::try_read`] of an option whose key the operator makes up: `key` in its place.
    pub(crate) fn try_read_as<K: Kind>(
        &self,
        opt: &Opt<K>,
        key: &str,
        blame: &mut Blame<'_>,
    ) -> Option<K::Value> {
        let expected = || match opt.kind.is_closed() {
            true => opt.kind.name(),
            false => format!("{}, such as {}", opt.kind.name(), opt.example),
        };
        let Some((_, item)) = self.entry(key) else {
            let default = (opt.default)();
            // Where the whole table is missing, its options are not what is wrong.
            let is_required = matches!(opt.kind.absent(&default), Absent::Required);
            if is_required && self.is_written() {
                blame.add(self.at, self.path(key), "missing", expected(), None);
            }
            return Some(default);
        };
        let Some(value) = item.as_value() else {
            let at = self.at_value(key);
            blame.add(at, self.path(key), found_item(item), expected(), None);
            return None;
        };
        let mut complaints = Vec::new();
        let read = opt.kind.read(value, &mut complaints);
        for complaint in complaints {
            let at = complaint
                .span
                .map_or_else(|| self.key_at(key, item), |span| span.start);
            let expected = complaint.expected.unwrap_or_else(expected);
            blame.add(
                at,
                self.path(key),
                complaint.found,
                expected,
                complaint.suggestion,
            );
        }
        read
    }

    /// The table `[name]` in this one.
    pub(crate) fn table(
        &self,
        section: &'static Section,
        name: &str,
        blame: &mut Blame<'_>,
    ) -> Self {
        let header = match section.name.ends_with("NAME") {
            true => section.header.replace("NAME", &plain(name)),
            false => section.header.to_owned(),
        };
        let entry = self.entry(name);
        let mut view = self.absent(section, header);
        if let Some((_, item)) = entry {
            view.at = self.key_at(name, item);
            match item.as_table_like() {
                Some(table) => view.fill(table, item.span().map(|span| span.start), blame),
                None => {
                    let expected = format!("a table {}", view.header);
                    let at = self.at_value(name);
                    blame.add(at, self.path(name), found_item(item), expected, None);
                }
            }
        }
        view
    }

    /// The tables `[[name]]` in this one, or the only one, which may be written `[name]`.
    pub(crate) fn one_or_more(
        &self,
        section: &'static Section,
        name: &str,
        blame: &mut Blame<'_>,
    ) -> Vec<Self> {
        match self.entry(name).and_then(|(_, item)| item.as_table_like()) {
            Some(table) => {
                let mut view = self.absent(section, format!("[{name}]"));
                let at = self.entry(name).map(|(_, item)| self.key_at(name, item));
                view.fill(table, at, blame);
                vec![view]
            }
            None => self.tables(section, name, blame),
        }
    }

    /// The tables `[[name]]` in this one.
    pub(crate) fn tables(
        &self,
        section: &'static Section,
        name: &str,
        blame: &mut Blame<'_>,
    ) -> Vec<Self> {
        let Some((_, item)) = self.entry(name) else {
            return Vec::new();
        };
        let tables: Vec<(&'d dyn TableLike, usize)> = match item {
            Item::ArrayOfTables(tables) => {
                let at = |table: &Table| table.span().map_or(self.at, |span| span.start);
                tables
                    .iter()
                    .map(|table| (table as &dyn TableLike, at(table)))
                    .collect()
            }
            Item::Value(Value::Array(array))
                if !array.is_empty() && array.iter().all(Value::is_inline_table) =>
            {
                let at = |value: &Value| value.span().map_or(self.at, |span| span.start);
                let inline = array.iter().filter_map(|value| {
                    Some((value.as_inline_table()? as &dyn TableLike, at(value)))
                });
                inline.collect()
            }
            _ => {
                let at = self.at_value(name);
                let expected = format!("any number of tables, each under {}", section.header);
                let suggestion = item
                    .is_table_like()
                    .then(|| "double the brackets".to_owned());
                blame.add(at, self.path(name), found_item(item), expected, suggestion);
                return Vec::new();
            }
        };
        let views = tables.into_iter().map(|(table, at)| {
            let mut view = self.absent(section, section.header.to_owned());
            view.fill(table, Some(at), blame);
            view
        });
        views.collect()
    }

    /// The table that dotted keys make in this one: `cache` of `cache.refresh`. What else the key
    /// may hold is for the caller to look at first; `or` is how a fault calls it.
    pub(crate) fn within(&self, key: &str, or: &str, blame: &mut Blame<'_>) -> Self {
        let mut view = self.nothing_within(key);
        if let Some((_, item)) = self.entry(key) {
            let at = self.key_at(key, item);
            match item.as_table_like() {
                Some(table) => view.fill(table, Some(at), blame),
                None => {
                    let keys = match view.made_up() {
                        Some(opt) => {
                            format!("{} = {}", &opt.key()[view.prefix.len()..], opt.example())
                        }
                        None => view.known_keys().join(", "),
                    };
                    let expected = format!("{or}a table {{ {keys} }}");
                    let at = self.at_value(key);
                    blame.add(at, self.path(key), found_item(item), expected, None);
                }
            }
        }
        view
    }

    /// The table that dotted keys would make in this one, with nothing written in it.
    pub(crate) fn nothing_within(&self, key: &str) -> Self {
        let prefix = format!("{}{key}.", self.prefix);
        View {
            prefix,
            ..self.absent(self.section, self.header.clone())
        }
    }

    /// A table of this kind with nothing written in it.
    pub(crate) fn nothing(&self, section: &'static Section) -> Self {
        self.absent(section, section.header.to_owned())
    }

    fn absent(&self, section: &'static Section, header: String) -> Self {
        View {
            header,
            at: self.at,
            ..View::of_nothing(section)
        }
    }

    fn fill(&mut self, table: &'d dyn TableLike, at: Option<usize>, blame: &mut Blame<'_>) {
        self.table = Some(table);
        self.at = at.unwrap_or(self.at);
        self.refuse_unknown_keys(blame);
    }

    fn entry(&self, key: &str) -> Option<(&'d Key, &'d Item)> {
        self.table
            .and_then(|table| table.get_key_value(key))
            .filter(|(_, item)| !item.is_none())
    }

    /// Where a key is written; a header stands for the keys in it.
    fn key_at(&self, key: &str, item: &Item) -> usize {
        let header = match item {
            Item::Table(table) if !table.is_dotted() => table.span(),
            Item::ArrayOfTables(tables) => tables.get(0).and_then(Table::span),
            _ => None,
        };
        let key = || {
            self.table
                .and_then(|table| table.key(key))
                .and_then(Key::span)
        };
        header
            .or_else(key)
            .or_else(|| item.span())
            .map_or(self.at, |span| span.start)
    }

    /// The keys that may stand here: of options, and of the tables below this one.
    fn known_keys(&self) -> Vec<&'static str> {
        let options = self.section.options.iter().filter_map(|opt| {
            let rest = opt.key().strip_prefix(self.prefix.as_str())?;
            rest.split('.').next()
        });
        let below = SECTIONS.iter().filter_map(|section| {
            let rest = match self.section.name {
                "" => section.name,
                name => section.name.strip_prefix(name)?.strip_prefix('.')?,
            };
            rest.split('.')
                .next()
                .filter(|key| self.prefix.is_empty() && !key.is_empty())
        });
        let mut keys: Vec<&'static str> = Vec::new();
        for key in options.chain(below) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// The option that stands for all keys of this table, where the operator makes them up.
    fn made_up(&self) -> Option<&'static dyn Entry> {
        let mut options = self.section.options.iter().copied();
        options.find(|opt| {
            let rest = opt.key().strip_prefix(self.prefix.as_str());
            rest.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_uppercase()))
        })
    }

    fn refuse_unknown_keys(&self, blame: &mut Blame<'_>) {
        let known = self.known_keys();
        if known == ["NAME"] || self.made_up().is_some() {
            return; // whoever reads them looks at the names
        }
        for (key, item) in self.table.into_iter().flat_map(|table| table.iter()) {
            let at = self.key_at(key, item);
            let later = self.section.later.iter().find(|(name, _)| *name == key);
            // Only at the top are tables called by their header; elsewhere keys may be dotted.
            let path = match item {
                _ if !self.header.is_empty() => self.path(key),
                Item::Table(_) => format!("[{}]", plain(key)),
                Item::ArrayOfTables(_) => format!("[[{}]]", plain(key)),
                _ => self.path(key),
            };
            if let Some((_, what)) = later.filter(|_| self.prefix.is_empty()) {
                let found = format!("not yet: {what} come with a later release");
                blame.add(
                    at,
                    path,
                    found,
                    "",
                    Some("take it out until then".to_owned()),
                );
            } else if !known.contains(&key) {
                let what = if item.is_value() {
                    "unknown key"
                } else {
                    "unknown table"
                };
                let suggestion = did_you_mean(key, known.iter().copied());
                blame.add(at, path, what, one_of(&known), suggestion);
            }
        }
    }
}

/// A key as faults repeat it: one line, and short.
fn plain(key: &str) -> String {
    let short: String = key.chars().take(64).collect();
    short.escape_debug().to_string()
}

fn found_item(item: &Item) -> String {
    match item {
        Item::Value(value) => found(value),
        Item::ArrayOfTables(_) => "found a list of tables".to_owned(),
        Item::Table(_) | Item::None => "found a table".to_owned(),
    }
}
