//! Traces of requests: which object, how large.
//!
//! In a file, a request is 24 bytes, little endian and without gaps: a time of 4 (here: the
//! number of the request), the object of 8, its bytes of 4, and of 8 the number of the request
//! that asks for it next, -1 when none does. That is the form that libCacheSim calls
//! oracleGeneral, so that its policies, the optimum among them, can be run over the same file.

use crate::fault::{Fault, Result};
use std::collections::HashMap;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Bytes of a request in a file.
const REQUEST_BYTES: usize = 24;
/// Bytes of an object above which Ringside keeps it as parts of so many, each an entry by itself.
const FRAGMENT_BYTES: u64 = 1 << 20;

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) object: u64,
    pub(super) bytes: u32,
}

/// Requests in order.
pub(super) type Trace = Vec<Request>;

/// Reads a trace.
pub(super) fn read(path: &Path) -> Result<Trace> {
    let bytes = fs::read(path).map_err(|error| Fault(format!("{}: {error}", path.display())))?;
    if bytes.is_empty() || bytes.len() % REQUEST_BYTES != 0 {
        let what = "is no trace: its length is not a multiple of 24";
        return Err(Fault(format!("{} {what}", path.display())));
    }
    let request = |bytes: &[u8]| {
        let (mut object, mut size) = ([0; 8], [0; 4]);
        object.copy_from_slice(&bytes[4..12]);
        size.copy_from_slice(&bytes[12..16]);
        Request {
            object: u64::from_le_bytes(object),
            bytes: u32::from_le_bytes(size),
        }
    };
    Ok(bytes.chunks_exact(REQUEST_BYTES).map(request).collect())
}

/// Writes a trace.
pub(super) fn write(path: &Path, trace: &[Request]) -> Result<()> {
    let at = |error| Fault(format!("{}: {error}", path.display()));
    let mut out = BufWriter::new(fs::File::create(path).map_err(at)?);
    for (number, (request, next)) in trace.iter().zip(next_requests(trace)).enumerate() {
        let mut bytes = [0; REQUEST_BYTES];
        bytes[..4].copy_from_slice(&(number as u32).to_le_bytes());
        bytes[4..12].copy_from_slice(&request.object.to_le_bytes());
        bytes[12..16].copy_from_slice(&request.bytes.to_le_bytes());
        bytes[16..].copy_from_slice(&next.to_le_bytes());
        out.write_all(&bytes).map_err(at)?;
    }
    out.flush().map_err(at)
}

/// Of each request, the number of the next one for its object; -1 when there is none.
fn next_requests(trace: &[Request]) -> Vec<i64> {
    let mut later = HashMap::new();
    let mut next = vec![-1; trace.len()];
    for (number, request) in trace.iter().enumerate().rev() {
        if let Some(later) = later.insert(request.object, number as i64) {
            next[number] = later;
        }
    }
    next
}

/// What a request for an object of `bytes` asks of a cache that keeps large objects in parts:
/// one request, or one for each part.
pub(super) fn ask(trace: &mut Trace, object: u64, bytes: u64) {
    let parts = bytes.div_ceil(FRAGMENT_BYTES).max(1);
    for part in 0..parts {
        let left = bytes - part * FRAGMENT_BYTES;
        trace.push(Request {
            object: object << 8 | part & 0xFF,
            bytes: left.min(FRAGMENT_BYTES) as u32,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_trace_is_read_as_it_was_written() {
        let mut trace = Vec::new();
        ask(&mut trace, 1, 10);
        ask(&mut trace, 2, (2 << 20) + 5);
        ask(&mut trace, 1, 10);
        let sizes: Vec<u32> = trace.iter().map(|request| request.bytes).collect();
        assert_eq!(sizes, [10, 1 << 20, 1 << 20, 5, 10]);
        assert_eq!(next_requests(&trace), [4, -1, -1, -1, -1]);
        let scratch = Scratch::new().expect("a directory");
        let path = scratch.path("trace");
        write(&path, &trace).expect("written");
        assert_eq!(read(&path).expect("read"), trace);
        fs::write(&path, [0; 25]).expect("written");
        assert!(read(&path).is_err(), "25 bytes are no trace");
    }
}
