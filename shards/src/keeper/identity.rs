//! Whose bytes an open device holds. A path outlives what it named: something else may be mounted
//! there by now, or the store may have been made anew. So whoever is about to write asks what was
//! opened, not the path, and writes through what answered.

use super::device::Device;
use ringside_engine::store::disk::layout::FRONT_BYTES;
use ringside_engine::store::disk::walk::READ_BYTES;
use ringside_engine::store::disk::{Superblock, PAGE};
use std::io;

const _: () = assert!(FRONT_BYTES <= READ_BYTES && FRONT_BYTES % PAGE == 0);

/// What `log`, as it was at the start, says of itself by now.
///
/// # Errors
/// The kernel's, or what is here is not that log.
pub(super) async fn confirmed<T: 'static>(
    device: &Device<T>,
    log: &Superblock,
) -> io::Result<Superblock> {
    let front = device.read(0, FRONT_BYTES).await?;
    let held = Superblock::read(&front)
        .map_err(|not| io::Error::other(format!("there is no store of ours any more: {not:?}")))?;
    let is_same = held.set == log.set
        && held.device == log.device
        && held.shard == log.shard
        && held.created_ms == log.created_ms;
    match is_same {
        true => Ok(held),
        false => Err(io::Error::other("there is another store now")),
    }
}
