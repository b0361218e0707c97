//! The arithmetic of freshness, step by step (RFC 9111, 4.2; RFC 5861).

use super::text::{Seconds, Shown, Steps};
use crate::cache::fresh::{source, Source};
use crate::cache::{age, Control, Facts, Policy, Times};
use crate::http::{Fields, Response};
use crate::limits::LIFETIME_MAX;
use crate::time::{Mono, Wall};

/// How old it is now.
pub(super) fn tell_age(steps: &mut Steps<'_>, facts: &Facts, now: Mono) {
    steps.step(format_args!(
        "age {} = {} on arrival + {} resident (RFC 9111, 4.2.3)",
        Seconds(facts.age(now)),
        facts.initial_age,
        now.seconds_since(facts.received),
    ));
}

/// How old it was when it came, and why.
pub(super) fn tell_initial_age(steps: &mut Steps<'_>, fields: Fields<'_>, times: &Times) {
    let initial = age::initial(fields, times);
    steps.step(format_args!(
        "age {} on arrival, the larger of (RFC 9111, 4.2.3):",
        Seconds(initial)
    ));
    let delay = times.received.seconds_since(times.requested);
    match age::stated(fields) {
        Some(stated) => steps.more(format_args!("Age {stated} + {delay} of response delay")),
        None => steps.more(format_args!("no Age, + {delay} of response delay")),
    }
    match age::date(fields, times.wall) {
        Some(Wall(sent)) => {
            let since = times.wall.0.saturating_sub(sent).max(0);
            steps.more(format_args!("{since} since its Date, by this clock"));
        }
        None => steps.more(format_args!(
            "0, as it has no Date: it is dated by its arrival (RFC 9110, 6.6.1)"
        )),
    }
}

/// How long it is fresh, what says so, and how much of that is left.
pub(super) fn tell_lifetime(
    steps: &mut Steps<'_>,
    facts: &Facts,
    response: &Response<'_>,
    policy: &Policy,
    wall: Wall,
    now: Mono,
) {
    let control = Control::of_response(response.fields, &policy.targets);
    // The distance to Date counts only; without one, that to its arrival.
    let wall = age::date(response.fields, wall).unwrap_or(wall);
    match source(response, &control, policy, wall) {
        Some((by, seconds)) => {
            steps.step(format_args!(
                "lifetime {} by {}",
                Seconds(facts.lifetime),
                by_word(by)
            ));
            tell_difference(steps, facts, policy, seconds);
        }
        None => steps.step(format_args!(
            "lifetime {}: it states none, and this status gets none otherwise (RFC 9111, 4.2.2)",
            Seconds(facts.lifetime)
        )),
    }
    tell_target(steps, response.fields, policy, &control);
    if facts.is_fresh(now) {
        let left = Seconds(facts.fresh_for(now));
        steps.more(format_args!("fresh for {left} (RFC 9111, 4.2)"));
    } else {
        let since = Seconds(facts.age(now).saturating_sub(facts.lifetime));
        steps.more(format_args!("stale since {since} (RFC 9111, 4.2)"));
    }
}

/// Why the lifetime is not what was stated or given.
fn tell_difference(steps: &mut Steps<'_>, facts: &Facts, policy: &Policy, seconds: u32) {
    let capped = seconds.min(policy.lifetime_max);
    if capped < seconds {
        let (from, to) = (Seconds(seconds), Seconds(capped));
        steps.more(format_args!(
            "{from} is cut to {to} by the route: cache.lifetime_max"
        ));
    }
    if facts.lifetime < capped && policy.jitter_percent > 0 {
        let less = Seconds(capped - facts.lifetime);
        steps.more(format_args!(
            "{less} less by this key's share of the route's cache.jitter"
        ));
    } else if facts.lifetime != capped {
        let other = Seconds(capped);
        steps.more(format_args!(
            "by what is left of its head it would be {other}; what counted on its arrival counts"
        ));
    }
}

