//! The smallest possible tool plugin: no standard library, no allocator but a pointer that moves, no import. Its one tool `echo` answers its
//! arguments as they came. What a call of it costs is what the sandbox costs.

#![cfg_attr(target_family = "wasm", no_std)]
#![allow(unsafe_code)]

extern crate alloc;

use alloc::{string::String, vec, vec::Vec};

wit_bindgen::generate!({ path: "../../../wit", world: "tool-plugin" });

use exports::charthouse::plugin::tool::{Call, Effect, Failure, Guest, Part, Spec};

struct Minimal;

impl Guest for Minimal {
    fn specs() -> Vec<Spec> {
        vec![Spec {
            name: String::from("echo"),
            description: String::from("Answers its arguments."),
            parameters: String::from(
                "{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"}}}",
            ),
            effect: Effect::None,
        }]
    }

    fn invoke(call: Call) -> Result<Vec<Part>, Failure> {
        Ok(vec![Part::Text(call.arguments)])
    }
}

#[cfg(target_family = "wasm")]
export!(Minimal);

/// Natively nothing is exported; this keeps the guest from looking unused.
#[cfg(not(target_family = "wasm"))]
#[allow(dead_code)]
fn exported() {
    let _ = (<Minimal as Guest>::specs, <Minimal as Guest>::invoke);
}

/// What `std` would bring, as little of it as a call needs.
#[cfg(target_family = "wasm")]
mod runtime {
    use core::alloc::{GlobalAlloc, Layout};
    use core::cell::Cell;
    use core::ptr::null_mut;

    const PAGE: usize = 64 * 1024;

    /// Memory is only ever taken: the instance ends with its call.
    struct Bump {
        next: Cell<usize>,
        end: Cell<usize>,
    }

    // SAFETY: a component instance has one thread.
    unsafe impl Sync for Bump {}

    #[global_allocator]
    static ALLOCATOR: Bump = Bump {
        next: Cell::new(0),
        end: Cell::new(0),
    };

    // SAFETY: every block lies between `next` and `end`, which memory.grow has made ours, and no two overlap because `next` only grows.
    unsafe impl GlobalAlloc for Bump {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            let start = self.next.get().next_multiple_of(layout.align());
            let Some(next) = start.checked_add(layout.size()) else {
                return null_mut();
            };
            if start == 0 || next > self.end.get() {
                return self.grow(layout);
            }
            self.next.set(next);
            start as *mut u8
        }

        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
    }

    impl Bump {
        fn grow(&self, layout: Layout) -> *mut u8 {
            let pages = (layout.size() + layout.align()).div_ceil(PAGE).max(1);
            let old = core::arch::wasm32::memory_grow::<0>(pages);
            if old == usize::MAX {
                return null_mut();
            }
            let start = (old * PAGE).next_multiple_of(layout.align());
            self.next.set(start + layout.size());
            self.end.set((old + pages) * PAGE);
            start as *mut u8
        }
    }

    /// What the host asks for room for arguments with.
    #[unsafe(export_name = "cabi_realloc")]
    extern "C" fn cabi_realloc(
        old: *mut u8,
        old_size: usize,
        align: usize,
        new_size: usize,
    ) -> *mut u8 {
        if new_size == 0 {
            return align as *mut u8;
        }
        // SAFETY: the canonical ABI gives an alignment that is a power of two, and `old` is a block of `old_size` that this has answered before.
        unsafe {
            let new = alloc::alloc::alloc(Layout::from_size_align_unchecked(new_size, align));
            if new.is_null() {
                core::arch::wasm32::unreachable();
            }
            core::ptr::copy_nonoverlapping(old, new, old_size.min(new_size));
            new
        }
    }

    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo) -> ! {
        core::arch::wasm32::unreachable()
    }
}
