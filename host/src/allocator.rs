//! What becomes of memory that is not needed any more.
//!
//! glibc begins with giving large buffers back to the system as soon as they are freed, but it learns from each: after one of a megabyte, everything smaller stays in
//! its heap, and up to twice as much of that is kept when it is free. An agent that waits for months after a long answer would hold on to it. Told a number, it
//! learns nothing.

/// From here on a buffer is mapped by itself, and gone when it is freed. Smaller ones are many and come back soon.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: std::ffi::c_int = 128 << 10;

/// Give large buffers back to the system when they are freed. Before anything else runs.
pub fn give_back() {
    // SAFETY: it sets a number of the allocator, and no other thread is there yet that could allocate meanwhile.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code)]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}
