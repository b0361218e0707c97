//! What a running server would do with a request now, and why.

use super::freshness::{tell_age, tell_directives, tell_lifetime, tell_stale};
use super::predict::{facts_now, predict, stale_by, Prediction};
use super::text::{field_lines, parse_stored, Count, Seconds, Shown, Steps, Told};
use super::words::of_reason;
use super::{Inspection, Kept, Stored};
use crate::cache::extent::{push_range, window};
use crate::cache::{self, Control, Lookup, Part, Policy, Serve};
use crate::http::{range, Method, Name, Request, Response, ResponseHead, Wanted};
use crate::outcome::{Outcome, Reason};
use crate::purge::Verdict;
use crate::time::Mono;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// Stored responses that are listed.
const LISTED_MAX: usize = 16;

/// Writes the chain of decisions for a request now, and gives back what it comes to. The last line
/// is `outcome: ` and that.
pub fn live(
    out: &mut String,
    request: &Request<'_>,
    policy: &Policy,
    inspection: &Inspection,
    now: Mono,
) -> Outcome {
    let prediction = predict(request, policy, inspection, now);
    let mut steps = Steps::new(out);
    steps.line(format_args!(
        "{} {}",
        Shown(request.method_text),
        Shown(inspection.url.as_bytes())
    ));
    tell_place(&mut steps, inspection);
    tell_lookup(&mut steps, request, policy, prediction.lookup);
    if prediction.lookup == Lookup::Cache {
        tell_stored(&mut steps, request, inspection);
        tell_selected(&mut steps, policy, inspection, &prediction, now);
        if matches!(
            prediction.outcome,
            Outcome::Hit | Outcome::DiskHit | Outcome::Stale(_)
        ) {
            tell_answer(&mut steps, request, &prediction);
        } else {
            tell_way(&mut steps, request, policy, inspection, &prediction, now);
        }
    }
    steps.line(format_args!("outcome: {}", Told(prediction.outcome)));
    prediction.outcome
}

/// Writes why a request is refused before anything is looked up, in the same form.
pub fn refused(
    out: &mut String,
    request: &Request<'_>,
    status: u16,
    what: &str,
    reason: Reason,
) -> Outcome {
    let outcome = Outcome::Refused(reason);
    let mut steps = Steps::new(out);
    let host = request.fields.get(Name::Host).unwrap_or_default();
    steps.line(format_args!(
        "{} http://{}{}",
        Shown(request.method_text),
        Shown(host),
        Shown(request.target)
    ));
    steps.step(format_args!("answer: {status}: {what}"));
    steps.line(format_args!("outcome: {}", Told(outcome)));
    outcome
}

/// Where the request belongs.
fn tell_place(steps: &mut Steps<'_>, inspection: &Inspection) {
    steps.step(format_args!(
        "site {}, route {}, origin {}",
        Shown(inspection.site.as_bytes()),
        Shown(inspection.route.as_bytes()),
        Shown(inspection.origin.as_bytes())
    ));
    let Inspection {
        key,
        home,
        here,
        shards,
        ..
    } = inspection;
    steps.step(format_args!(
        "key {:032x}: its home is shard {home} of {shards}",
        key.0
    ));
    if home != here {
        steps.more(format_args!("shard {here} was asked, and asks there"));
    }
}

/// May the cache answer at all, and what does the client ask of it?
pub(super) fn tell_lookup(
    steps: &mut Steps<'_>,
    request: &Request<'_>,
    policy: &Policy,
    lookup: Lookup,
) {
    match lookup {
        Lookup::Cache => steps.step(format_args!("the cache may answer (RFC 9111, 4)")),
        Lookup::Pass(reason) => {
            steps.step(format_args!("past the cache, to the origin:"));
            steps.more(format_args!("{}", of_reason(reason)));
        }
    }
    let controls = request.fields.has(Name::CacheControl);
    let pragma = request.fields.has(Name::Pragma);
    if !policy.honours_client {
        if controls || pragma {
            steps.more(format_args!(
                "its Cache-Control and Pragma are ignored: client_directives = \"ignore\""
            ));
        }
    } else if controls {
        tell_directives(steps, &Control::of(request.fields));
    } else if cache::control::pragma_no_cache(request.fields) {
        steps.more(format_args!(
            "Pragma: no-cache: the origin is asked (RFC 9111, 5.4)"
        ));
    }
    if request.method == Method::Query && lookup == Lookup::Cache {
        steps.more(format_args!(
            "its content is part of the key; without any it is explained here (RFC 10008, 2.7)"
        ));
    }
}

