//! Whether the medium may hold more than the index lists. Then a kill is noted even where it hits
//! nothing, or a later life would find what it was about; and no checkpoint is written, as a start
//! takes one for all that there was.
//!
//! | why | until |
//! |---|---|
//! | a restart had no memory for all, or could not read all of a checkpoint | the circle has come around |
//! | what a restart found is in doubt | both copies of the superblock say on the medium that it is void |

/// What is not listed, and how long it may be there.
#[derive(Default)]
pub(super) struct Unlisted {
    /// So many segments are to be begun until all of it is overwritten.
    segments: u32,
    /// It is void once this job is on the medium.
    void_after: Option<u64>,
}

impl Unlisted {
    /// The medium holds what the index lists.
    pub(super) fn is_nothing(&self) -> bool {
        self.segments == 0 && self.void_after.is_none()
    }

    /// Something is not listed, in a circle of so many segments.
    pub(super) fn until_overwritten(&mut self, segments: u32) {
        self.segments = segments;
    }

    /// The same, void once this job is on the medium.
    pub(super) fn until_flushed(&mut self, job: u64) {
        self.void_after = Some(job);
    }

    /// A segment was begun: its header is on the medium.
    pub(super) fn overwritten(&mut self) {
        self.segments = self.segments.saturating_sub(1);
    }

    /// All jobs below this number are on the medium.
    pub(super) fn flushed(&mut self, flushed: u64) {
        self.void_after = self.void_after.filter(|job| *job >= flushed);
    }
}
