//! What a cache would do with a response, from two heads and no server: may it be stored, for how
//! long is it fresh, and what would the same request get after that?

use super::freshness::{tell_initial_age, tell_lifetime, tell_stale};
use super::live::tell_lookup;
use super::predict::predict;
use super::text::{field_lines, parse_stored, Count, Seconds, Shown, Steps, Told};
use super::words::{of_not_stored, of_reason};
use super::{Inspection, Kept, Stored};
use crate::cache::{self, vary, Extent, Facts, Lookup, Policy, Times, Vary};
use crate::http::hop::Hops;
use crate::http::{encode, target, Name, Request, Response, ResponseHead};
use crate::key::Key;
use crate::outcome::{NotStored, Outcome, Reason};
use crate::purge::Verdict;
use crate::route::SearchRule;
use crate::time::Mono;
use alloc::string::String;
use alloc::vec::Vec;

/// Writes what becomes of a response to a request, with the times of its arrival. The last line is
/// `stored` or `not stored` and why.
///
/// # Errors
/// It would not be stored.
pub fn offline(
    out: &mut String,
    request: &Request<'_>,
    response: &Response<'_>,
    policy: &Policy,
    times: &Times,
) -> Result<(), NotStored> {
    let mut steps = Steps::new(out);
    steps.line(format_args!(
        "{} {} -> {}",
        Shown(request.method_text),
        Shown(request.target),
        response.status
    ));
    let stored = tell_storing(&mut steps, request, response, policy);
    if let Err(why) = stored {
        steps.line(format_args!("not stored: {}", why.word()));
        return stored;
    }
    tell_withheld(&mut steps, response, policy);
    tell_selection(&mut steps, request, response, policy);
    let facts = Facts::of(request, response, policy, times);
    tell_initial_age(&mut steps, response.fields, times);
    tell_lifetime(
        &mut steps,
        &facts,
        response,
        policy,
        times.wall,
        times.received,
    );
    tell_stale(&mut steps, &facts);
    tell_later(&mut steps, request, response, policy, times, &facts);
    steps.line(format_args!("stored"));
    stored
}

/// May it be stored?
fn tell_storing(
    steps: &mut Steps<'_>,
    request: &Request<'_>,
    response: &Response<'_>,
    policy: &Policy,
) -> Result<(), NotStored> {
    let lookup = cache::request(request, policy);
    tell_lookup(steps, request, policy, lookup);
    let stored = match lookup {
        Lookup::Cache => cache::storable_part(request, response, policy).and_then(|()| {
            let fits = response.status != 206 || Extent::of(response, None).is_some();
            fits.then_some(()).ok_or(NotStored::Partial)
        }),
        Lookup::Pass(_) if answers_get(request, response, policy) => {
            steps.step(format_args!(
                "its answer is that of a GET: Content-Location and explicit freshness say so \
                 (RFC 9110, 9.3.3)"
            ));
            Ok(())
        }
        // What passes is for one client only.
        Lookup::Pass(Reason::RouteOff) => Err(NotStored::RouteOff),
        Lookup::Pass(Reason::RequestNoStore) => Err(NotStored::RequestNoStore),
        Lookup::Pass(_) => Err(NotStored::Method),
    };
    match stored {
        Ok(()) if response.status == 206 => steps.step(format_args!(
            "the response may be stored, as a part (RFC 9111, 3.3)"
        )),
        Ok(()) => steps.step(format_args!("the response may be stored (RFC 9111, 3)")),
        Err(why) => {
            steps.step(format_args!("the response is not stored:"));
            steps.more(format_args!("{}", of_not_stored(why)));
        }
    }
    stored
}

fn answers_get(request: &Request<'_>, response: &Response<'_>, policy: &Policy) -> bool {
    let Ok(parts) = target::split(request.method, request.target) else {
        return false;
    };
    let host = request.fields.get(Name::Host);
    let host = if parts.authority.is_empty() {
        host.unwrap_or_default()
    } else {
        parts.authority
    };
    cache::post_answers_get(request, response, policy, host, parts.path_and_query)
}

/// Which of its fields are left out.
fn tell_withheld(steps: &mut Steps<'_>, response: &Response<'_>, policy: &Policy) {
    let withheld = cache::withheld(response, policy);
    let hops = Hops::of(response.fields);
    let fields = || response.fields.iter();
    if fields().any(|field| withheld.has(&field)) {
        steps.step(format_args!(
            "kept back, for this client only (RFC 9111, 3.1, 5.2.2.4 and 5.2.2.7; \
             cache.set_cookie):"
        ));
        for field in fields().filter(|field| withheld.has(field)) {
            steps.more(format_args!("{}", Shown(field.name)));
        }
    }
    if fields().any(|field| hops.ends(&field)) {
        steps.step(format_args!(
            "left out, for this connection only (RFC 9111, 3.1):"
        ));
        for field in fields().filter(|field| hops.ends(field)) {
            steps.more(format_args!("{}", Shown(field.name)));
        }
    }
}

