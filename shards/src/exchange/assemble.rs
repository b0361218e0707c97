//! Answers put together: from a stored body, or from the fragments of an outline, of which some may
//! still have to be fetched.
//!
//! What is to be sent is laid out first, as a list of texts and spans; then it is carried out in
//! order. The head goes out with the first bytes, once they are there: until then the answer can
//! still become another. From then on, a fragment that can't be had breaks the answer off before
//! its stated length. Fragments are of one version, whose key they carry, so what was sent is never
//! followed by bytes of another.

use super::deliver::{self, Cut, Delivered, Framing, Streamed};
use super::look::{self, Found};
use super::source::Source;
use super::Visit;
use crate::rt;
use crate::shard::Keep;
use crate::store::{FlightHead, Object};
use ringside_engine::cache::part::{
    multipart_head, partial_head, push_last_boundary, push_part_head, unsatisfiable_head,
};
use ringside_engine::cache::{self, Part, Verdict};
use ringside_engine::fault::Fault;
use ringside_engine::http::{Method, Name, Response};
use ringside_engine::outcome::{Outcome, Reason};
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

/// The version whose parts were being asked for does not exist any more, and nothing was sent yet.
pub enum Changed {
    /// Begin anew.
    Anew,
    /// The origin sends all of what it has now, on this reader's request or another's.
    Whole(Source, Arc<FlightHead>, Outcome),
}

/// What is to be sent, in order.
pub struct Layout {
    /// Status code.
    pub status: u16,
    /// The head, without its last fields.
    pub head: Vec<u8>,
    /// What follows it.
    pub steps: Vec<Step>,
}

/// One step of an answer.
pub enum Step {
    /// Text of our own, between parts.
    Text(Vec<u8>),
    /// Bytes of the stored body.
    Span(Range<u64>),
}

impl Layout {
    /// Bytes of content that it sends.
    pub fn bytes(&self) -> u64 {
        let bytes = |step: &Step| match step {
            Step::Text(text) => text.len() as u64,
            Step::Span(span) => span.end - span.start,
        };
        self.steps.iter().map(bytes).sum()
    }

    fn bare(status: u16, head: Vec<u8>) -> Layout {
        Layout {
            status,
            head,
            steps: Vec::new(),
        }
    }
}

/// What a request gets of a stored response with a body of `whole` bytes: all, parts, or the news
/// that it has it. `None`: a precondition does not hold.
pub fn lay_out(
    visit: &Visit,
    response: &Response<'_>,
    stored: &[u8],
    whole: u64,
) -> Option<Layout> {
    let request = visit.request();
    let mut head = Vec::with_capacity(stored.len() + 64);
    match cache::preconditions(&request, response) {
        Verdict::Failed => return None,
        Verdict::NotModified => {
            cache::not_modified_head(response, &mut head);
            return Some(Layout::bare(304, head));
        }
        Verdict::Proceed => {}
    }
    let mut steps = Vec::new();
    let status = match cache::part(&request, response, whole) {
        Part::Whole => {
            head.extend_from_slice(stored);
            steps.push(Step::Span(0..whole));
            response.status
        }
        Part::Span(span) => {
            partial_head(response, &span, whole, &mut head);
            steps.push(Step::Span(span));
            206
        }
        Part::Spans(spans) => {
            let boundary = visit.shard.version(visit.intent.key).0;
            multipart_head(response, boundary, &spans, whole, &mut head);
            let kind = response.fields.get(Name::ContentType);
            for (at, span) in spans.iter().enumerate() {
                let mut text = Vec::new();
                push_part_head(&mut text, boundary, kind, span, whole, at == 0);
                steps.push(Step::Text(text));
                steps.push(Step::Span(span.clone()));
            }
            let mut last = Vec::new();
            push_last_boundary(&mut last, boundary);
            steps.push(Step::Text(last));
            206
        }
        Part::Unsatisfiable => {
            unsatisfiable_head(whole, visit.shard.wall(), &mut head);
            416
        }
    };
    if request.method == Method::Head {
        steps.clear();
    }
    Some(Layout {
        status,
        head,
        steps,
    })
}

