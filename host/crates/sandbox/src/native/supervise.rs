//! A command while it runs: its output is kept within bounds, its processes are counted, and whichever limit it meets first ends all of them together.
//!
//! This is the first process of a process namespace: when it ends, the kernel ends every other process in it, whatever sessions and groups they made.

use super::hidden;
use super::plan::{Ended, Limit, Plan, Report};
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait};
use std::collections::VecDeque;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// How often processes are counted. A fork bomb makes a few hundred in this time.
const TICK: Duration = Duration::from_millis(10);
/// How far a command stands back for whoever watches it: a thousand processes of it leave the watch enough of the processor to end them.
const NICE: i32 = 5;
/// Threads of this process itself: it, two that read, one that writes, one that watches, one that waits for the host to go.
pub(super) const OWN_THREADS: u64 = 6;
/// The kernel's clock ticks in a second, as it shows them in `/proc`: the same on every architecture.
const CLOCK_TICKS: u64 = 100;

/// Run the command of `plan` in this process's namespaces, until it or its time is over.
pub(super) fn run(plan: Plan) -> Report {
    if let Err(error) = rustix::process::chdir(plan.cwd.as_str()) {
        return Report::NotStarted(format!(
            "the working directory {} cannot be entered: {error}; name a directory in one of {}",
            plan.cwd,
            guests(&plan)
        ));
    }
    die_with_the_host();
    let pipes = || Ok::<_, std::io::Error>([std::io::pipe()?, std::io::pipe()?, std::io::pipe()?]);
    let [(stdin, mut to), (from_out, stdout), (from_err, stderr)] = match pipes() {
        Ok(pipes) => pipes,
        Err(error) => return Report::NotStarted(not_spawned(&plan, &error)),
    };
    let mut command = Command::new(&plan.argv[0]);
    command
        .args(&plan.argv[1..])
        .env_clear()
        .envs(plan.env.iter().map(|(name, value)| (name, value)))
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr);
    // Every thread before the command: one that takes all the threads that its user may have would leave none.
    let started = Instant::now();
    let watch = Arc::new(Watch::default());
    {
        let (watch, limits) = (watch.clone(), Limits::of(&plan));
        thread::spawn(move || watch.over(&limits, started));
    }
    let room = plan.output / 2;
    let (out, err) = (Kept::reading(from_out, room), Kept::reading(from_err, room));
    let text = plan.stdin.clone();
    // A command need not read what it is given.
    thread::spawn(move || drop(to.write_all(text.as_bytes())));
    // Of this thread alone, and of what it starts.
    let _ = rustix::process::nice(NICE);
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Report::NotStarted(not_spawned(&plan, &error)),
    };
    // It holds the command's ends of the pipes.
    drop(command);
    let status = reap_until(i32::try_from(child.id()).unwrap_or_default());
    watch.over.store(true, Ordering::SeqCst);
    end_all();
    while let Ok(Some(_)) = wait(WaitOptions::empty()) {}
    let (stdout, lost_out) = out.take();
    let (stderr, lost_err) = err.take();
    let status = status.unwrap_or_default();
    // Everything has ended and was taken in, so all of it is this process's children's.
    let cpu = Used::now(u64::from(u16::MAX)).cpu;
    Report::Ran(Ended {
        exit_code: status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
        signal: status.signal(),
        stdout,
        stderr,
        left_out: lost_out + lost_err,
        limit: watch.met.get().copied(),
        memory: watch.peak.load(Ordering::Relaxed),
        cpu_us: cpu.as_micros() as u64,
        made_hidden: hidden::made(&plan.mounts),
    })
}

fn guests(plan: &Plan) -> String {
    let guests: Vec<&str> = plan.mounts.iter().map(|mount| &*mount.guest).collect();
    match guests.is_empty() {
        true => "/tmp".into(),
        false => guests.join(", "),
    }
}

fn not_spawned(plan: &Plan, error: &std::io::Error) -> String {
    let program = &plan.argv[0];
    match error.kind() {
        std::io::ErrorKind::NotFound => format!(
            "there is no program `{program}` where a command can see it: the system's directories and {}",
            guests(plan)
        ),
        std::io::ErrorKind::PermissionDenied => {
            format!(
                "`{program}` cannot be run: it is no program, or lies where a command may not run one"
            )
        }
        _ => format!("`{program}` does not start: {error}"),
    }
}

/// Standard input stays open as long as the host wants an answer.
fn die_with_the_host() {
    thread::spawn(|| {
        let mut rest = [0; 64];
        while matches!(std::io::stdin().lock().read(&mut rest), Ok(1..)) {}
        std::process::exit(1);
    });
}

