//! A free list for small allocations: every exchange makes and frees about a hundred, and most are small.
//!
//! In front of Rust's own allocator stand shelves, one for each size of sixteen bytes more. What is given back lies on its
//! shelf and is the next to be taken: both together are some seventy instructions, where the allocator needs two to three
//! hundred. A shelf has a bound: what does not fit on it goes back, so that what was once many pieces of one size can be
//! anything later.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::null_mut;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: Shelves = Shelves::new();

/// Sizes of a shelf are multiples of this.
const STEP: usize = 16;

/// Larger pieces than the last shelf's are the allocator's own.
const SHELVES: usize = 24;

/// As many pieces lie on one shelf, at most: all shelves together hold less than 160 KiB.
const PIECES: u32 = 32;

/// A piece that nobody uses: where the next one of its shelf is.
struct Free {
    next: *mut Free,
}

struct Shelf {
    first: *mut Free,
    pieces: u32,
}

struct Shelves([UnsafeCell<Shelf>; SHELVES]);

// SAFETY: a VM of a proxy has one thread, and hosts call into it one call at a time (proxy-wasm has no threads).
unsafe impl Sync for Shelves {}

impl Shelves {
    const fn new() -> Self {
        Self([const { UnsafeCell::new(Shelf { first: null_mut(), pieces: 0 }) }; SHELVES])
    }

    /// The shelf for this layout, and the size of its pieces.
    #[inline(always)]
    fn of(&self, layout: Layout) -> Option<(&UnsafeCell<Shelf>, usize)> {
        let number = layout.size().wrapping_sub(1) / STEP;
        let shelf = self.0.get(number).filter(|_| layout.align() <= align_of::<u64>())?;
        Some((shelf, (number + 1) * STEP))
    }
}

// SAFETY: a piece is either the system's, made for a layout that has the size of its shelf, or lies on that shelf, and then
// nobody else has it; which shelf a layout belongs to depends on the layout alone, so a piece comes back to where it was
// taken from.
unsafe impl GlobalAlloc for Shelves {
    // Not in line: it would stand at every place that takes memory, and be a thirtieth of the module.
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((shelf, size)) = self.of(layout) else {
            // SAFETY: the caller's promise for this layout.
            return unsafe { System.alloc(layout) };
        };
        let shelf = shelf.get();
        // SAFETY: one thread, and nothing is called while the shelf is looked at; a piece that lies on it is at least
        // as large as a `Free`, aligned for it, and was written as one.
        unsafe {
            let first = (*shelf).first;
            if !first.is_null() {
                (*shelf).first = (*first).next;
                (*shelf).pieces -= 1;
                return first.cast();
            }
            System.alloc(Layout::from_size_align_unchecked(size, align_of::<u64>()))
        }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        let Some((shelf, size)) = self.of(layout) else {
            // SAFETY: it was taken from there with this layout.
            return unsafe { System.dealloc(piece, layout) };
        };
        let shelf = shelf.get();
        // SAFETY: as above; the piece is given up by its owner, and has room for a `Free`.
        unsafe {
            if (*shelf).pieces < PIECES {
                let free = piece.cast::<Free>();
                (*free).next = (*shelf).first;
                (*shelf).first = free;
                (*shelf).pieces += 1;
                return;
            }
            System.dealloc(piece, Layout::from_size_align_unchecked(size, align_of::<u64>()));
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise: the new size is not zero, and with this alignment no overflow.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        match (self.of(layout), self.of(new)) {
            (Some((_, size)), Some((_, new_size))) if size == new_size => piece,
            // SAFETY: the system's own piece, and it stays the system's.
            (None, None) => unsafe { System.realloc(piece, layout, new_size) },
            // SAFETY: both are as long as what is copied, and a new piece is nobody else's.
            _ => unsafe {
                let moved = self.alloc(new);
                if !moved.is_null() {
                    piece.copy_to_nonoverlapping(moved, layout.size().min(new_size));
                    self.dealloc(piece, layout);
                }
                moved
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_keep_what_is_written_to_them() {
        let shelves = Shelves::new();
        let mut taken: Vec<(*mut u8, Layout, u8)> = Vec::new();
        let mut seed = 7_u64;
        let mut random = |below: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let written = |piece: *mut u8, len: usize, byte: u8| {
            // SAFETY: the piece is as long, and all of it was written.
            unsafe { std::slice::from_raw_parts(piece, len) }.iter().all(|own| *own == byte)
        };
        for turn in 0..20_000_u64 {
            let byte = turn as u8;
            if taken.is_empty() || random(5) < 2 {
                let size = 1 + random(500) as usize;
                let layout = Layout::from_size_align(size, 1 << random(5)).unwrap();
                // SAFETY: the size is not zero; each piece is written whole, given back once, with its own layout.
                unsafe {
                    let piece = shelves.alloc(layout);
                    assert_eq!(piece as usize % layout.align(), 0);
                    piece.write_bytes(byte, size);
                    taken.push((piece, layout, byte));
                }
                continue;
            }
            let at = random(taken.len() as u64) as usize;
            let (piece, layout, own) = taken.swap_remove(at);
            assert!(written(piece, layout.size(), own));
            if random(2) == 0 {
                // SAFETY: as above.
                unsafe { shelves.dealloc(piece, layout) };
                continue;
            }
            let size = 1 + random(500) as usize;
            // SAFETY: as above.
            unsafe {
                let moved = shelves.realloc(piece, layout, size);
                assert!(written(moved, size.min(layout.size()), own));
                moved.write_bytes(byte, size);
                taken.push((moved, Layout::from_size_align(size, layout.align()).unwrap(), byte));
            }
        }
        for (piece, layout, own) in taken {
            assert!(written(piece, layout.size(), own));
            // SAFETY: as above.
            unsafe { shelves.dealloc(piece, layout) };
        }
        // SAFETY: nobody else has it.
        let lying = |shelf: &UnsafeCell<Shelf>| unsafe { (*shelf.get()).pieces };
        assert!(shelves.0.iter().all(|shelf| (1..=PIECES).contains(&lying(shelf))));
    }
}