/// An answer from fragments on its way.
struct Assembly<'a> {
    visit: &'a Visit,
    outline: Arc<Object>,
    outcome: Outcome,
    layout: Layout,
    /// A fetch that was joined before it was known that it brings a part.
    first: Option<(Source, Arc<FlightHead>)>,
    /// Text that goes out with the next bytes.
    text: Vec<u8>,
    /// Bytes of content sent.
    bytes: u64,
    begun: bool,
}

/// Why an answer ends before its end.
enum Stop {
    Changed(Changed),
    Fault(Fault),
    Gone,
}

/// Sends what is laid out of the body that `outline` stands for.
pub async fn run(
    visit: &Visit,
    outline: Arc<Object>,
    outcome: Outcome,
    layout: Layout,
    first: Option<(Source, Arc<FlightHead>)>,
) -> Result<Delivered, Changed> {
    let first_byte_us = first.as_ref().map(|(_, head)| head.at_us);
    let mut assembly = Assembly {
        visit,
        outline,
        outcome,
        layout,
        first,
        text: Vec::new(),
        bytes: 0,
        begun: false,
    };
    let stopped = assembly.carry_out().await;
    let mut delivered = Delivered {
        outcome: assembly.outcome,
        status: assembly.layout.status,
        bytes: assembly.bytes,
        first_byte_us,
        keep: deliver::keeps(visit),
        gone: false,
    };
    match stopped {
        Ok(()) => {}
        Err(Stop::Changed(changed)) if !assembly.begun => return Err(changed),
        Err(Stop::Fault(fault)) if !assembly.begun => {
            let reason = look::reason_of(&fault);
            return Ok(deliver::fault(visit, &fault, reason).await);
        }
        // Closed before the stated length: it does not look complete.
        Err(_) => {
            delivered.keep = false;
            delivered.gone = true;
        }
    }
    Ok(delivered)
}

/// A fragment that was asked for while the one before it is sent.
type Ahead<'a> = rt::Started<Pin<Box<dyn Future<Output = Found> + 'a>>>;

impl<'a> Assembly<'a> {
    async fn carry_out(&mut self) -> Result<(), Stop> {
        for step in std::mem::take(&mut self.layout.steps) {
            match step {
                Step::Text(text) => self.text.extend_from_slice(&text),
                Step::Span(span) => self.span(span).await?,
            }
        }
        if self.begun && self.text.is_empty() {
            return Ok(());
        }
        let gather = self.gather();
        let mut gather = gather;
        gather.push_scratch();
        deliver::write(self.visit, gather)
            .await
            .map_err(|_| Stop::Gone)
    }

    async fn span(&mut self, span: Range<u64>) -> Result<(), Stop> {
        let mut at = span.start;
        let mut ahead: Option<Ahead<'a>> = None;
        while at < span.end {
            let need = self.need(at, span.end);
            at = match self.joined(at) {
                Some((source, head)) => self.send_flight(source, &head, at..span.end).await?,
                None => match self.fragment(at, span.end, ahead.take()).await {
                    Found::Object(keep, found) => {
                        if !self.begun && self.outcome == Outcome::Hit {
                            self.outcome = found;
                        }
                        // While one is sent the next is read: not more, since the client sets the
                        // pace.
                        let next = need.end;
                        let mut reading = (next < span.end).then(|| self.start(next, span.end));
                        let sent = match &mut reading {
                            Some(reading) => {
                                rt::meanwhile(self.send_object(keep, need), reading).await
                            }
                            None => self.send_object(keep, need).await,
                        };
                        ahead = reading;
                        sent?
                    }
                    Found::Flight(source, head, outcome) if head.part.is_none() => {
                        return Err(Stop::Changed(Changed::Whole(source, head, outcome)));
                    }
                    Found::Flight(source, head, _) => {
                        if !self.begun && !matches!(self.outcome, Outcome::Collapsed(_)) {
                            self.outcome = Outcome::Miss(Reason::PartMissing);
                        }
                        self.send_flight(source, &head, need).await?
                    }
                    // By way of the cache it can't be had: in the end the request goes by itself.
                    Found::Go(_) => return Err(Stop::Changed(Changed::Anew)),
                    Found::Failed(fault, _) => return Err(Stop::Fault(fault)),
                    Found::Gone => return Err(Stop::Gone),
                },
            };
        }
        Ok(())
    }