/// Take in every process that ends, until the one with this number does.
fn reap_until(child: i32) -> Option<std::process::ExitStatus> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get() == child => {
                return Some(std::process::ExitStatus::from_raw(status.as_raw()));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

/// Kill every process of the namespace but this one.
fn end_all() {
    let _ = kill_process_group(Pid::INIT, Signal::KILL);
}

/// What one stream gave: its beginning and its end.
struct Kept {
    reader: thread::JoinHandle<(Vec<u8>, VecDeque<u8>, u64)>,
}

impl Kept {
    fn reading(mut from: impl Read + Send + 'static, room: u64) -> Self {
        let half = usize::try_from(room / 2).unwrap_or(usize::MAX);
        let reader = thread::spawn(move || {
            let (mut head, mut tail, mut lost) = (Vec::new(), VecDeque::new(), 0);
            let mut chunk = vec![0; 64 << 10];
            while let Ok(read @ 1..) = from.read(&mut chunk) {
                let (first, rest) = chunk[..read].split_at(read.min(half - head.len()));
                head.extend_from_slice(first);
                tail.extend(rest);
                let excess = tail.len().saturating_sub(half);
                tail.drain(..excess);
                lost += excess as u64;
            }
            (head, tail, lost)
        });
        Kept { reader }
    }

    /// The text, with a line that says so where something was left out, and how much that was.
    fn take(self) -> (String, u64) {
        let Ok((head, tail, lost)) = self.reader.join() else {
            return Default::default();
        };
        let tail = Vec::from(tail);
        if lost == 0 {
            let whole = [head, tail].concat();
            return (String::from_utf8_lossy(&whole).into_owned(), 0);
        }
        let text = format!(
            "{}\n[{} were left out here]\n{}",
            String::from_utf8_lossy(&head),
            types::Bytes(lost),
            String::from_utf8_lossy(&tail)
        );
        (text, lost)
    }
}

struct Limits {
    deadline: Duration,
    memory: u64,
    processes: u64,
    cpu: Option<Duration>,
}

impl Limits {
    fn of(plan: &Plan) -> Self {
        Limits {
            deadline: plan.deadline,
            memory: plan.memory,
            processes: plan.processes.into(),
            cpu: plan.cpu,
        }
    }
}

/// What is seen from outside the command.
#[derive(Default)]
struct Watch {
    over: AtomicBool,
    peak: AtomicU64,
    met: OnceLock<Limit>,
}

impl Watch {
    /// Look at everything again and again; at the first limit that is met, end the command.
    fn over(&self, limits: &Limits, started: Instant) {
        while !self.over.load(Ordering::SeqCst) {
            let now = Used::now(limits.processes);
            self.peak.fetch_max(now.memory, Ordering::Relaxed);
            let met = if started.elapsed() >= limits.deadline {
                Some(Limit::Deadline)
            } else if now.tasks > limits.processes {
                Some(Limit::Processes)
            } else if now.memory > limits.memory {
                Some(Limit::Memory)
            } else if limits.cpu.is_some_and(|cpu| now.cpu > cpu) {
                Some(Limit::Cpu)
            } else {
                None
            };
            if let Some(met) = met {
                let _ = self.met.set(met);
                end_all();
                return;
            }
            let left = limits.deadline.saturating_sub(started.elapsed());
            thread::sleep(TICK.min(left));
        }
    }
}

/// What all processes of the namespace but this one use together.
#[derive(Default)]
struct Used {
    tasks: u64,
    memory: u64,
    cpu: Duration,
}

impl Used {
    /// Count, and stop counting where there are more than `enough`.
    fn now(enough: u64) -> Self {
        let mut used = Used::default();
        let mut ticks = 0;
        let processes: Vec<u32> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        // Too many are seen by their number alone, before anything of them is read.
        if processes.len() as u64 > enough + 1 {
            used.tasks = processes.len() as u64;
            return used;
        }
        for pid in processes {
            let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}"));
            let Ok(stat) = read("stat") else { continue };
            // After the name, which may hold anything, in brackets.
            let fields: Vec<u64> = stat
                .rsplit_once(')')
                .map(|(_, rest)| rest.split_whitespace().map(|f| f.parse().unwrap_or(0)))
                .into_iter()
                .flatten()
                .collect();
            let field = |at: usize| fields.get(at).copied().unwrap_or(0);
            if pid == 1 {
                // What ended and was taken in: its own children's time.
                ticks += field(13) + field(14);
                continue;
            }
            ticks += field(11) + field(12) + field(13) + field(14);
            used.tasks += field(17).max(1);
            if used.tasks > enough {
                break;
            }
            let status = read("status").unwrap_or_default();
            used.memory += kilobytes(&status, "RssAnon:") + kilobytes(&status, "RssShmem:");
        }
        for path in ["/tmp", "/dev/shm"] {
            if let Ok(disk) = rustix::fs::statvfs(path) {
                used.memory += disk.f_blocks.saturating_sub(disk.f_bfree) * disk.f_frsize;
            }
        }
        used.cpu = Duration::from_millis(ticks * 1_000 / CLOCK_TICKS);
        used
    }
}

/// A line such as `RssAnon:      1234 kB`, in bytes.
fn kilobytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    number.unwrap_or(0) * 1_024
}
