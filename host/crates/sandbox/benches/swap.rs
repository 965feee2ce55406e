//! What an exchange of generations costs those who call meanwhile. `cargo xtask bench` makes a table of the lines this prints.
//!
//! As many threads as the machine has cores make calls without a pause, for half a second with no exchange and half a second with one every 100 ms, in
//! turns. A call that fails ends the bench.

#[path = "../../../../xtask/src/bench/measure.rs"]
#[expect(
    dead_code,
    reason = "rounds last as long as they are told, so nothing is timed by it"
)]
mod measure;

use charthouse_sandbox::{
    CallContext, Compiler, Sandbox, Settings, Slot, TRAPS_UNTIL_QUARANTINE, Terms, ToolRequest,
};
use measure::{Figure, Floor, Goal, median, nanoseconds};
use policy::{ClockMode, Grant, RandomMode};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use types::{Clock, PluginName, Timestamp, ToolName};

const ROUNDS: usize = 8;
const ROUND: Duration = Duration::from_millis(500);
const BETWEEN_SWAPS: Duration = Duration::from_millis(100);

fn main() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let place = Place::new(directory.path());
    // The first round of each is thrown away: code is compiled and memory is taken for the first time.
    place.round(false);
    place.round(true);
    let before = resident();
    let mut pairs = Vec::new();
    for round in 0..ROUNDS {
        let first = place.round(round % 2 == 0);
        let second = place.round(round % 2 == 1);
        pairs.push(match round % 2 {
            0 => (first, second),
            _ => (second, first),
        });
    }
    let after = resident();
    let swaps: usize = pairs.iter().map(|(swapping, _)| swapping.swaps.len()).sum();
    let calls: u64 = pairs.iter().map(|(swapping, _)| swapping.calls).sum();
    let each = |pick: fn(&(Round, Round)) -> &Round, value: fn(&Round) -> f64| {
        median(pairs.iter().map(|pair| value(pick(pair))))
    };
    let (swapping, still) = (
        (|pair| &pair.0) as fn(&(Round, Round)) -> &Round,
        (|pair| &pair.1) as fn(&(Round, Round)) -> &Round,
    );
    println!(
        "{}",
        Figure {
            what: "calls that fail".into(),
            value: pairs.iter().map(|pair| pair.0.failed as f64).sum(),
            unit: String::new(),
            floor: None,
            goal: Some(Goal::AtMost(0.0)),
            note: format!(
                "Of {calls}, during {swaps} exchanges, one every 100 ms under full load."
            ),
        }
    );
    println!(
        "{}",
        Figure {
            what: "a call under load, with an exchange every 100 ms".into(),
            value: each(swapping, Round::a_call),
            unit: "µs".into(),
            floor: Some(Floor {
                what: "without exchanges".into(),
                value: each(still, Round::a_call),
                ratio: median(pairs.iter().map(|(with, without)| with.a_call() / without.a_call())),
            }),
            goal: None,
            note: "The rest is the core that looks at the new component, reads it twice, and loads its code.".into(),
        }
    );
    println!(
        "{}",
        Figure {
            what: "the longest that any call took, with exchanges".into(),
            value: each(swapping, |round| round.longest.as_secs_f64() * 1e3),
            unit: "ms".into(),
            floor: Some(Floor {
                what: "without exchanges".into(),
                value: each(still, |round| round.longest.as_secs_f64() * 1e3),
                ratio: median(pairs.iter().map(|(with, without)| {
                    with.longest.as_secs_f64() / without.longest.as_secs_f64()
                })),
            }),
            goal: None,
            note: "The longest of half a second, the median over the rounds: mostly what the system gave to somebody else.".into(),
        }
    );
    let all = pairs.iter().flat_map(|(swapping, _)| &swapping.swaps);
    println!(
        "{}",
        Figure {
            what: "one exchange, from the file to the first call it may answer".into(),
            value: median(all.map(|swap| nanoseconds(*swap) / 1e6)),
            unit: "ms".into(),
            floor: None,
            goal: None,
            note: "Its code is in the cache; what has to be compiled is compiled by another process before.".into(),
        }
    );
    println!(
        "{}",
        Figure {
            what: format!("memory that {swaps} exchanges leave behind"),
            value: (after as f64 - before as f64) / 1024.0,
            unit: "MiB".into(),
            floor: None,
            goal: Some(Goal::AtMost(1.0)),
            note: format!(
                "Of {:.1} MiB before; no generation's code is left but that of the one that has the place.",
                before as f64 / 1024.0
            ),
        }
    );
}

/// What half a second came to.
struct Round {
    calls: u64,
    failed: u64,
    callers: usize,
    lasted: Duration,
    longest: Duration,
    swaps: Vec<Duration>,
}

impl Round {
    /// Microseconds for a call, as one caller sees it.
    fn a_call(&self) -> f64 {
        self.lasted.as_secs_f64() * 1e6 * self.callers as f64 / self.calls.max(1) as f64
    }
}

/// A plugin in its place, and the components that take it in turns.
struct Place {
    sandbox: Arc<Sandbox>,
    slot: Arc<Slot>,
    files: [PathBuf; 2],
}