    /// What is needed of the fragment in which byte `at` lies.
    fn need(&self, at: u64, end: u64) -> Range<u64> {
        at..end.min(cache::window(at, Some(self.outline.body_bytes())).end)
    }

    /// The fragment in which byte `at` lies, which may have been asked for before.
    async fn fragment(&self, at: u64, end: u64, ahead: Option<Ahead<'a>>) -> Found {
        match ahead {
            Some(ahead) => ahead.finish().await,
            None => self.start(at, end).finish().await,
        }
    }

    /// Asks for the fragment in which byte `at` lies.
    fn start(&self, at: u64, end: u64) -> Ahead<'a> {
        let (visit, outline) = (self.visit, self.outline.clone());
        let need = self.need(at, end);
        rt::Started::new(Box::pin(async move {
            let window = cache::window(need.start, Some(outline.body_bytes()));
            look::fragment(visit, &outline, &window, &need).await
        }))
    }

    /// The fetch that was joined first, if it brings this byte.
    fn joined(&mut self, at: u64) -> Option<(Source, Arc<FlightHead>)> {
        let (source, head) = self.first.take()?;
        let part = head.part.as_ref()?;
        let brings = part.extent.span().contains(&at);
        brings.then_some((source, head))
    }

    async fn send_object(&mut self, keep: Keep, need: Range<u64>) -> Result<u64, Stop> {
        let extent = look::handle(&keep).and_then(|object| object.extent());
        let Some(extent) = extent.filter(|extent| extent.covers(&need)) else {
            return Err(Stop::Changed(Changed::Anew));
        };
        if let Some(object) = look::shared_handle(&keep) {
            super::promote::note_use(&self.visit.shard, object);
        }
        let mut gather = self.gather();
        gather.push_scratch();
        let local = need.start - extent.first..need.end - extent.first;
        let bytes = need.end - need.start;
        let sent = deliver::send_span(self.visit, gather, keep, local).await;
        let unsent = sent.err().map(|unsent| unsent.min(bytes));
        self.bytes += bytes - unsent.unwrap_or(0);
        self.visit.shard.counters.hit_bytes.add(bytes);
        match unsent {
            None => Ok(need.end),
            Some(_) => Err(Stop::Gone),
        }
    }

    async fn send_flight(
        &mut self,
        mut source: Source,
        head: &FlightHead,
        need: Range<u64>,
    ) -> Result<u64, Stop> {
        let Some(part) = &head.part else {
            return Err(Stop::Changed(Changed::Anew));
        };
        let end = need.end.min(part.extent.end);
        if !part.extent.span().contains(&need.start) {
            return Err(Stop::Changed(Changed::Anew));
        }
        let cut = Cut {
            skip: need.start - part.extent.first,
            left: end - need.start,
        };
        let gather = self.gather();
        let framing = Framing::Length(end - need.start);
        let (visit, bytes) = (self.visit, &mut self.bytes);
        match deliver::stream(visit, &mut source, gather, framing, Some(cut), bytes).await {
            Streamed::Whole => Ok(end),
            Streamed::Broken => Err(Stop::Gone),
            Streamed::Gone => Err(Stop::Gone),
        }
    }

    /// A gather with what goes before the next bytes in its scratch.
    fn gather(&mut self) -> Box<rt::Gather<Keep>> {
        let mut gather = self.visit.shard.take_gather();
        let out = gather.scratch();
        if !self.begun {
            self.begun = true;
            out.extend_from_slice(&self.layout.head);
            deliver::push_stored_fields(out, self.visit, &self.outline.facts, self.outcome);
        }
        out.append(&mut self.text);
        gather
    }
}
