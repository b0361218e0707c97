//! What the cache tells of itself, and by which fields it is told what to do.

use super::Again;
use crate::faults::Blame;
use crate::kinds::{At, List, Or};
use crate::plan::{CacheStatus, Control, StatusTo};
use crate::reference as options;
use crate::reference::Opt;
use crate::view::View;

pub(super) fn cache_status(root: &View<'_>, blame: &mut Blame<'_>) -> CacheStatus {
    use options::cache_status::*;
    let table = root.table(&SECTION, "cache_status", blame);
    CacheStatus {
        to: match table.read(&TO, blame) {
            Or::Word(Everyone::Is) => StatusTo::All,
            Or::Word(Everyone::IsNot) => StatusTo::None,
            Or::Value(nets) => StatusTo::Nets(nets.into_iter().map(|(net, _)| net).collect()),
        },
        key: table.read(&KEY, blame),
        detail: table.read(&DETAIL, blame),
    }
}

pub(super) fn control(root: &View<'_>, blame: &mut Blame<'_>) -> Control {
    use options::control::*;
    let table = root.table(&SECTION, "control", blame);
    Control {
        targets: fields(&TARGETS, &table, blame),
        tags: fields(&TAGS, &table, blame),
    }
}

/// Names of fields, each once: they are compared without regard to case (RFC 9110, 5.1).
fn fields(option: &Opt<List<String>>, table: &View<'_>, blame: &mut Blame<'_>) -> Vec<String> {
    let names = table.read(option, blame);
    let mut seen: Vec<&At<String>> = Vec::new();
    for again in &names {
        let (name, at) = again;
        match seen
            .iter()
            .find(|(first, _)| first.eq_ignore_ascii_case(name))
        {
            Some((_, first)) => Again {
                key: option.key,
                at: *at,
                is_written: true,
                shown: name,
                first: *first,
                expected: "every field once",
            }
            .refuse(table, blame),
            None => seen.push(again),
        }
    }
    names.into_iter().map(|(name, _)| name).collect()
}

impl Default for CacheStatus {
    /// What holds where nothing is said about it.
    fn default() -> Self {
        let root = View::of_nothing(&options::ROOT);
        cache_status(&root, &mut Blame::new(""))
    }
}

impl Default for Control {
    /// What holds where nothing is said about it.
    fn default() -> Self {
        let root = View::of_nothing(&options::ROOT);
        control(&root, &mut Blame::new(""))
    }
}
