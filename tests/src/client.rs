//! A raw client: sends any bytes in any pieces, and reads responses without trust.

use crate::ask::Ask;
use crate::reply::{status_line, Framing, Informational, Reply};
use crate::sys;
use crate::wait::Deadline;
use crate::wire::{Body, Broken, Chunks, Wire};
use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};

/// One connection to Ringside.
pub struct Client {
    wire: Wire,
}

impl Client {
    /// Connects to a port of 127.0.0.1.
    #[track_caller]
    pub fn connect(port: u16) -> Self {
        match Self::try_connect(port) {
            Ok(client) => client,
            Err(error) => panic!("connect to port {port}: {error}"),
        }
    }

    /// The same, where nobody may listen any more.
    pub fn try_connect(port: u16) -> std::io::Result<Self> {
        sys::raise_descriptor_limit();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect_timeout(&address, crate::wait::PATIENCE)?;
        stream
            .set_write_timeout(Some(crate::wait::PATIENCE))
            .expect("a write timeout can be set");
        Ok(Client {
            wire: Wire::new(stream),
        })
    }

    /// Our address, as the server sees it.
    pub fn address(&self) -> SocketAddr {
        self.wire.stream.local_addr().expect("a connected socket")
    }

    /// Lets the kernel buffer little for us (instead of some MiB): what is not read holds up the
    /// server soon. Not less than a few loopback segments, or reading on would crawl.
    pub fn reads_little(self) -> Self {
        sys::shrink_receive_buffer(&self.wire.stream, 128 << 10);
        self
    }

    /// Sends bytes as they are. A connection the server has closed is no failure here: the script
    /// sees it when it reads.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.wire.stream.write_all(bytes.as_ref());
        self
    }

    /// Sends bytes one by one, each in a packet of its own.
    pub fn send_in_bytes(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        for byte in bytes.as_ref() {
            self.send([*byte]);
        }
        self
    }

    /// GET, and the response.
    #[track_caller]
    pub fn get(&mut self, target: &str) -> Reply {
        self.ask(&Ask::get(target))
    }

    /// Sends `ask` and reads the response.
    #[track_caller]
    pub fn ask(&mut self, ask: &Ask) -> Reply {
        self.send(ask.bytes());
        self.begin(&ask.method).finish()
    }

    /// The next response to a request that was not HEAD.
    #[track_caller]
    pub fn reply(&mut self) -> Reply {
        self.begin("GET").finish()
    }

    /// The next response to a HEAD.
    #[track_caller]
    pub fn reply_to_head(&mut self) -> Reply {
        self.begin("HEAD").finish()
    }

    /// Reads the next interim response, and fails on a final one.
    #[track_caller]
    pub fn informational(&mut self) -> Informational {
        self.wire.deadline = Some(Deadline::soon());
        let head = self.wire.head();
        let head = head.unwrap_or_else(|broken| panic!("no interim response: {broken:?}"));
        let (_, status) = status_line(&head.first);
        assert!(status / 100 == 1, "not an interim response: {}", head.first);
        Informational {
            status,
            fields: head.fields,
        }
    }

    /// Reads the next response's head (and the interim ones before it); its content is left to be
    /// read by the [`Reading`]. Fails when the connection ends before.
    #[track_caller]
    pub fn begin(&mut self, method: &str) -> Reading<'_> {
        match self.try_begin(method) {
            Ok(reading) => reading,
            Err(broken) => panic!("no response to {method}: {broken:?}"),
        }
    }

    /// Reads a response if one comes whole or broken; `None` when the connection ends before its
    /// head.
    #[track_caller]
    pub fn reply_if_any(&mut self) -> Option<Reply> {
        match self.try_begin("GET") {
            Ok(reading) => Some(reading.finish()),
            Err(Broken::Closed | Broken::Reset) => None,
            Err(broken) => panic!("neither a response nor the end: {broken:?}"),
        }
    }

    #[track_caller]
    fn try_begin(&mut self, method: &str) -> Result<Reading<'_>, Broken> {
        self.wire.deadline = Some(Deadline::soon());
        let mut informational = Vec::new();
        let head = loop {
            let head = self.wire.head()?;
            let (_, status) = status_line(&head.first);
            if status / 100 != 1 || status == 101 {
                break head;
            }
            informational.push(Informational {
                status,
                fields: head.fields,
            });
        };
        let (_, status) = status_line(&head.first);
        let stated = head.framing()?;
        let (framing, body) = if method == "HEAD" || status < 200 || matches!(status, 204 | 304) {
            (Framing::None, Body::Done)
        } else {
            match stated {
                Some(Body::Exact(length)) => (Framing::Length, Body::Exact(length)),
                Some(body) => (Framing::Chunked, body),
                None => (Framing::UntilClose, Body::UntilClose),
            }
        };
        let mut reply = Reply::new(&head, framing);
        reply.informational = informational;
        Ok(Reading {
            wire: &mut self.wire,
            reply,
            body,
            chunks: Chunks::default(),
        })
    }

    /// Fails unless the server ends the connection now, saying nothing more.
    #[track_caller]
    pub fn expect_closed(&mut self) {
        self.wire.deadline = Some(Deadline::soon());
        let ready = crate::wire::text(self.wire.ready());
        assert!(ready.is_empty(), "the server said more: {ready:?}");
        match self.wire.fill() {
            Err(Broken::Closed | Broken::Reset) => {}
            Err(broken) => panic!("the connection should end: {broken:?}"),
            Ok(()) => panic!(
                "the server said more: {:?}",
                crate::wire::text(self.wire.ready())
            ),
        }
    }

    /// Reads exactly `bytes` bytes: for tunnels.
    #[track_caller]
    pub fn read_raw(&mut self, bytes: usize) -> Vec<u8> {
        self.wire.deadline = Some(Deadline::soon());
        while self.wire.ready().len() < bytes {
            let more = self.wire.fill();
            more.unwrap_or_else(|broken| panic!("{bytes} bytes should come: {broken:?}"));
        }
        let out = self.wire.ready()[..bytes].to_vec();
        self.wire.consume(bytes);
        out
    }

    /// Says that we will send nothing more.
    pub fn end_sending(&mut self) {
        // Fails only when the peer is gone already.
        let _ = self.wire.stream.shutdown(Shutdown::Write);
    }

    /// Goes away with a reset.
    pub fn abort(self) {
        sys::reset_on_close(&self.wire.stream);
    }
}