/// What is stored for the URL.
fn tell_stored(steps: &mut Steps<'_>, request: &Request<'_>, inspection: &Inspection) {
    let count = inspection.variants.len();
    if count == 0 {
        return;
    }
    let of = Count(count, "stored response");
    steps.step(format_args!("{of} for this URL (RFC 9111, 4)"));
    let mut listed: Vec<&Stored> = inspection.variants.iter().collect();
    // The one that matters must be among those that are shown.
    listed.sort_by_key(|stored| !stored.selected);
    for (at, stored) in listed.iter().take(LISTED_MAX).enumerate() {
        tell_one(steps, request, stored, at + 1);
    }
    if count > LISTED_MAX {
        steps.more(format_args!("and {} more", count - LISTED_MAX));
    }
}

fn tell_one(steps: &mut Steps<'_>, request: &Request<'_>, stored: &Stored, number: usize) {
    let used = match (stored.uses, stored.touched) {
        (0, false) => "not used yet",
        (_, true) => "used lately",
        (_, false) => "not used lately",
    };
    let selected = match (stored.verdict, stored.selected) {
        (Verdict::Dead, _) => ": purged, it is gone",
        (_, true) => ": selected",
        (_, false) => "",
    };
    steps.more(format_args!(
        "[{number}] {}, {} bytes in {}, {used}{selected}",
        stored.facts.status, stored.body_bytes, stored.tier
    ));
    for name in stored
        .vary
        .split(|byte| *byte == b',')
        .filter(|name| !name.is_empty())
    {
        tell_name(steps, request, name);
    }
    if stored.groups > 0 {
        let of = Count(stored.groups, "group");
        steps.more(format_args!("    in {of} (RFC 9875, 2)"));
    }
}

/// One name of its Vary, in the form of [`normal_names`](crate::cache::vary::normal_names), with
/// what the request has there.
fn tell_name(steps: &mut Steps<'_>, request: &Request<'_>, name: &[u8]) {
    let at = memchr::memchr(b'=', name).unwrap_or(name.len());
    let (field, way) = name.split_at_checked(at).unwrap_or((name, b""));
    let field_shown = Shown(field);
    match way {
        [b'=', b'*'] => steps.more(format_args!(
            "    varies on {field_shown}, by what is preferred"
        )),
        [b'=', tag @ ..] => steps.more(format_args!(
            "    varies on {field_shown}: it is for all who prefer {}",
            Shown(tag)
        )),
        _ => steps.more(format_args!("    varies on {field_shown}")),
    }
    let mut values = request.fields.all_by_text(field).peekable();
    if values.peek().is_none() {
        steps.more(format_args!("        the request has none"));
    }
    for value in values {
        steps.more(format_args!("        the request has: {}", Shown(value)));
    }
}

