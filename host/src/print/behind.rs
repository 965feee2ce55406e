//! Printing for a process that must not wait for its readers: what is printed is written by a thread, and one who does not read misses some of it.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// So many bytes wait for a reader.
const WAITING: usize = 1 << 20;
/// At the end a reader that stands still is waited for no longer than this.
const ENDING: Duration = Duration::from_secs(3);

/// What is said about so many texts that found no room.
pub type LeftOut = Box<dyn Fn(u64) -> String + Send + Sync>;

static OUT: OnceLock<Behind> = OnceLock::new();
static ERR: OnceLock<Behind> = OnceLock::new();

/// From now on standard output is not waited for; `left_out` says what is said about so many texts that found no room.
///
/// # Errors
/// When the system has no thread to give.
pub fn begin_out(left_out: LeftOut) -> std::io::Result<()> {
    let behind = Behind::new("stdout", std::io::stdout(), left_out)?;
    // One that is begun already is as good.
    let _ = OUT.set(behind);
    Ok(())
}

/// The same for standard error.
///
/// # Errors
/// When the system has no thread to give.
pub fn begin_err(left_out: LeftOut) -> std::io::Result<()> {
    let behind = Behind::new("stderr", std::io::stderr(), left_out)?;
    let _ = ERR.set(behind);
    Ok(())
}

/// Standard output, where it is written to by a thread.
pub fn out() -> Option<&'static Behind> {
    OUT.get()
}

/// Standard error, where it is written to by a thread.
pub fn err() -> Option<&'static Behind> {
    ERR.get()
}

/// The process ends: write what waits, as far as anybody reads it.
pub fn finish() {
    for stream in [out(), err()].into_iter().flatten() {
        stream.finish(ENDING);
    }
}

/// A stream that a thread writes to.
pub struct Behind(Arc<Shared>);

struct Shared {
    left_out: LeftOut,
    queue: Mutex<Queue>,
    /// There is something to write, or nothing any more.
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    texts: VecDeque<String>,
    /// The bytes of all of them.
    bytes: usize,
    /// Texts that found no room, and of which nothing has been said.
    lost: u64,
    /// Whether something is being written.
    writing: bool,
}

impl Behind {
    fn new(
        name: &str,
        stream: impl Write + Send + 'static,
        left_out: LeftOut,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            left_out,
            queue: Mutex::default(),
            changed: Condvar::new(),
        });
        let its = shared.clone();
        std::thread::Builder::new()
            .name(name.into())
            .spawn(move || its.write_to(stream))?;
        Ok(Behind(shared))
    }

    /// Have `text` written once all before it is. Where too much waits it is left out.
    pub fn say(&self, text: &str) {
        let mut queue = self.0.queue();
        // Once something has been left out the reader first has to catch up: one gap is better than many.
        let full = queue.lost > 0 || queue.bytes + text.len() > WAITING;
        if full && !queue.texts.is_empty() {
            queue.lost += 1;
            return;
        }
        let lost = std::mem::take(&mut queue.lost);
        if lost > 0 {
            queue.push((self.0.left_out)(lost));
        }
        queue.push(text.to_owned());
        self.0.changed.notify_all();
    }

    /// Wait until all is written, for at most so long.
    fn finish(&self, most: Duration) {
        let busy = |queue: &mut Queue| queue.has_some() || queue.writing;
        // Whoever reads nothing now reads nothing later.
        drop(
            self.0
                .changed
                .wait_timeout_while(self.0.queue(), most, busy),
        );
    }
}

impl Queue {
    fn push(&mut self, text: String) {
        self.bytes += text.len();
        self.texts.push_back(text);
    }

    fn has_some(&self) -> bool {
        !self.texts.is_empty() || self.lost > 0
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_to(&self, mut stream: impl Write) {
        loop {
            let text = self.next();
            // A reader that has gone away is nobody to tell.
            let _ = stream
                .write_all(text.as_bytes())
                .and_then(|()| stream.flush());
        }
    }

    /// The next text once there is one; behind the last, how many were left out.
    fn next(&self) -> String {
        let mut queue = self.queue();
        queue.writing = false;
        self.changed.notify_all();
        let waited = self.changed.wait_while(queue, |queue| !queue.has_some());
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner);
        queue.writing = true;
        match queue.texts.pop_front() {
            Some(text) => {
                queue.bytes -= text.len();
                text
            }
            None => (self.left_out)(std::mem::take(&mut queue.lost)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn one_who_does_not_read_holds_nobody_up_and_is_told_what_was_left_out() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let left_out: LeftOut = Box::new(|lost| format!("{lost} left out\n"));
        let behind = Behind::new("test", writer, left_out).unwrap();
        let line = "x".repeat(99) + "\n";
        let said = 3 * WAITING / line.len();
        (0..said).for_each(|_| behind.say(&line));
        behind.finish(Duration::ZERO);
        assert!(behind.0.queue().bytes <= WAITING);
        let mut text = String::new();
        let reading = std::thread::spawn(move || {
            while !text.ends_with("last\n") {
                let mut some = [0; 1 << 16];
                let n = reader.read(&mut some).unwrap();
                text.push_str(std::str::from_utf8(&some[..n]).unwrap());
            }
            text
        });
        behind.finish(Duration::MAX);
        behind.say("last\n");
        let text = reading.join().unwrap();
        let lines = text.lines().filter(|text| text.starts_with('x')).count();
        let end = format!("{} left out\nlast\n", said - lines);
        assert!(lines < said && text.ends_with(&end), "{lines} of {said}");
    }

    #[test]
    fn what_is_said_is_written_in_order() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let left_out: LeftOut = Box::new(|_| unreachable!("somebody reads"));
        let behind = Behind::new("test", writer, left_out).unwrap();
        (0..100).for_each(|n| behind.say(&format!("{n}\n")));
        behind.finish(Duration::MAX);
        let mut text = [0; 290];
        reader.read_exact(&mut text).unwrap();
        let numbers = std::str::from_utf8(&text).unwrap().lines();
        assert!(numbers.map(|n| n.parse::<u32>().unwrap()).eq(0..100));
    }
}
