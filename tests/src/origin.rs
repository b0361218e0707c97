//! A scriptable HTTP/1.1 origin: one thread per connection, every request on record.
//!
//! It is a strict reader of what Ringside sends: a request it can't read, without exactly one
//! Host, or with both framing fields is a fault that fails the test when the origin is dropped.

use crate::answer::{Answer, Cut, Delimited, Place, Talk};
use crate::received::Received;
use crate::sys;
use crate::wait::PATIENCE;
use crate::wire::{values, Body, Broken, Chunks, Wire};
use std::collections::HashMap;
use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

type Rule = Arc<dyn Fn(&Received, usize) -> Answer + Send + Sync>;

/// An origin on a free port of 127.0.0.1. Paths without a rule are answered 404, not storable.
pub struct Origin {
    port: u16,
    room: Arc<Room>,
}

#[derive(Default)]
struct Room {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    rules: Vec<(String, Rule)>,
    /// Requests so far, by the path of each rule.
    counts: HashMap<String, usize>,
    received: Vec<Received>,
    faults: Vec<String>,
    connections: usize,
    /// The connections that are open, to be shut when the origin goes.
    open: HashMap<usize, TcpStream>,
    gone: bool,
    listening: bool,
}

impl Origin {
    /// Listens, and answers nothing but 404 until [`Origin::on`] says more.
    pub fn start() -> Self {
        sys::raise_descriptor_limit();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound address").port();
        let origin = Origin {
            port,
            room: Arc::new(Room::default()),
        };
        origin.listen(listener);
        origin
    }

    fn listen(&self, listener: TcpListener) {
        let mut state = self.state();
        (state.gone, state.listening) = (false, true);
        drop(state);
        let room = Arc::clone(&self.room);
        thread::spawn(move || {
            accept(&listener, &room);
            drop(listener);
            room.state.lock().expect("origin").listening = false;
            room.changed.notify_all();
        });
    }

    /// Ends every connection and refuses new ones, as a process does that has ended. When this
    /// returns, nobody listens on the port.
    #[track_caller]
    pub fn leave(&self) {
        self.stop();
        self.wait("the origin to leave", |state| !state.listening);
    }