/// Which of them the request selects, how fresh that is, and whether it may be served.
fn tell_selected(
    steps: &mut Steps<'_>,
    policy: &Policy,
    inspection: &Inspection,
    prediction: &Prediction<'_>,
    now: Mono,
) {
    let Some(stored) = prediction.selected else {
        return steps.step(format_args!("{}", of_reason(prediction.why)));
    };
    tell_age(steps, &stored.facts, now);
    let mut head = ResponseHead::default();
    if let Some(response) = parse_stored(&stored.head, &mut head) {
        let (facts, wall) = (&stored.facts, inspection.wall);
        tell_lifetime(steps, facts, &response, policy, wall, now);
    }
    match stored.verdict {
        Verdict::Stale => steps.step(format_args!("{}", of_reason(Reason::SoftPurge))),
        _ => steps.step(format_args!("no purge hits it")),
    }
    let facts = facts_now(stored, now);
    tell_stale(steps, &facts);
    match prediction.serve {
        Some(Serve::Fresh) if facts.is_fresh(now) => {
            steps.step(format_args!("it is fresh: it may be served (RFC 9111, 4)"));
        }
        Some(Serve::Fresh) => {
            let reason = of_reason(stale_by(stored, Reason::Expired, now));
            steps.step(format_args!("it may be served although {reason}:"));
            steps.more(format_args!(
                "the request takes it: max-stale (RFC 9111, 5.2.1.2)"
            ));
        }
        Some(Serve::Stale(reason)) => steps.step(format_args!("{}", of_reason(reason))),
        Some(Serve::Validate(_)) | None => {
            steps.step(format_args!("it may not be served without the origin:"));
            steps.more(format_args!("{}", of_reason(prediction.why)));
        }
    }
    if matches!(prediction.why, Reason::Precondition | Reason::PartMissing) {
        steps.step(format_args!("{}", of_reason(prediction.why)));
    }
}

/// The answer from what is stored: conditions and ranges.
fn tell_answer(steps: &mut Steps<'_>, request: &Request<'_>, prediction: &Prediction<'_>) {
    let mut head = ResponseHead::default();
    let Some(stored) = prediction.selected else {
        return;
    };
    let Some(response) = parse_stored(&stored.head, &mut head) else {
        return;
    };
    match cache::preconditions(request, &response) {
        cache::Verdict::NotModified => {
            return steps.step(format_args!(
                "answer: 304, as the client has it already (RFC 9111, 4.3.2)"
            ));
        }
        cache::Verdict::Failed => {
            return steps.step(format_args!(
                "answer: 412, as its condition does not hold (RFC 9110, 13.2.2)"
            ));
        }
        cache::Verdict::Proceed => {}
    }
    let status = response.status;
    let bytes = stored.body_bytes;
    match cache::part(request, &response, bytes) {
        Part::Whole if request.method == Method::Head => {
            steps.step(format_args!(
                "answer: {status}, the head only (RFC 9110, 9.3.2)"
            ));
        }
        Part::Whole => steps.step(format_args!("answer: {status} with {bytes} bytes")),
        Part::Unsatisfiable => steps.step(format_args!(
            "answer: 416, as it has {bytes} bytes only (RFC 9110, 15.5.17)"
        )),
        Part::Span(span) => steps.step(format_args!(
            "answer: 206 with bytes {} to {} of {bytes} (RFC 9110, 15.3.7)",
            span.start,
            span.end.saturating_sub(1)
        )),
        Part::Spans(spans) => steps.step(format_args!(
            "answer: 206 with {} of its {bytes} bytes (RFC 9110, 15.3.7.2)",
            Count(spans.len(), "part")
        )),
    }
    if stored.kept != Kept::All {
        steps.more(format_args!(
            "what is missing of that is fetched while the rest is sent (RFC 9111, 3.3)"
        ));
    }
}