/// Which field the directives are those of, where it is not Cache-Control.
fn tell_target(steps: &mut Steps<'_>, fields: Fields<'_>, policy: &Policy, control: &Control) {
    if !control.targeted {
        return;
    }
    let decides = |name: &&alloc::boxed::Box<str>| {
        Control::of_response(fields, core::slice::from_ref(*name)).targeted
    };
    if let Some(name) = policy.targets.iter().find(decides) {
        steps.more(format_args!(
            "{} decides; Cache-Control, Expires and Pragma say nothing beside it (RFC 9213, 2.2)",
            Shown(name.as_bytes())
        ));
    }
}

fn by_word(by: Source) -> &'static str {
    match by {
        Source::SMaxage => "s-maxage (RFC 9111, 5.2.2.10)",
        Source::MaxAge => "max-age (RFC 9111, 5.2.2.1)",
        Source::Expires => "Expires less Date (RFC 9111, 5.3)",
        Source::Status => "the route's cache.negative for this status",
        Source::Refresh => "the route's cache.refresh, as it states none (RFC 9111, 4.2.2)",
        Source::LastModified => {
            "a tenth of the time since Last-Modified, as it states none (RFC 9111, 4.2.2)"
        }
        Source::Default => "the route's cache.default, as it states none (RFC 9111, 4.2.2)",
    }
}

/// What may be done with it once it is stale.
pub(super) fn tell_stale(steps: &mut Steps<'_>, facts: &Facts) {
    if facts.has(Facts::NO_CACHE) {
        steps.step(format_args!(
            "no-cache: it is validated before each use, fresh or not (RFC 9111, 5.2.2.4)"
        ));
        return;
    }
    if facts.has(Facts::MUST_REVALIDATE) {
        steps.step(format_args!(
            "once stale it is validated before each use, by must-revalidate, proxy-revalidate or \
             s-maxage (RFC 9111, 5.2.2.2, 5.2.2.8 and 5.2.2.10)"
        ));
        return;
    }
    steps.step(format_args!("once stale it is validated before use"));
    let mut but = "but";
    if facts.stale_while > 0 {
        let window = Seconds(facts.stale_while);
        steps.more(format_args!(
            "{but} for {window} it is served while one request validates it (RFC 5861, 3)"
        ));
        but = "and";
    }
    if facts.stale_error > 0 {
        let window = Seconds(facts.stale_error);
        steps.more(format_args!(
            "{but} for {window} it is served when the origin fails (RFC 5861, 4)"
        ));
    }
}

/// What a request asks of a cache, one line each.
pub(super) fn tell_directives(steps: &mut Steps<'_>, control: &Control) {
    let mut tell = |name: &str, seconds: u32, what: &str, section: &str| {
        let bound = Seconds(seconds);
        steps.more(format_args!(
            "{name}={seconds}: {what} {bound} (RFC {section})"
        ));
    };
    if let Some(most) = control.max_age {
        tell("max-age", most, "nothing older than", "9111, 5.2.1.1");
    }
    if let Some(Some(most)) = control.max_stale {
        let most = most.min(LIFETIME_MAX);
        tell(
            "max-stale",
            most,
            "also what is stale by up to",
            "9111, 5.2.1.2",
        );
    }
    if let Some(least) = control.min_fresh {
        tell(
            "min-fresh",
            least,
            "fresh for at least another",
            "9111, 5.2.1.3",
        );
    }
    if let Some(most) = control.stale_if_error {
        tell(
            "stale-if-error",
            most,
            "in place of an error, stale by up to",
            "5861, 4",
        );
    }
    let flags = [
        (
            control.max_stale == Some(None),
            "max-stale: also what is stale (RFC 9111, 5.2.1.2)",
        ),
        (
            control.no_cache || control.no_cache_fields,
            "no-cache: the origin is asked (RFC 9111, 5.2.1.4)",
        ),
        (
            control.no_store,
            "no-store: nothing is stored (RFC 9111, 5.2.1.5)",
        ),
        (
            control.only_if_cached,
            "only-if-cached: from the cache or not at all (RFC 9111, 5.2.1.7)",
        ),
    ];
    for (_, what) in flags.iter().filter(|(is, _)| *is) {
        steps.more(format_args!("{what}"));
    }
}