    /// Listens again, on the same port.
    #[track_caller]
    pub fn come_back(&self) {
        let mut listener = None;
        crate::wait::wait_until("the origin's port", || {
            listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).ok();
            listener.is_some()
        });
        self.listen(listener.expect("just bound"));
    }

    /// Shuts every connection, and has the accepting thread end.
    fn stop(&self) {
        let mut state = self.state();
        state.gone = true;
        for stream in state.open.values() {
            // It may have ended by itself already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        // Wakes the accepting thread, which then sees `gone`.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        drop(TcpStream::connect(address));
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on `answer` is said to requests for `path` (with any query). A trailing `*` stands
    /// for any ending. A later rule for the same path wins.
    pub fn on(&self, path: &str, answer: Answer) {
        self.on_each(path, move |_, _| answer.clone());
    }

    /// Like [`Origin::on`], made for each request: `say` gets the request's head and its number
    /// among those to the same path, from 1.
    pub fn on_each(
        &self,
        path: &str,
        say: impl Fn(&Received, usize) -> Answer + Send + Sync + 'static,
    ) {
        let mut state = self.state();
        let before = state.received.iter().filter(|r| is_for(r, path)).count();
        state.counts.insert(path.into(), before);
        state.rules.push((path.into(), Arc::new(say)));
    }

    /// Every request for `path` so far, in order of arrival.
    pub fn requests(&self, path: &str) -> Vec<Received> {
        let state = self.state();
        let asked = state.received.iter().filter(|r| is_for(r, path));
        asked.cloned().collect()
    }

    /// The only request for `path`; fails when there were none or several.
    #[track_caller]
    pub fn only(&self, path: &str) -> Received {
        let mut all = self.requests(path);
        assert_eq!(all.len(), 1, "requests for {path}");
        all.remove(0)
    }

    /// The latest request for `path`.
    #[track_caller]
    pub fn last(&self, path: &str) -> Received {
        self.requests(path).pop().expect("a request for the path")
    }

    /// How many requests for `path` came.
    pub fn count(&self, path: &str) -> usize {
        self.requests(path).len()
    }

    /// How many requests came at all.
    pub fn total(&self) -> usize {
        self.state().received.len()
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> usize {
        self.state().connections
    }

    /// How many connections are open now.
    pub fn open_connections(&self) -> usize {
        self.state().open.len()
    }

    /// Waits until `n` requests for `path` have come.
    #[track_caller]
    pub fn wait_for(&self, path: &str, n: usize) {
        self.wait(&format!("{n} requests for {path}"), |state| {
            state.received.iter().filter(|r| is_for(r, path)).count() >= n
        });
    }

    /// Waits until the `n`th request for `path` (from 1) is as `ready` wants it.
    #[track_caller]
    pub fn wait_on(&self, path: &str, n: usize, ready: impl Fn(&Received) -> bool) {
        self.wait(
            &format!("what request {n} for {path} should become"),
            |state| {
                let mut asked = state.received.iter().filter(|r| is_for(r, path));
                asked.nth(n - 1).is_some_and(&ready)
            },
        );
    }

    /// Waits until no connection is open.
    #[track_caller]
    pub fn wait_until_unconnected(&self) {
        self.wait("the origin's connections to end", |state| {
            state.open.is_empty()
        });
    }

    #[track_caller]
    fn wait(&self, what: &str, mut ready: impl FnMut(&State) -> bool) {
        let state = self.state();
        let (state, waited) = self
            .room
            .changed
            .wait_timeout_while(state, PATIENCE, |state| !ready(state))
            .expect("origin");
        // Not held while panicking, or every connection's thread would panic too.
        drop(state);
        assert!(!waited.timed_out(), "waited too long for {what}");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.room.state.lock().expect("origin")
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stop();
        let faults = std::mem::take(&mut self.state().faults);
        assert!(
            faults.is_empty() || thread::panicking(),
            "what Ringside sent to the origin: {faults:#?}"
        );
    }
}

fn is_for(received: &Received, path: &str) -> bool {
    covers(path, &received.target)
}

/// Is `target`, with or without its query, what `path` names?
fn covers(path: &str, target: &str) -> bool {
    let bare = target.split('?').next().unwrap_or_default();
    match path.strip_suffix('*') {
        Some(prefix) => target.starts_with(prefix),
        None => target == path || bare == path,
    }
}

fn accept(listener: &TcpListener, room: &Arc<Room>) {
    for stream in listener.incoming() {
        let mut state = room.state.lock().expect("origin");
        if state.gone {
            return;
        }
        let Ok(stream) = stream else { continue };
        let id = state.connections;
        state.connections += 1;
        let handle = stream.try_clone().expect("a second handle");
        state.open.insert(id, handle);
        drop(state);
        let room = Arc::clone(room);
        let serving = thread::Builder::new().stack_size(512 << 10).spawn(move || {
            let stream = Serving { id, room: &room }.serve(stream);
            room.state.lock().expect("origin").open.remove(&id);
            // Only now: the record must not say "open" about a connection whose peer saw its end.
            drop(stream);
            Serving { id, room: &room }.note(|received| received.ended = true);
        });
        serving.expect("a thread");
    }
}

/// One connection being served.
struct Serving<'a> {
    id: usize,
    room: &'a Room,
}

impl Serving<'_> {
    /// Serves requests until either side ends the connection; gives back the socket to be dropped.
    fn serve(&self, stream: TcpStream) -> TcpStream {
        let mut wire = Wire::new(stream);
        loop {
            match self.exchange(&mut wire) {
                Ok(true) => {}
                Ok(false) | Err(Broken::Closed | Broken::Reset | Broken::Late) => {
                    return wire.stream;
                }
                Err(Broken::Malformed(what)) => {
                    self.room.state.lock().expect("origin").faults.push(what);
                    return wire.stream;
                }
            }
        }
    }

    /// One request and its answer. True when the connection can carry another.
    fn exchange(&self, wire: &mut Wire) -> Result<bool, Broken> {
        let head = wire.head()?;
        let received = Received::new(self.id, &head).map_err(Broken::Malformed)?;
        let body = head.framing()?.unwrap_or(Body::Done);
        let asks_close =
            values(&head.fields, "connection").any(|value| value.eq_ignore_ascii_case("close"));
        let is_head = received.method == "HEAD";
        let answer = self.record(received);
        if answer.continues {
            send(wire, b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        if answer.reads_content {
            self.read_content(wire, body)?;
        }
        let whole = self.say(wire, &answer, is_head)?;
        self.note(|received| received.answered = whole);
        if let Some(talk) = answer.upgrade {
            let early = wire.ready().to_vec();
            let stream = wire.stream.try_clone().map_err(|_| Broken::Reset)?;
            talk(Talk { early, stream });
            return Ok(false);
        }
        if !whole {
            return Ok(false);
        }
        if answer.close || asks_close {
            // An orderly end: our side first, then whatever the peer still says, so that nothing
            // we sent is lost to a reset (RFC 9112, 9.6).
            let _ = wire.stream.shutdown(Shutdown::Write);
            while wire.fill().is_ok() {
                wire.consume(wire.ready().len());
            }
            return Ok(false);
        }
        Ok(true)
    }

    /// Puts the request on record and finds what to say to it.
    fn record(&self, received: Received) -> Answer {
        let mut state = self.room.state.lock().expect("origin");
        let found = state
            .rules
            .iter()
            .filter(|(path, _)| covers(path, &received.target));
        // Of equals, max_by_key gives the last: the latest rule.
        let rule = found.max_by_key(|(path, _)| !path.ends_with('*')).cloned();
        for (path, count) in &mut state.counts {
            *count += usize::from(covers(path, &received.target));
        }
        let number = rule.as_ref().map_or(0, |(path, _)| state.counts[path]);
        state.received.push(received.clone());
        drop(state);
        self.room.changed.notify_all();
        match rule {
            Some((_, say)) => say(&received, number),
            None => Answer::status(404).no_store(),
        }
    }

    fn read_content(&self, wire: &mut Wire, mut body: Body) -> Result<(), Broken> {
        let mut chunks = Chunks::default();
        while body != Body::Done {
            let mut piece = Vec::new();
            body.step(wire, &mut chunks, &mut |bytes| {
                piece.extend_from_slice(bytes)
            })?;
            if !piece.is_empty() {
                self.note(|received| received.body.extend_from_slice(&piece));
            }
        }
        self.note(|received| {
            received.trailers = std::mem::take(&mut chunks.trailers);
            received.chunks = std::mem::take(&mut chunks.sizes);
            received.arrived = true;
        });
        Ok(())
    }

    /// Sends `answer`; false when it was cut short on purpose.
    fn say(&self, wire: &mut Wire, answer: &Answer, is_head: bool) -> Result<bool, Broken> {
        if !answer.first.is_empty() {
            send(wire, &answer.first)?;
        }
        pause(answer, Place::Head);
        let head = answer.head();
        if is_head || matches!(answer.status, 101 | 204 | 304) {
            send(wire, &head)?;
            return Ok(true);
        }
        let mut out = head;
        let is_chunked = matches!(answer.delimited, Delimited::Chunks(_));
        if answer
            .pauses
            .iter()
            .any(|(place, _)| *place == Place::Content(0))
        {
            send(wire, &out)?;
            out.clear();
            pause(answer, Place::Content(0));
        }
        for piece in answer.pieces() {
            let content = &answer.content[piece.clone()];
            if is_chunked {
                out.extend_from_slice(format!("{:x}\r\n", content.len()).as_bytes());
            }
            if content.len() > 64 << 10 {
                // Large content goes out from where it is shared.
                send(wire, &out)?;
                out.clear();
                send(wire, content)?;
            } else {
                out.extend_from_slice(content);
            }
            if is_chunked {
                out.extend_from_slice(b"\r\n");
            }
            if answer
                .pauses
                .iter()
                .any(|(place, _)| *place == Place::Content(piece.end))
            {
                send(wire, &out)?;
                out.clear();
                pause(answer, Place::Content(piece.end));
            }
        }
        if let Some((_, cut)) = answer.cut {
            send(wire, &out)?;
            if let Cut::Reset = cut {
                sys::reset_on_close(&wire.stream);
            }
            return Ok(false);
        }
        if is_chunked {
            out.extend_from_slice(b"0\r\n");
            for (name, value) in &answer.trailers {
                out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
            out.extend_from_slice(b"\r\n");
        }
        send(wire, &out)?;
        Ok(true)
    }

    /// Changes the record of this connection's latest request.
    fn note(&self, change: impl FnOnce(&mut Received)) {
        let mut state = self.room.state.lock().expect("origin");
        let mut latest = state.received.iter_mut().rev();
        if let Some(received) = latest.find(|r| r.connection == self.id) {
            change(received);
        }
        drop(state);
        self.room.changed.notify_all();
    }
}

fn pause(answer: &Answer, place: Place) {
    for (at, gate) in &answer.pauses {
        if *at == place {
            gate.pass();
        }
    }
}

fn send(wire: &mut Wire, bytes: &[u8]) -> Result<(), Broken> {
    wire.stream.write_all(bytes).map_err(|_| Broken::Reset)
}