/// What is done when nothing stored can be served.
fn tell_way(
    steps: &mut Steps<'_>,
    request: &Request<'_>,
    policy: &Policy,
    inspection: &Inspection,
    prediction: &Prediction<'_>,
    now: Mono,
) {
    match prediction.outcome {
        Outcome::Refused(reason) => {
            return steps.step(format_args!("answer: 504, as {}", of_reason(reason)));
        }
        Outcome::Pass(Reason::Precondition) if prediction.why != Reason::Precondition => {
            steps.step(format_args!("{}", of_reason(Reason::Precondition)));
        }
        Outcome::Pass(Reason::HitForMiss) => {
            let left = inspection.marked_for_ms.unwrap_or(0).div_ceil(1000);
            let left = Seconds(u32::try_from(left).unwrap_or(u32::MAX));
            steps.step(format_args!("{}", of_reason(Reason::HitForMiss)));
            steps.more(format_args!("for {left} more"));
        }
        Outcome::Pass(Reason::Shutdown) => {
            steps.step(format_args!("{}", of_reason(Reason::Shutdown)));
        }
        Outcome::Collapsed(_) => {
            return steps.step(format_args!(
                "it waits for a fetch that is under way already (RFC 9111, 4)"
            ));
        }
        _ => {}
    }
    match prediction.outcome {
        Outcome::Miss(_) => tell_question(steps, request, policy, inspection, prediction),
        _ => steps.step(format_args!("the origin is asked, for this client alone")),
    }
    // Of what is there in part only nothing could be served.
    if let Some(stored) = prediction
        .selected
        .filter(|stored| stored.kept == Kept::All)
    {
        let facts = facts_now(stored, now);
        if cache::in_place_of_error(request, &facts, policy, now) {
            steps.more(format_args!(
                "if it fails, what is stored is served: {} (RFC 5861, 4)",
                Told(Outcome::Stale(Reason::OriginError))
            ));
        }
    }
}

/// What the origin is asked, and what its answer makes of it.
fn tell_question(
    steps: &mut Steps<'_>,
    request: &Request<'_>,
    policy: &Policy,
    inspection: &Inspection,
    prediction: &Prediction<'_>,
) {
    let mut lines = Vec::new();
    question(inspection, &mut lines);
    if prediction.why == Reason::PartMissing {
        steps.step(format_args!(
            "the origin is asked for what is missing of it (RFC 9111, 3.3)"
        ));
    } else if let Some(span) = fragment(request, policy).filter(|_| lines.is_empty()) {
        push_range(&mut lines, &span, None);
        steps.step(format_args!(
            "the origin is asked for fragments, the one with the first byte wanted before others \
             (RFC 9110, 14.2; cache.fragments)"
        ));
        for line in field_lines(&lines) {
            steps.more(format_args!("{}", Shown(line)));
        }
    } else if lines.is_empty() {
        steps.step(format_args!("the origin is asked for all of it"));
    } else {
        steps.step(format_args!(
            "the origin is asked whether what is stored still holds (RFC 9111, 4.3.1)"
        ));
        for line in field_lines(&lines) {
            steps.more(format_args!("{}", Shown(line)));
        }
        let confirmed = Outcome::Revalidated(prediction.outcome.reason());
        steps.more(format_args!("a 304 makes it: {}", Told(confirmed)));
    }
    steps.more(format_args!(
        "others who ask meanwhile wait for the answer (RFC 9111, 4)"
    ));
}

/// The fragment that a request for one range begins with, when nothing is stored.
fn fragment(request: &Request<'_>, policy: &Policy) -> Option<Range<u64>> {
    let asks = policy.fragments && request.method == Method::Get;
    let value = request.fields.get(Name::Range).filter(|_| asks)?;
    match range::wanted(value) {
        Wanted::From(first, _) => Some(window(first, None)),
        Wanted::Ignore | Wanted::Suffix(_) | Wanted::Many => None,
    }
}

/// Appends the conditions under which the origin is asked: with what is stored, the selected one
/// first.
fn question(inspection: &Inspection, lines: &mut Vec<u8>) {
    let is_there = |stored: &&Stored| stored.verdict != Verdict::Dead;
    let mut held: Vec<&Stored> = inspection.variants.iter().filter(is_there).collect();
    held.sort_by_key(|stored| (!stored.selected, core::cmp::Reverse(stored.facts.received)));
    let mut heads: Vec<ResponseHead> = held.iter().map(|_| ResponseHead::default()).collect();
    let pairs = held.iter().zip(&mut heads);
    let responses: Vec<Response<'_>> = pairs
        .filter_map(|(stored, head)| parse_stored(&stored.head, head))
        .collect();
    if !responses.is_empty() {
        cache::conditionals_of(&responses, lines);
    }
}
