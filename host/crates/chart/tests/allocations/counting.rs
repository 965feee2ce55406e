//! The system's allocator, with a count of what the current thread asks of it. The bench and the test of allocations share it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    // Without a destructor, so that the allocator can use them at any time.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; counting allocates nothing.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        LIVE.set(LIVE.get() + layout.size() as i64);
        unsafe { System.alloc(layout) }
    }

    // Without this one, growing in place would be measured as copying.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        LIVE.set(LIVE.get() + size as i64 - layout.size() as i64);
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get() - layout.size() as i64);
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// What some work asked of the allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// How often it asked for memory; growing counts.
    pub allocations: u64,
    /// How many bytes more are in use after it.
    pub bytes: i64,
}

/// Do `work` and count.
pub fn counted<T>(work: impl FnOnce() -> T) -> (T, Asked) {
    let (allocations, live) = (ALLOCATIONS.get(), LIVE.get());
    let result = work();
    let asked = Asked {
        allocations: ALLOCATIONS.get() - allocations,
        bytes: LIVE.get() - live,
    };
    (result, asked)
}
