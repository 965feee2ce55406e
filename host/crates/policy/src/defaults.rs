//! What holds where no layer says anything. Each default is the closed end of its range, or the smallest figure that ordinary tools live with.

use crate::{Access, ClockMode, RandomMode};
use std::time::Duration;
use types::{Bytes, Count};

/// All memories and tables of one guest together.
///
/// A Rust guest with std starts at about 1.1 MiB and a JavaScript one at about 10 MiB; a tool that holds a source file, its edited copy and the
/// answer in JSON needs a few times the file. 64 MiB leaves room for files of several MiB and for interpreters, while twenty calls side by side
/// still fit in the memory of a small laptop. Address space is reserved by the pool, so an unused rest costs nothing.
pub const MEMORY: Bytes = Bytes(64 << 20);

/// Fuel for one call.
///
/// One unit is about one WASM instruction, so 2 G is one to two seconds of a busy core: a `grep` over a hundred MiB fits, an endless loop ends
/// before a person asks what is wrong. Fuel is exact and the same on every machine, so whoever meets this limit meets it again on replay; that is
/// why it is set to strike before the deadline, which depends on the machine.
pub const FUEL_PER_CALL: Count = Count(2_000_000_000);

/// Wall-clock time for one call, host calls included.
///
/// Covers what fuel cannot see, such as waiting for a slow disk. Five seconds is what a person accepts without a sign of progress, and more than
/// any call of the first-party tools takes on a spinning disk; tools that wait for something (builds, tests) have it raised where they are allowed.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// Bytes that one call may answer and log.
///
/// 256 KiB is about 70 000 tokens: more than most windows can spare for one result, so a tool that meets this limit should have paged. It also bounds
/// what one call adds to the journal and to the memory of an idle session.
pub const OUTPUT: Bytes = Bytes(256 << 10);

/// Calls of tools in one turn.
///
/// A careful turn of a coding agent makes ten to forty calls; a model that is stuck in a loop makes hundreds. A hundred ends the loop within a minute and
/// a few cents without ever meeting real work.
pub const CALLS_PER_TURN: u32 = 100;

/// Requests that one call may make.
///
/// A tool that reads an issue with its comments, page by page, makes ten or twenty; one that means to walk a whole site says so in its policy.
pub const REQUESTS: u32 = 50;

/// Bytes that one call may send, headers included.
///
/// What leaves is what a stolen file would leave as. 1 MiB is plenty for an API's questions and too little for a source tree.
pub const SENT: Bytes = Bytes(1 << 20);

/// Bytes that one call may receive, headers included.
///
/// A page, a package's metadata or a small archive. The guest's own memory limits what it can keep of it, but not how long it can go on reading.
pub const RECEIVED: Bytes = Bytes(16 << 20);
/// Memory of one native command: all its processes and its scratch directory together.
///
/// A compiler or a test runner starts at some hundred MiB. One GiB runs most of them and leaves a laptop usable; what needs more says so in its rule.
pub const COMMAND_MEMORY: Bytes = Bytes(1 << 30);

/// Wall-clock time of one native command.
///
/// A minute is a test suite that a person waits for. Builds from nothing take longer, and their rules say so.
pub const COMMAND_DEADLINE: Duration = Duration::from_secs(60);

/// Processes and threads of one native command at the same time.
///
/// A parallel build on a large machine has two hundred; a fork bomb has thousands within a tenth of a second.
pub const COMMAND_PROCESSES: u32 = 256;

/// Access of a mount whose layers say only where it comes from.
///
/// Whoever mounts a directory wants it read; writing is said explicitly.
pub const ACCESS: Access = Access::ReadOnly;

/// The guest's clock.
///
/// Frozen at the time of the event that caused the call: the call gives the same answer on replay, and no guest can time the host or its neighbours.
/// Tools that measure are given the real clock where they are allowed.
pub const CLOCK: ClockMode = ClockMode::Frozen;

/// The guest's randomness.
///
/// Seeded from the run and the call: hash maps and temporary names come out the same on replay. Nothing that a tool does by default is a secret that
/// would need real chance.
pub const RANDOM: RandomMode = RandomMode::Seeded;
/// Bytes that one call may write into a staged mount. They lie twice on the disk for a moment, and a person is to look at them; code that a model writes is
/// far less.
pub const STAGE_BYTES: Bytes = Bytes(64 << 20);
/// Names that one call may change in a staged mount: more than that is no edit, it is a build or a checkout, and wants a mount of its own.
pub const STAGE_FILES: Count = Count(1_000);
