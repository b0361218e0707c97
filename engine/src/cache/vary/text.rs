//! Bytes that are put together to be hashed: on the stack, unless they are many.

use alloc::vec::Vec;

/// Bytes that need no allocation: most values in normal form, User-Agent included.
const SMALL: usize = 256;

/// A text under construction.
pub(super) struct Text {
    small: [u8; SMALL],
    /// Bytes in `small`, or in `large` once there are too many.
    len: usize,
    large: Vec<u8>,
}

impl Default for Text {
    fn default() -> Text {
        Text {
            small: [0; SMALL],
            len: 0,
            large: Vec::new(),
        }
    }
}

impl Text {
    pub(super) fn push(&mut self, byte: u8) {
        match self.small.get_mut(self.len) {
            Some(place) if self.large.is_empty() => *place = byte,
            _ => {
                if self.large.is_empty() {
                    self.large.extend_from_slice(&self.small);
                }
                self.large.truncate(self.len);
                self.large.push(byte);
            }
        }
        self.len += 1;
    }

    pub(super) fn push_lower(&mut self, bytes: &[u8]) {
        bytes
            .iter()
            .for_each(|byte| self.push(byte.to_ascii_lowercase()));
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.large.clear();
    }

    pub(super) fn bytes(&self) -> &[u8] {
        let bytes = if self.large.is_empty() {
            &self.small[..]
        } else {
            &self.large[..]
        };
        bytes.get(..self.len).unwrap_or_default()
    }
}