/// A response whose content is being read.
pub struct Reading<'a> {
    wire: &'a mut Wire,
    reply: Reply,
    body: Body,
    chunks: Chunks,
}

impl Reading<'_> {
    /// What is known so far: head and content read.
    pub fn so_far(&self) -> &Reply {
        &self.reply
    }

    /// Reads until at least `bytes` bytes of content are there; fails when it ends before.
    #[track_caller]
    pub fn read_at_least(&mut self, bytes: usize) -> &Reply {
        self.wire.deadline = Some(Deadline::soon());
        while self.reply.body.len() < bytes {
            assert!(
                self.body != Body::Done,
                "content ended before {bytes} bytes"
            );
            let body = &mut self.reply.body;
            let mut keep = |piece: &[u8]| body.extend_from_slice(piece);
            let read = self.body.step(self.wire, &mut self.chunks, &mut keep);
            read.unwrap_or_else(|broken| panic!("{bytes} bytes of content: {broken:?}"));
        }
        self.reply.body_bytes = self.reply.body.len() as u64;
        &self.reply
    }

    /// Reads to the end, keeping the content.
    #[track_caller]
    pub fn finish(self) -> Reply {
        let mut kept = Vec::new();
        let mut reply = self.finish_into(&mut |piece| kept.extend_from_slice(piece));
        reply.body.extend_from_slice(&kept);
        reply
    }

    /// Reads to the end, giving the content to `sink`. A broken connection leaves the reply not
    /// `complete`; wrong grammar and silence fail the test.
    #[track_caller]
    pub fn finish_into(mut self, sink: &mut dyn FnMut(&[u8])) -> Reply {
        let mut bytes = self.reply.body.len() as u64;
        while self.body != Body::Done {
            // Each piece has its own deadline: large content may take longer in all.
            self.wire.deadline = Some(Deadline::soon());
            let mut count = |piece: &[u8]| {
                bytes += piece.len() as u64;
                sink(piece);
            };
            match self.body.step(self.wire, &mut self.chunks, &mut count) {
                Ok(()) => {}
                Err(Broken::Closed | Broken::Reset) => break,
                Err(broken) => panic!("content after {bytes} bytes: {broken:?}"),
            }
        }
        self.reply.complete = self.body == Body::Done;
        self.reply.body_bytes = bytes;
        self.reply.chunks = self.chunks.sizes;
        self.reply.trailers = self.chunks.trailers;
        self.reply
    }
}
