//! Fields at fixed places of a structure: integers with the little end first.
//!
//! A structure is a table, `structure!`, from which its encoder and its decoder take the places;
//! the tests hold the same table against docs/store.md.

use core::marker::PhantomData;

/// What a field can be.
pub(super) trait Word: Copy {
    /// Its bytes.
    const BYTES: usize;
    /// From exactly so many bytes; from fewer, nothing but zeros.
    fn from_bytes(bytes: &[u8]) -> Self;
    /// Into exactly so many bytes.
    fn to_bytes(self, bytes: &mut [u8]);
}

macro_rules! words {
    ($($word:ty)*) => {$(
        impl Word for $word {
            const BYTES: usize = size_of::<$word>();
            fn from_bytes(bytes: &[u8]) -> $word {
                <$word>::from_le_bytes(bytes.try_into().unwrap_or_default())
            }
            fn to_bytes(self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

words!(u8 u16 u32 u64 u128);

impl<const BYTES: usize> Word for [u8; BYTES] {
    const BYTES: usize = BYTES;
    fn from_bytes(bytes: &[u8]) -> [u8; BYTES] {
        bytes.try_into().unwrap_or([0; BYTES])
    }
    fn to_bytes(self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self);
    }
}

/// A field: where in its structure it begins, and what it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<T> {
    at: usize,
    is: PhantomData<T>,
}

impl<T: Word> Field<T> {
    pub(super) const fn at(at: usize) -> Field<T> {
        Field {
            at,
            is: PhantomData,
        }
    }

    /// Its value in a structure; zeros when the structure ends before it.
    pub(super) fn of(self, structure: &[u8]) -> T {
        let bytes = structure.get(self.at..self.at + T::BYTES);
        T::from_bytes(bytes.unwrap_or_default())
    }

    /// Writes it into a structure that is long enough.
    pub(super) fn put(self, structure: &mut [u8], value: T) {
        if let Some(bytes) = structure.get_mut(self.at..self.at + T::BYTES) {
            value.to_bytes(bytes);
        }
    }
}

/// A structure as rows of name, place, type and bytes.
#[cfg(test)]
pub(super) type Table = &'static [(&'static str, usize, &'static str, usize)];

/// A module with a constant for each field, its length, and all of them as a table.
macro_rules! structure {
    ($name:ident, $bytes:literal bytes { $($at:literal $field:ident: $type:ty,)* }) => {
        pub(super) mod $name {
            use super::super::bytes::Field;
            pub(super) const BYTES: usize = $bytes;
            // Seals are found from the end of their structure.
            $(#[allow(dead_code)] pub(super) const $field: Field<$type> = Field::at($at);)*
            #[cfg(test)]
            pub(in super::super) const TABLE: super::super::bytes::Table = &[
                $((stringify!($field), $at, stringify!($type), size_of::<$type>()),)*
                ("", $bytes, "", 0),
            ];
        }
    };
}