/// Which later requests it is for.
fn tell_selection(
    steps: &mut Steps<'_>,
    request: &Request<'_>,
    response: &Response<'_>,
    policy: &Policy,
) {
    if vary::of(response.fields) == Vary::Names {
        let mut names = Vec::new();
        vary::normal_names(response.fields, request.fields, policy.language, &mut names);
        let names = Shown(&names);
        steps.step(format_args!(
            "for requests that agree in: {names} (RFC 9111, 4.1)"
        ));
    }
    let rule = SearchRule::of(response.fields).filter(|rule| !rule.is_default());
    if let Some(rule) = rule.filter(|_| policy.no_vary_search) {
        let (_, query) = target::split_query(request.target);
        let mut canonical = Vec::new();
        rule.apply(query.unwrap_or_default(), &mut canonical);
        steps.step(format_args!(
            "for all queries that come to: ?{} (No-Vary-Search)",
            Shown(&canonical)
        ));
    }
}

/// What the same request would get at the moments at which that changes.
fn tell_later(
    steps: &mut Steps<'_>,
    request: &Request<'_>,
    response: &Response<'_>,
    policy: &Policy,
    times: &Times,
    facts: &Facts,
) {
    steps.step(format_args!("the same request, asked again:"));
    let inspection = alone(response, policy, times, facts);
    let fresh_for = facts.fresh_for(times.received);
    let mut moments = Vec::from([(0, "at once")]);
    if fresh_for > 0 {
        moments.push((fresh_for, "stale"));
    }
    if facts.stale_while > 0 {
        let end = facts.stale_while.saturating_sub(staleness(facts, times));
        moments.push((fresh_for.saturating_add(end), "no longer while validated"));
    }
    let end = facts.stale_error.saturating_sub(staleness(facts, times));
    if facts.stale_error > 0 && end != facts.stale_while {
        moments.push((
            fresh_for.saturating_add(end),
            "no longer in place of errors",
        ));
    }
    moments.sort_unstable();
    for (seconds, what) in moments {
        let now = Mono(times.received.0.saturating_add(u64::from(seconds) * 1000));
        let prediction = predict(request, policy, &inspection, now);
        let after = Seconds(seconds);
        let outcome = prediction.outcome;
        steps.more(format_args!("after {after} ({what}): {}", Told(outcome)));
        let reason = outcome.reason();
        if reason != Reason::None {
            steps.more(format_args!("    {}", of_reason(reason)));
        }
        let asks = matches!(outcome, Outcome::Miss(_) | Outcome::Pass(_));
        if asks && cache::in_place_of_error(request, facts, policy, now) {
            let instead = Told(Outcome::Stale(Reason::OriginError));
            steps.more(format_args!(
                "    if the origin fails: {instead} (RFC 5861, 4)"
            ));
        }
    }
    let (mut lines, mut head) = (Vec::new(), ResponseHead::default());
    let held = inspection.variants.first();
    if let Some(held) = held.and_then(|stored| parse_stored(&stored.head, &mut head)) {
        cache::conditionals(&held, &mut lines);
    }
    let validators = field_lines(&lines).count();
    match validators {
        0 => steps.step(format_args!(
            "it has no validator: all of it is fetched again (RFC 9111, 4.3.1)"
        )),
        _ => steps.step(format_args!(
            "the origin can be asked whether it still holds, by {} (RFC 9111, 4.3.1)",
            Count(validators, "validator")
        )),
    }
    for line in field_lines(&lines) {
        steps.more(format_args!("{}", Shown(line)));
    }
}

/// How long it has been stale on arrival.
fn staleness(facts: &Facts, times: &Times) -> u32 {
    facts.age(times.received).saturating_sub(facts.lifetime)
}

/// A cache with nothing but this response, as it would be stored.
fn alone(response: &Response<'_>, policy: &Policy, times: &Times, facts: &Facts) -> Inspection {
    let withheld = cache::withheld(response, policy);
    let hops = Hops::of(response.fields);
    let mut head = Vec::new();
    encode::push_status_line(&mut head, response.status, response.reason);
    for field in response.fields.iter() {
        if !withheld.has(&field) && !hops.ends(&field) {
            encode::push_field(&mut head, field.name, field.value);
        }
    }
    let stored = Stored {
        head,
        vary: Vec::new(),
        variant: 0,
        selected: true,
        facts: *facts,
        body_bytes: 0,
        kept: Kept::All,
        tier: "memory",
        uses: 0,
        touched: false,
        verdict: Verdict::Valid,
        groups: 0,
    };
    Inspection {
        site: String::new(),
        route: String::new(),
        origin: String::new(),
        key: Key::default(),
        url: String::new(),
        home: 0,
        shards: 1,
        here: 0,
        variants: Vec::from([stored]),
        marked_for_ms: None,
        flights: 0,
        stopping: false,
        wall: times.wall,
    }
}
