//! Puts the body of a popular object into a file in memory, from which the kernel sends it without
//! copying. A home does that for its objects, beside its other work and within its budget.

use crate::rt::{self, MemFile};
use crate::shard::Shard;
use crate::siblings::Letter;
use crate::store::object::BodyFile;
use crate::store::Object;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Bytes copied before others get their turn: about 150 us.
const SLICE_BYTES: usize = 256 * 1024;
/// Pause between slices.
const PAUSE: Duration = Duration::from_millis(1);

/// Notes a use of `object`; when it has become popular, its home puts its body into a file.
pub fn note_use(shard: &Rc<Shard>, object: &Arc<Object>) {
    if !object.became_popular() {
        return;
    }
    let home = shard.home(object.key());
    if home == shard.id {
        start(shard, object.clone());
    } else if shard.post.has_room(home) {
        shard.send(
            home,
            Letter::Promote {
                object: object.clone(),
            },
        );
    }
}

/// Starts the copy of an object of this home.
pub fn start(shard: &Rc<Shard>, object: Arc<Object>) {
    if !shard.budget().open_file(shard.setting.files_max) {
        return;
    }
    let (ours, panics) = (shard.clone(), shard.counters.clone());
    rt::spawn(
        async move {
            match copy(&ours, &object).await {
                Some(file) => replace(&ours, &object, file),
                None => ours.budget().close_file(),
            }
        },
        move || panics.panics.add(1),
    );
}

async fn copy(shard: &Shard, object: &Object) -> Option<BodyFile> {
    let memory = MemFile::memory(object.body_bytes()) as usize;
    let charged = shard.memory.borrow_mut().charge(memory);
    shard.bury_dead();
    if !charged {
        return None;
    }
    let file = fill(object).await;
    if file.is_none() {
        shard.budget().release(memory);
    }
    Some(BodyFile::new(file?, shard.budget()))
}

fn replace(shard: &Shard, object: &Arc<Object>, file: BodyFile) {
    if let Some(promoted) = object.in_file(Arc::new(file)) {
        shard.memory.borrow_mut().replace(object, promoted);
    }
    shard.bury_dead();
}

async fn fill(object: &Object) -> Option<MemFile> {
    let mut file = MemFile::new().ok()?;
    let mut since = 0;
    for piece in object.pieces() {
        for part in piece.chunks(SLICE_BYTES) {
            if since >= SLICE_BYTES {
                rt::sleep(PAUSE).await;
                since = 0;
            }
            if !object.is_live() {
                return None;
            }
            file.append(part).ok()?;
            since += part.len();
        }
    }
    Some(file)
}
