//! A request's content on its way from the client to the origin.
//!
//! | phase | who | what |
//! |---|---|---|
//! | waiting | the fetch | may still choose another connection: nothing was taken |
//! | moving | the pump, a task of its own | reads from the client, writes to the origin |
//! | done | nobody | all content was sent on; `rest` holds what follows it |
//! | failed | nobody | the fault says whose; the origin connection is closed |
//!
//! The pump runs beside the fetch, so an origin may answer early, and a client that waits for
//! `100 Continue` gets the origin's own.

use crate::rt::{self, oneshot, Buffer, Sender, Stream, Waiting, When};
use ringside_engine::fault::Fault;
use ringside_engine::http::{chunk_line, ChunkedDecoder, Length, LAST_CHUNK};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// The content of one request.
pub struct Upload {
    client: Rc<Stream>,
    length: Length,
    bytes_max: u64,
    carry: RefCell<Option<Buffer>>,
    fault: Cell<Option<Fault>>,
    done: Cell<bool>,
    started: Cell<bool>,
    finish: Cell<Option<Sender<()>>>,
    finished: Cell<Option<Waiting<()>>>,
}

impl Upload {
    /// Content of `length`, of which `carry` holds what has arrived.
    pub fn new(client: Rc<Stream>, carry: Buffer, length: Length, bytes_max: u64) -> Rc<Upload> {
        let (finish, finished) = oneshot();
        Rc::new(Upload {
            client,
            length,
            bytes_max,
            carry: RefCell::new(Some(carry)),
            fault: Cell::new(None),
            done: Cell::new(false),
            started: Cell::new(false),
            finish: Cell::new(Some(finish)),
            finished: Cell::new(Some(finished)),
        })
    }

    /// How the content is delimited towards the origin, too.
    pub fn length(&self) -> Length {
        self.length
    }

    /// Some of it may have been taken from the client: no second try.
    pub fn has_started(&self) -> bool {
        self.started.get()
    }

    /// All of it was sent on.
    pub fn is_done(&self) -> bool {
        self.done.get()
    }

    /// Why it failed, if it did.
    pub fn fault(&self) -> Option<Fault> {
        self.fault.get()
    }

    /// Starts moving the content to `origin`. Each move may take `patience`; once all is moved,
    /// the origin has `answer_within` to answer.
    pub fn start(self: &Rc<Self>, origin: Rc<Stream>, patience: Duration, answer_within: Duration) {
        self.started.set(true);
        let (upload, after) = (self.clone(), self.clone());
        rt::spawn(
            async move {
                let Some(carry) = upload.carry.take() else {
                    return;
                };
                let (carry, result) = upload.pump(carry, &origin, patience).await;
                upload.carry.replace(Some(carry));
                match result {
                    Ok(()) => {
                        upload.done.set(true);
                        origin.deadline(When::Write, answer_within, rt::now());
                    }
                    Err(fault) => {
                        upload.fault.set(fault);
                        // The origin must not take half a content for a whole one; and the fetch,
                        // which waits for a head, is woken.
                        origin.close();
                    }
                }
                upload.client.no_deadline(When::Read);
                upload.finish.take();
            },
            move || drop(after.finish.take()),
        );
    }

    /// The response is through; the rest of the content is not wanted.
    pub fn give_up(&self) {
        if self.started.get() && !self.done.get() {
            self.client.deadline(When::Read, Duration::ZERO, rt::now());
        }
    }

    /// Waits until nothing moves any more.
    pub async fn finished(&self) {
        if self.started.get() {
            if let Some(finished) = self.finished.take() {
                finished.await;
            }
        }
    }

    /// What follows the content.
    pub fn take_rest(&self) -> Option<Buffer> {
        self.carry.take()
    }

    async fn pump(
        &self,
        mut carry: Buffer,
        origin: &Stream,
        patience: Duration,
    ) -> (Buffer, Result<(), Option<Fault>>) {
        let mut decoder = ChunkedDecoder::new();
        let mut left = match self.length {
            Length::Exact(bytes) => bytes,
            _ => self.bytes_max,
        };
        let chunked = self.length == Length::Chunked;
        let mut out = Vec::new();
        loop {
            let step = if chunked {
                step_chunked(&mut decoder, &mut carry, &mut left, &mut out)
            } else {
                Ok(step_exact(&mut carry, &mut left, &mut out))
            };
            let ended = match step {
                Ok(ended) => ended,
                Err(fault) => return (carry, Err(Some(fault))),
            };
            if !out.is_empty() {
                origin.deadline(When::Write, patience, rt::now());
                let (result, spent) = origin.write_all(out).await;
                if result.is_err() {
                    // The origin closed: perhaps it has answered early, which the fetch sees.
                    return (carry, Err(None));
                }
                out = spent;
                out.clear();
            }
            if ended {
                return (carry, Ok(()));
            }
            if carry.room() == 0 {
                carry.make_room(0);
            }
            self.client.deadline(When::Read, patience, rt::now());
            let (result, buffer) = self.client.read(carry).await;
            carry = buffer;
            match result {
                Ok(n) if n > 0 => {}
                _ if self.client.expired() => {
                    let fault = Fault::client(408, "the content did not arrive in time");
                    return (carry, Err(Some(fault)));
                }
                _ => {
                    let fault = Fault::client(400, "the connection ended within the content");
                    return (carry, Err(Some(fault)));
                }
            }
        }
    }
}

/// Moves what there is of a content of known length; `true` when it is complete.
fn step_exact(carry: &mut Buffer, left: &mut u64, out: &mut Vec<u8>) -> bool {
    let here = carry.unread().len();
    let n = usize::try_from(*left).map_or(here, |left| left.min(here));
    out.extend_from_slice(carry.unread().get(..n).unwrap_or_default());
    carry.consume(n);
    *left -= n as u64;
    *left == 0
}

/// Decodes what there is of a chunked content and codes it anew; `true` when it is complete.
fn step_chunked(
    decoder: &mut ChunkedDecoder,
    carry: &mut Buffer,
    left: &mut u64,
    out: &mut Vec<u8>,
) -> Result<bool, Fault> {
    loop {
        let input = carry.unread();
        let step = decoder
            .step(input)
            .map_err(|fault| Fault::client(400, fault.what()))?;
        let content = input.get(step.content.clone()).unwrap_or_default();
        if !content.is_empty() {
            let Some(rest) = left.checked_sub(content.len() as u64) else {
                return Err(Fault::client(
                    413,
                    "the content is larger than this server takes",
                ));
            };
            *left = rest;
            out.extend_from_slice(chunk_line(content.len(), &mut [0; 20]));
            out.extend_from_slice(content);
            out.extend_from_slice(b"\r\n");
        }
        let consumed = step.consumed;
        carry.consume(consumed);
        if step.done {
            let trailers = decoder.trailers();
            if trailers.is_empty() {
                out.extend_from_slice(LAST_CHUNK);
            } else {
                out.extend_from_slice(b"0\r\n");
                out.extend_from_slice(trailers);
                out.extend_from_slice(b"\r\n");
            }
            return Ok(true);
        }
        if consumed == 0 || carry.is_empty() {
            return Ok(false);
        }
    }
}
