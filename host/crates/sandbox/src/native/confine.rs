//! The process that a command runs under, in two steps: `outer` leaves the machine's namespaces, `inner` is the first process of the new ones, gives away all it could
//! do there, runs the command and reports how it ended.
//!
//! Both are this same program, started again with a hidden verb, because what is given away is given away by a whole process. Nothing here decides what a command may
//! do; the plan on standard input says that. Its end says that the host is gone, and then so is the command.

use super::plan::{Plan, Report};
use super::{calls, rules, supervise, view};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, UnshareFlags, set_capabilities,
};
use std::fs;
use std::io::{BufRead, Write};
use std::process::{Command, Stdio};

/// The verb of the host's binary that must call [`confine_command`] with the argument that follows it.
pub const CONFINE_VERB: &str = "confine-command";
const OUTER: &str = "outer";
const INNER: &str = "inner";

/// Largest file that a command may write.
const FILE_SIZE: u64 = 4 << 30;
/// Files that one process may hold open.
const OPEN_FILES: u64 = 1_024;
/// The user that a command believes to be: an ordinary one, whoever runs the host.
const USER: u32 = 1_000;
/// What `inner` needs of a super-user inside the new namespaces, until it gives it away.
const NEEDED: CapabilitySet = CapabilitySet::SYS_ADMIN
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::DAC_OVERRIDE);

/// How `program` is made to confine a command.
pub(super) fn arguments() -> [&'static str; 2] {
    [CONFINE_VERB, OUTER]
}

/// The hidden verb's whole work. What it prints is for the host that started it.
pub fn confine_command(step: &str) {
    let report = match step {
        OUTER => outer(),
        INNER => Some(inner()),
        _ => Some(Report::NotStarted(format!("`{step}` is no step of it"))),
    };
    if let Some(report) = report {
        let text = serde_json::to_string(&report).unwrap_or_default();
        // Nobody is left to tell when this fails.
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }
}

/// Leave the machine's namespaces and start the first process of the new ones. That process reports.
fn outer() -> Option<Report> {
    let started = leave().and_then(|()| {
        let program = std::env::current_exe()
            .map_err(|error| format!("this program cannot be found: {error}"))?;
        Command::new(program)
            .args([CONFINE_VERB, INNER])
            .env_clear()
            .stderr(Stdio::null())
            .status()
            .map_err(|error| format!("no process starts in new namespaces: {error}"))
    });
    match started {
        Ok(_) => None,
        Err(why) => Some(Report::Unenforceable(why)),
    }
}

#[allow(unsafe_code)]
fn leave() -> Result<(), String> {
    let (user, group) = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    let flags = UnshareFlags::NEWUSER
        | UnshareFlags::NEWNS
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWNET
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS;
    // SAFETY: the table of descriptors is not among what is unshared, so no thread loses sight of a descriptor.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(|error| {
        format!(
            "this user cannot make namespaces of its own (user, mount, process, network): {error}"
        )
    })?;
    let write = |file: &str, text: String| {
        fs::write(format!("/proc/self/{file}"), text)
            .map_err(|error| format!("/proc/self/{file}: {error}"))
    };
    write("setgroups", "deny".into())?;
    write("uid_map", format!("{USER} {user} 1"))?;
    write("gid_map", format!("{USER} {group} 1"))?;
    // What was inherited from whoever started the host ends here: nothing but the three standard streams crosses an exec from now on.
    // SAFETY: only marks descriptors to be closed at the next exec; none is closed or used here.
    let marked = unsafe {
        libc::close_range(
            3,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC.cast_signed(),
        )
    };
    if marked != 0 {
        return Err(format!(
            "inherited files cannot be closed: {}",
            std::io::Error::last_os_error()
        ));
    }
    // An ordinary user loses all capabilities at an exec, but for these.
    let sets = CapabilitySets {
        effective: NEEDED,
        permitted: NEEDED,
        inheritable: NEEDED,
    };
    set_capabilities(None, sets)
        .and_then(|()| {
            NEEDED
                .iter()
                .try_for_each(|one| rustix::thread::configure_capability_in_ambient_set(one, true))
        })
        .map_err(|error| format!("capabilities cannot be handed on: {error}"))
}

/// The first process of the new namespaces.
fn inner() -> Report {
    let mut line = String::new();
    let plan: Plan = match std::io::stdin().lock().read_line(&mut line) {
        Ok(1..) => match serde_json::from_str(&line) {
            Ok(plan) => plan,
            Err(error) => return Report::NotStarted(format!("the plan cannot be read: {error}")),
        },
        _ => return Report::NotStarted("there is no plan".into()),
    };
    if let Err(report) = view::enter(&plan.mounts, plan.memory, tasks(&plan)) {
        return report;
    }
    if let Err(why) = give_away(&plan) {
        return Report::Unenforceable(why);
    }
    supervise::run(plan)
}

/// Processes and threads of the command, and this process's own threads.
fn tasks(plan: &Plan) -> u64 {
    u64::from(plan.processes) + supervise::OWN_THREADS
}

/// Give away, for good, everything that the command must not have.
fn give_away(plan: &Plan) -> Result<(), String> {
    let limit = |resource, most: u64| {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit).map_err(|error| format!("limits cannot be set: {error}"))
    };
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, FILE_SIZE)?;
    limit(Resource::Nofile, OPEN_FILES)?;
    limit(Resource::Memlock, 64 << 10)?;
    limit(Resource::Msgqueue, 0)?;
    // Bars behind those that `supervise` watches: it counts what all processes hold together, and can be late by an instant.
    limit(
        Resource::Data,
        plan.memory.saturating_mul(2).saturating_add(64 << 20),
    )?;
    limit(Resource::Nproc, tasks(plan))?;
    if let Some(cpu) = plan.cpu {
        limit(Resource::Cpu, cpu.as_secs() + 2)?;
    }
    let failed = |error: rustix::io::Errno| format!("capabilities cannot be given away: {error}");
    rustix::thread::set_capabilities_secure_bits(
        CapabilitiesSecureBits::NO_ROOT
            | CapabilitiesSecureBits::NO_ROOT_LOCKED
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED,
    )
    .map_err(failed)?;
    for one in CapabilitySet::all().iter() {
        // The kernel may know fewer than this program does.
        let _ = rustix::thread::remove_capability_from_bounding_set(one);
    }
    rustix::thread::clear_ambient_capability_set().map_err(failed)?;
    let none = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    set_capabilities(None, sets).map_err(failed)?;
    rustix::thread::set_no_new_privs(true)
        .map_err(|error| format!("new privileges cannot be ruled out: {error}"))?;
    // Nobody looks into this process, whose output is the report.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .map_err(|error| format!("this process cannot be closed to others: {error}"))?;
    rustix::process::setsid().map_err(|error| format!("no session of its own: {error}"))?;
    rules::restrict(&plan.mounts)?;
    calls::refuse()
}