impl Place {
    fn new(directory: &Path) -> Self {
        let mark: &[u8] = b"@generation:0001:good@";
        let files = [b"@generation:0001:good@", b"@generation:0002:good@"].map(|new| {
            let mut bytes = std::fs::read(built("guests/generation.wasm")).expect("it is built");
            let found = bytes.windows(mark.len()).position(|window| window == mark);
            let at = found.expect("the guest has its mark");
            bytes[at..at + mark.len()].copy_from_slice(new);
            let file = directory.join(format!("g{}.wasm", new[15] as char));
            std::fs::write(&file, bytes).expect("it can be written");
            file
        });
        let sandbox = Arc::new(Sandbox::new(Settings {
            cache: Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-code"),
            compiler: Compiler::Here,
            concurrency: 16,
            clock: Arc::new(BenchClock(Instant::now())),
            state: None,
            http: None,
        }));
        let name = PluginName::parse("g").expect("a plugin's name");
        let slot = runtime().block_on(sandbox.slot(&name, &files[0], true));
        Place {
            slot: slot.unwrap_or_else(|error| panic!("{error}")),
            sandbox,
            files,
        }
    }

    /// Half a second of calls, and of exchanges where `swapping`.
    fn round(&self, swapping: bool) -> Round {
        let callers = thread::available_parallelism().map_or(2, usize::from);
        let stop = AtomicBool::new(false);
        let started = Instant::now();
        thread::scope(|scope| {
            let callers: Vec<_> = (0..callers)
                .map(|_| scope.spawn(|| self.call_until(&stop)))
                .collect();
            let mut swaps = Vec::new();
            while started.elapsed() < ROUND {
                thread::sleep(BETWEEN_SWAPS);
                if swapping {
                    swaps.push(self.swap());
                }
            }
            stop.store(true, Ordering::Relaxed);
            let mut round = Round {
                calls: 0,
                failed: 0,
                callers: callers.len(),
                lasted: Duration::ZERO,
                longest: Duration::ZERO,
                swaps,
            };
            for caller in callers {
                let (calls, failed, longest) = caller.join().expect("a caller ends by itself");
                round.calls += calls;
                round.failed += failed;
                round.longest = round.longest.max(longest);
            }
            round.lasted = started.elapsed();
            round
        })
    }

    /// Calls made until told to stop, those that failed, and the longest.
    fn call_until(&self, stop: &AtomicBool) -> (u64, u64, Duration) {
        let grant = grant();
        let context = CallContext::default();
        runtime().block_on(async {
            let (mut calls, mut failed, mut longest) = (0, 0, Duration::ZERO);
            while !stop.load(Ordering::Relaxed) {
                let request = ToolRequest {
                    tool: "version",
                    arguments: "{}",
                    id: "bench/1",
                    grant: &grant,
                };
                let started = Instant::now();
                let plugin = self.slot.current().plugin.clone();
                let outcome = self.sandbox.call(&plugin, request, &context).await;
                longest = longest.max(started.elapsed());
                calls += 1;
                failed += u64::from(outcome.result.is_err());
            }
            (calls, failed, longest)
        })
    }

    fn swap(&self) -> Duration {
        let started = Instant::now();
        let now = self.slot.current();
        let other = self.files.iter().find(|file| *file != now.plugin.path());
        let code = now.plugin.code();
        let terms = Terms {
            may_need: charthouse_sandbox::Need::of_all(&now.plugin.info().imports),
            ..Terms::default()
        };
        drop(now);
        let file = other.expect("there are two");
        let swapped = runtime().block_on(self.sandbox.swap(&self.slot, file, &terms));
        let swapped = swapped.unwrap_or_else(|error| panic!("{error}"));
        let lasted = started.elapsed();
        assert!(swapped.is_some(), "nothing was exchanged");
        assert!(
            self.sandbox
                .examine(&self.slot, TRAPS_UNTIL_QUARANTINE)
                .is_none()
        );
        // Calls under way end, and the code goes with the last of them.
        let drained = Instant::now();
        while code.as_ref().is_some_and(|code| code.strong_count() > 0) {
            assert!(
                drained.elapsed() < Duration::from_secs(10),
                "the old code stays"
            );
            thread::sleep(Duration::from_millis(1));
        }
        lasted
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("the event loop starts")
}

/// KiB of this process that are in memory.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0u64) * 4
}

/// A component that `cargo xtask bench` has built, below the target directory.
fn built(name: &str) -> PathBuf {
    let target = std::env::var_os("CHARTHOUSE_TEST_GUESTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target"),
        |guests| PathBuf::from(guests).join(".."),
    );
    let path = target.join(name);
    assert!(
        path.exists(),
        "{} is not built; run `cargo xtask bench`",
        path.display()
    );
    path
}

struct BenchClock(Instant);

impl Clock for BenchClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_795_000_000_000)
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

fn grant() -> Grant {
    Grant {
        clock: ClockMode::Real,
        random: RandomMode::Real,
        ..Grant::bare(ToolName::parse("g.version").expect("a tool's name"))
    }
}
