//! What becomes of memory that is not needed any more.
//!
//! glibc begins with giving large buffers back to the system as soon as they are freed, but it learns from each: after one of a megabyte, everything smaller stays in
//! its heap, and up to twice as much of that is kept when it is free. An agent that waits for months after a long answer would hold on to it. Told a number, it
//! learns nothing.
//!
//! What a program that waits holds most of is not its own: pages of files, which are its code, its libraries' and its plugins'. Mapped, they are the last that a
//! system short of memory takes away; given back, they are in its cache, which it empties first, and come again by themselves where they are needed.
//!
//! When to do so is not known here (`rest.rs`).

/// From here on a buffer is mapped by itself, and gone when it is freed. Smaller ones are many and come back soon.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: std::ffi::c_int = 128 << 10;

/// Mappings that hold less than this, in KiB, are not worth a system call.
#[cfg(target_os = "linux")]
const WORTH: usize = 16;

/// Give large buffers back to the system when they are freed. Before anything else runs.
pub fn give_back_freed() {
    // SAFETY: it sets a number of the allocator, and no other thread is there yet that could allocate meanwhile.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code)]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}

/// Give back what a program that waits has no use for: freed memory that the allocator keeps, and pages of files that nobody has written to.
pub fn give_back_unused() {
    // SAFETY: the allocator's own function for this; it has no conditions and takes its own locks.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code)]
    unsafe {
        libc::malloc_trim(0);
    }
    #[cfg(target_os = "linux")]
    if let Ok(maps) = std::fs::File::open("/proc/self/smaps") {
        for range in unwritten(std::io::BufReader::new(maps)) {
            // SAFETY: the kernel has just said that this is a file's, that it can't be written to through this mapping, and that no page of it ever was. So each
            // page is the file's, and is read from there again when somebody looks at it. A mapping becomes writable only by who made it: the dynamic linker
            // and wasmtime write first and protect afterwards. A range that is gone by now is an error without effect.
            #[allow(unsafe_code)]
            unsafe {
                libc::madvise(
                    range.start as *mut libc::c_void,
                    range.len(),
                    libc::MADV_DONTNEED,
                );
            }
        }
    }
}

/// The mappings in `maps` (`/proc/PID/smaps`) of files that cannot be written through them, of which no page is a written copy, and which hold enough to be worth it.
#[cfg(target_os = "linux")]
fn unwritten(maps: impl std::io::BufRead) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut current = None;
    for line in maps.lines().map_while(Result::ok) {
        match line.split_once(':') {
            Some(("Rss", size)) if kibibytes(size).is_none_or(|size| size < WORTH) => {
                current = None
            }
            // The last word on it: pages that are not the file's any more.
            Some(("Anonymous", size)) => {
                found.extend(current.take().filter(|_| kibibytes(size) == Some(0)));
            }
            _ => {
                if let Some(mapping) = heading(&line) {
                    current = mapping;
                }
            }
        }
    }
    found
}

/// Whether `line` begins a mapping: `Some(None)` if it does and the mapping is no file's, or can be written to.
#[cfg(target_os = "linux")]
#[allow(clippy::option_option)]
fn heading(line: &str) -> Option<Option<std::ops::Range<usize>>> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    let end = usize::from_str_radix(end, 16).ok()?;
    let rights = fields.next()?;
    let of_a_file = fields.nth(3).is_some_and(|path| path.starts_with('/'));
    Some((of_a_file && !rights.contains('w') && start < end).then_some(start..end))
}

#[cfg(target_os = "linux")]
fn kibibytes(size: &str) -> Option<usize> {
    size.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const MAPS: &str = "\
55d0a0000000-55d0a0400000 r--p 00000000 fe:00 131 /usr/bin/charthouse
Size:               4096 kB
Rss:                3000 kB
Private_Dirty:         0 kB
Anonymous:             0 kB
VmFlags: rd mr mw me
55d0a0400000-55d0a0500000 r--p 00400000 fe:00 131 /usr/bin/charthouse
Rss:                 900 kB
Anonymous:           900 kB
55d0a0500000-55d0a0600000 rw-p 00500000 fe:00 131 /usr/bin/charthouse
Rss:                 900 kB
Anonymous:             0 kB
55d0a0600000-55d0a0700000 rw-p 00000000 00:00 0 [heap]
Rss:                 900 kB
Anonymous:             0 kB
7f0000000000-7f0000010000 r--p 00000000 00:00 0
Rss:                  64 kB
Anonymous:             0 kB
7f0000010000-7f0000020000 r--p 00000000 fe:00 9 /a file with: words
Rss:                   8 kB
Anonymous:             0 kB
7f0000020000-7f0000030000 r-xp 00000000 fe:00 9 /a file with: words
Rss:                  64 kB
Anonymous:             0 kB
";

    #[test]
    fn only_what_is_a_files_and_was_never_written_is_given_back() {
        let given = unwritten(MAPS.as_bytes());
        assert_eq!(
            given,
            [
                0x55d0_a000_0000..0x55d0_a040_0000,
                0x7f00_0002_0000..0x7f00_0003_0000
            ]
        );
    }

    #[test]
    fn what_is_given_back_is_there_again_when_it_is_looked_at() {
        static WRITTEN: std::sync::Mutex<Vec<u8>> = std::sync::Mutex::new(Vec::new());
        *WRITTEN.lock().unwrap() = vec![7; 1 << 20];
        let resident = || {
            let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
            let pages = statm.split(' ').nth(1).unwrap();
            pages.parse::<usize>().unwrap()
        };
        let before = resident();
        give_back_unused();
        assert!(resident() < before, "nothing was given back");
        assert!(WRITTEN.lock().unwrap().iter().all(|byte| *byte == 7));
    }
}
