//! QUERY: a safe request whose content says what is asked for (RFC 10008). The content is read
//! before anything is looked up, since it belongs to the key; so it is bounded. What is larger
//! passes by the cache.

use super::{pass, Left, Visit};
use crate::rt::{self, When};
use ringside_engine::http::{ChunkedDecoder, Length, Name, Request};
use ringside_engine::key::{Key, KeyWriter, Seed};
use ringside_engine::outcome::Reason;
use std::sync::Arc;

/// What became of the content.
enum Read {
    /// All of it, and how many bytes it took on the connection.
    Whole(Vec<u8>, usize),
    /// It is too large for a key; what has arrived is still in the buffer.
    TooLarge,
    /// It does not come, or is malformed.
    Broken,
}

/// Answers a QUERY whose content was not read yet.
pub async fn run(mut visit: Visit) -> Left {
    let route = visit.shard.setting.route(visit.intent.route);
    let bytes_max = route.map_or(0, |route| route.policy.query_bytes);
    let known = match visit.intent.length {
        Length::Exact(bytes) => bytes,
        _ => 0,
    };
    if bytes_max == 0 || known > bytes_max as u64 {
        return Box::pin(pass(visit, Reason::Method)).await;
    }
    match read(&mut visit, bytes_max).await {
        Read::Whole(content, taken) => {
            let (seed, url) = (visit.shard.setting.seed, visit.intent.key);
            visit.intent.key = key(seed, url, &visit.request(), &content);
            visit.content = Some(Arc::from(content));
            visit.taken = taken;
            Box::pin(super::run(visit)).await
        }
        Read::TooLarge => Box::pin(pass(visit, Reason::Method)).await,
        Read::Broken => visit.finish(super::After::Close),
    }
}

/// The key of the URL with the content and what says how to read it.
pub fn key(seed: Seed, url: Key, request: &Request<'_>, content: &[u8]) -> Key {
    let mut key = KeyWriter::new(seed);
    key.bytes(&url.0.to_le_bytes());
    key.bytes(b"QUERY");
    for name in [
        Name::ContentType,
        Name::ContentEncoding,
        Name::ContentLocation,
    ] {
        for value in request.fields.all(name) {
            key.bytes(value);
        }
        key.bytes(b"\0");
    }
    key.bytes(content);
    // With the URL's home, which so knows all questions that were asked of it.
    let home = url.0 >> 64 << 64;
    Key(home | u128::from(key.finish().fold()))
}

/// Reads the content, and leaves it in the buffer behind the head.
async fn read(visit: &mut Visit, bytes_max: usize) -> Read {
    let head_bytes = visit.head.len();
    let mut decoder = ChunkedDecoder::new();
    let (mut decoded, mut at) = (Vec::new(), 0);
    let waits = visit
        .request()
        .fields
        .has_token(Name::Expect, "100-continue");
    if waits && visit.buffer.unread().len() == head_bytes && !invite(visit).await {
        return Read::Broken;
    }
    loop {
        let arrived = visit.buffer.unread().get(head_bytes..).unwrap_or_default();
        match visit.intent.length {
            Length::Exact(bytes) => {
                // It is not above `bytes_max`.
                let bytes = bytes as usize;
                if let Some(content) = arrived.get(..bytes) {
                    return Read::Whole(content.to_vec(), bytes);
                }
            }
            Length::Chunked => {
                while let Some(input) = arrived.get(at..).filter(|input| !input.is_empty()) {
                    let Ok(step) = decoder.step(input) else {
                        return Read::Broken;
                    };
                    decoded.extend_from_slice(input.get(step.content).unwrap_or_default());
                    at += step.consumed;
                    if step.done {
                        return Read::Whole(decoded, at);
                    }
                    if step.consumed == 0 {
                        break;
                    }
                }
                if decoded.len() > bytes_max {
                    return Read::TooLarge;
                }
            }
            Length::None | Length::UntilClose => return Read::Whole(Vec::new(), 0),
        }
        if arrived.len() > 2 * bytes_max + 1024 {
            // Tiny chunks: more framing than content.
            return Read::TooLarge;
        }
        if !more(visit).await {
            return Read::Broken;
        }
    }
}

/// Says that the content may come.
async fn invite(visit: &Visit) -> bool {
    let interim = Arc::from(&b"HTTP/1.1 100 Continue\r\n\r\n"[..]);
    super::deliver::interim(visit, &interim).await
}

/// Reads on; `false`: nothing more comes, or there is no memory for it.
async fn more(visit: &mut Visit) -> bool {
    let shard = visit.shard.clone();
    if visit.buffer.room() == 0 {
        let wanted = visit.buffer.unread().len() * 2;
        if !shard.grow_buffer(&mut visit.buffer, wanted) || visit.buffer.room() == 0 {
            return false;
        }
    }
    visit
        .stream
        .deadline(When::Read, shard.setting.limits().body, rt::now());
    let (result, back) = visit.stream.read(std::mem::take(&mut visit.buffer)).await;
    visit.buffer = back;
    visit.stream.no_deadline(When::Read);
    matches!(result, Ok(n) if n > 0)
}
