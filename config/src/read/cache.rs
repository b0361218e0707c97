//! How a route caches.

use crate::faults::Blame;
use crate::kinds::{At, Or};
use crate::names;
use crate::plan::{Cache, KeyOptions, Refresh};
use crate::reference as options;
use crate::units::show_time;
use crate::view::View;
use std::collections::BTreeMap;
use std::time::Duration;
use toml_edit::Value;

pub(super) fn cache(route: &View<'_>, blame: &mut Blame<'_>) -> Cache {
    use options::route::*;
    // `cache = false` is short for `cache.enabled = false`.
    let short = route.value("cache").and_then(Value::as_bool);
    let table = match short {
        Some(_) => route.nothing_within("cache"),
        None => route.within("cache", "true, false or ", blame),
    };
    let enabled = table.read(&ENABLED, blame);
    Cache {
        enabled: short.unwrap_or(enabled),
        default_lifetime: table.read(&DEFAULT, blame),
        heuristic: table.read(&HEURISTIC, blame),
        refresh: refresh(&table, blame),
        lifetime_max: table.read(&LIFETIME_MAX, blame),
        negative: negative(&table, blame),
        jitter_percent: table.read(&JITTER, blame),
        stale_while_revalidate: stale(table.read(&STALE_WHILE_REVALIDATE, blame)),
        stale_if_error: stale(table.read(&STALE_IF_ERROR, blame)),
        set_cookie: table.read(&SET_COOKIE, blame),
        accept_language: table.read(&ACCEPT_LANGUAGE, blame),
        variants_max: table.read(&VARIANTS, blame) as usize,
        no_vary_search: table.read(&NO_VARY_SEARCH, blame),
        query_bytes: table.read(&QUERY_BYTES, blame) as usize,
        fragments: table.read(&FRAGMENTS, blame),
        disk: table.read(&DISK, blame),
        disk_object_bytes_max: table.read(&DISK_OBJECT_MAX, blame),
        disk_uses: table.read(&DISK_USES, blame) as u8,
        key: key(&table, blame),
    }
}

impl Default for Cache {
    /// What a route has where nothing is said about its cache.
    fn default() -> Self {
        let nothing = View::of_nothing(&options::route::SECTION);
        cache(&nothing, &mut Blame::new(""))
    }
}

/// "off" and no time at all come to the same.
fn stale(time: Or<(), Duration>) -> Option<Duration> {
    match time {
        Or::Value(time) if !time.is_zero() => Some(time),
        Or::Value(_) | Or::Word(()) => None,
    }
}

/// Lifetimes by status: `{ 404 = "10s", 4xx = "1s" }`. A status that is named has its own.
fn negative(cache: &View<'_>, blame: &mut Blame<'_>) -> Vec<(u16, Duration)> {
    let option = &options::route::NEGATIVE;
    let table = cache.within("negative", "", blame);
    let (mut classes, mut named) = (BTreeMap::new(), BTreeMap::new());
    for (key, at) in table.names() {
        let statuses = match names::statuses(key) {
            Ok(statuses) => statuses,
            Err(suggestion) => {
                let is_status = key.parse::<u16>().is_ok();
                let found = if is_status {
                    "not taken here"
                } else {
                    "unknown key"
                };
                blame.add(at, table.path(key), found, names::STATUSES, suggestion);
                continue;
            }
        };
        let time = table.try_read_as(option, key, blame).flatten();
        let place = if statuses.len() > 1 {
            &mut classes
        } else {
            &mut named
        };
        place.extend(statuses.into_iter().zip(std::iter::repeat(time)));
    }
    classes.append(&mut named);
    let known = |(status, time): (u16, Option<Duration>)| Some((status, time?));
    classes.into_iter().filter_map(known).collect()
}

fn refresh(cache: &View<'_>, blame: &mut Blame<'_>) -> Option<Refresh> {
    use options::route::*;
    let table = cache.within("refresh", "", blame);
    if !table.is_written() {
        return None;
    }
    let min = table.read(&REFRESH_MIN, blame);
    let percent = table.read(&REFRESH_PERCENT, blame);
    let max = table.read(&REFRESH_MAX, blame);
    let (min, percent, max) = (min?, percent?, max?);
    if min > max {
        let found = format!("found \"{}\", above max", show_time(min));
        let expected = format!("at most \"{}\"", show_time(max));
        blame.add(
            table.at_value("min"),
            table.path("min"),
            found,
            expected,
            None,
        );
    }
    Some(Refresh { min, percent, max })
}

fn key(cache: &View<'_>, blame: &mut Blame<'_>) -> KeyOptions {
    use options::route::*;
    let table = cache.within("key", "", blame);
    let ignore = table.read(&KEY_IGNORE, blame);
    let keep = table.read(&KEY_KEEP, blame);
    if ignore.is_some() && keep.is_some() {
        let at = table.at_value("keep");
        let expected = "either of them: what is not kept is ignored";
        blame.add(
            at,
            table.path("keep"),
            "found together with ignore",
            expected,
            None,
        );
    }
    let names = |list: Option<Vec<At<String>>>| -> Vec<String> {
        list.into_iter().flatten().map(|(name, _)| name).collect()
    };
    KeyOptions {
        ignore: names(ignore),
        keep: names(keep),
        sort: table.read(&KEY_SORT, blame),
    }
}
