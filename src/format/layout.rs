//! Field tables: each on-disk structure is declared once, and the declaration gives the typed
//! accessors, the list of names and offsets for dumps and documents, and a proof at compile time
//! that the fields leave no hole, do not overlap and end where the structure ends.
//!
//! Names are the kernel's own, so that a reader can grep the kernel's headers for them.

use std::marker::PhantomData;

use byteorder::ByteOrder;

use super::codec::Wire;

/// A field of type `T` at a fixed offset.
#[derive(Debug)]
pub struct Field<T> {
    info: FieldInfo,
    value: PhantomData<T>,
}

impl<T> Clone for Field<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Field<T> {}

/// Where a field lies and what it is called: the row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// The kernel's name for it.
    pub name: &'static str,
    /// Bytes from the start of the structure.
    pub offset: usize,
    /// Bytes it takes.
    pub width: usize,
    /// What it means, and in which unit.
    pub meaning: &'static str,
}

impl<T: Wire> Field<T> {
    /// Declares a field; used by [`wire_table!`](crate::wire_table) alone.
    #[must_use]
    pub const fn new(name: &'static str, offset: usize, meaning: &'static str) -> Self {
        let info = FieldInfo { name, offset, width: T::WIDTH, meaning };
        Self { info, value: PhantomData }
    }

    /// Name, place and meaning.
    #[must_use]
    pub const fn info(self) -> FieldInfo {
        self.info
    }

    /// Bytes from the start of the structure.
    #[must_use]
    pub const fn offset(self) -> usize {
        self.info.offset
    }

    /// The value in `raw`, which holds the whole structure.
    #[must_use]
    pub fn get<B: ByteOrder>(self, raw: &[u8]) -> T {
        T::get::<B>(&raw[self.info.offset..self.info.offset + T::WIDTH])
    }

    /// Replaces the value in `raw`; no other byte changes.
    pub fn put<B: ByteOrder>(self, raw: &mut [u8], value: T) {
        value.put::<B>(&mut raw[self.info.offset..self.info.offset + T::WIDTH]);
    }
}

/// Fails to compile unless `fields` follow each other without hole or overlap from byte 0 to `size`.
pub const fn assert_contiguous(fields: &[FieldInfo], size: usize) {
    let mut at = 0;
    let mut i = 0;
    while i < fields.len() {
        assert!(fields[i].offset == at, "a field leaves a hole or overlaps");
        at += fields[i].width;
        i += 1;
    }
    assert!(at == size, "the fields do not end where the structure ends");
}

/// Declares the fields of an on-disk structure.
///
/// ```
/// mdbitmap::wire_table! {
///     /// A header of eight bytes.
///     pub mod header, 8 {
///         MAGIC: u32 = 0, "magic", "says what it is";
///         LEN: u32 = 4, "len", "bytes that follow";
///     }
/// }
/// # fn main() {
/// use mdbitmap::format::codec::LittleEndian;
/// let mut raw = [0; header::SIZE];
/// header::LEN.put::<LittleEndian>(&mut raw, 7);
/// assert_eq!(raw, [0, 0, 0, 0, 7, 0, 0, 0]);
/// # }
/// ```
#[macro_export]
macro_rules! wire_table {
    (
        $(#[$doc:meta])*
        pub mod $module:ident, $size:literal {
            $($field:ident: $type:ty = $offset:literal, $name:literal, $meaning:literal;)*
        }
    ) => {
        $(#[$doc])*
        pub mod $module {
            use $crate::format::layout::{Field, FieldInfo, assert_contiguous};

            /// Bytes of the whole structure.
            pub const SIZE: usize = $size;

            $(
                #[doc = $meaning]
                pub const $field: Field<$type> = Field::new($name, $offset, $meaning);
            )*

            /// Every field, in the order on disk.
            pub const FIELDS: &[FieldInfo] = &[$($field.info()),*];

            const _: () = assert_contiguous(FIELDS, SIZE);
        }
    };
}
