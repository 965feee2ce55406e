//! Native commands, which are confined by the kernel rather than by WebAssembly: their own namespaces, a view of the file system that holds the mounts of the grant
//! and the system's programs, Landlock and a filter of system calls behind it, no network, and limits that end all their processes together.
//!
//! There is no weaker way to run one: what this machine cannot enforce refuses the command. Read in this order: this file (a call from grant to outcome), `confine`
//! (the process that gives away what the command must not have), `view` and `hidden` (what it sees), `rules` and `calls` (the walls behind the view), `supervise`
//! (limits and the end).

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod confine;
#[cfg(target_os = "linux")]
mod hidden;
mod plan;
#[cfg(target_os = "linux")]
mod rules;
#[cfg(target_os = "linux")]
mod supervise;
#[cfg(target_os = "linux")]
mod view;

#[cfg(target_os = "linux")]
pub use confine::{CONFINE_VERB, confine_command};

use crate::mount::open_mount;
use crate::{Compiler, Sandbox, arguments};
use plan::{Ended, Limit, Report};
use policy::Grant;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use types::{CallError, CallErrorKind, Effect, Outcome, Part, Refusal, ToolSpec};

/// Longest argument list, in bytes and elements: what systems take themselves is more.
const ARGV_BYTES: usize = 128 << 10;
const ARGV_ITEMS: usize = 4_096;
/// Most bytes of standard input.
const STDIN_BYTES: usize = 4 << 20;
/// How much later than the command's own deadline the host stops waiting: the confining process ends the command itself, and this is for when it cannot.
const GRACE: Duration = Duration::from_secs(5);
/// Variables that every command has unless policy says otherwise.
const DEFAULT_ENV: [(&str, &str); 4] = [
    (
        "PATH",
        "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
    ),
    ("HOME", "/tmp"),
    ("TMPDIR", "/tmp"),
    ("LANG", "C.UTF-8"),
];
/// Where a command begins if there is such a mount.
const WORKSPACE: &str = "/workspace";
/// What of its output an error quotes.
const QUOTED: usize = 2_000;

/// The arguments of `exec.run`.
#[derive(Debug, Deserialize)]
struct Command {
    argv: Vec<String>,
    cwd: Option<String>,
    stdin: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

/// `exec.run` as a model is told of it, with the patterns of the commands that some state may allow.
pub fn exec_tool(allowed: &[Vec<String>]) -> ToolSpec {
    let allowed: Vec<String> = allowed
        .iter()
        .map(|pattern| format!("`{}`", policy::shown_command(pattern)))
        .collect();
    ToolSpec {
        name: "run".into(),
        description: format!(
            "Run a command on this machine: one program with its arguments, no shell, no network, no files but the mounts and a scratch /tmp. \
             What can be allowed: {} (`*` is any text, `**` any further arguments).",
            match allowed.is_empty() {
                true => "nothing".to_owned(),
                false => allowed.join(", "),
            }
        ),
        parameters: json!({
            "type": "object",
            "required": ["argv"],
            "additionalProperties": false,
            "properties": {
                "argv": {
                    "type": "array",
                    "items": { "type": "string" },
                    "minItems": 1,
                    "description": "The program and each of its arguments, for instance [\"cargo\", \"test\"]."
                },
                "cwd": {
                    "type": "string",
                    "description": "Where it runs, for instance /workspace/crates/one. /workspace unless this says otherwise."
                },
                "stdin": { "type": "string", "description": "What it reads as its standard input." },
                "env": {
                    "type": "object",
                    "additionalProperties": { "type": "string" },
                    "description": "Variables, as far as policy leaves them to the call."
                }
            }
        }),
        effect: Effect::Once,
    }
}

/// Read the arguments of a call of `exec.run`: what is to be run, checked for shape.
pub fn exec_argv(text: &str) -> Result<Vec<String>, CallError> {
    read(text).map(|command| command.argv)
}

fn read(text: &str) -> Result<Command, CallError> {
    arguments::check(&exec_tool(&[]), text)?;
    let invalid = |message: String| CallError::new(CallErrorKind::Invalid, message);
    let command: Command =
        serde_json::from_str(text).map_err(|error| invalid(format!("the arguments: {error}")))?;
    let size: usize = command.argv.iter().map(|argument| argument.len() + 1).sum();
    if command.argv.first().is_none_or(String::is_empty) {
        return Err(invalid("`argv` names no program".into()));
    }
    if size > ARGV_BYTES || command.argv.len() > ARGV_ITEMS {
        return Err(invalid(format!(
            "`argv` is longer than {ARGV_ITEMS} arguments or {}",
            types::Bytes(ARGV_BYTES as u64)
        )));
    }
    let stdin = command.stdin.as_deref().unwrap_or_default();
    if stdin.len() > STDIN_BYTES {
        return Err(invalid(format!(
            "`stdin` is longer than {}; write a file instead",
            types::Bytes(STDIN_BYTES as u64)
        )));
    }
    let nul = |text: &String| text.contains('\0');
    let pairs = command.env.iter().flat_map(|(name, value)| [name, value]);
    if command
        .argv
        .iter()
        .chain(&command.cwd)
        .chain(pairs)
        .any(nul)
    {
        return Err(invalid("no argument can hold a zero byte".into()));
    }
    Ok(command)
}

impl Sandbox {
    /// Run a native command: `exec.run` with `arguments` under the tool's `grant`, which is settled here for the command by its own rules.
    ///
    /// A verdict `ask` is refused as unanswered: whoever can ask settles the grant with [`Grant::for_command`], asks, and calls [`Sandbox::command`].
    pub async fn exec(&self, grant: &Grant, arguments: &str) -> Outcome {
        let settled = match exec_argv(arguments) {
            Ok(argv) => grant.for_command(&argv),
            Err(error) => return Outcome::refused(error),
        };
        if settled.verdict == policy::Verdict::Ask {
            return Outcome::refused(settled.unanswered());
        }
        self.command(&settled, arguments).await
    }

    /// The same with a grant that [`Grant::for_command`] has settled, after whoever had to be asked has said yes.
    pub async fn command(&self, grant: &Grant, arguments: &str) -> Outcome {
        if let Some(denial) = grant.denial() {
            return Outcome::refused(denial);
        }
        // The verdict is on one command: a grant that was settled for another is no grant.
        let settled = exec_argv(arguments).map(|argv| policy::shown_command(&argv));
        let (Ok(shown), Some(command)) = (&settled, &grant.command) else {
            return Outcome::refused(settled.err().unwrap_or_else(|| unsettled(grant)));
        };
        if *shown != command.shown {
            return Outcome::refused(unsettled(grant));
        }
        let started = self.settings.clock.monotonic();
        let (result, refused, memory, cpu_us) = match self.confined(grant, arguments).await {
            Ok(ended) => {
                let refused = ended.made_hidden.iter().map(|path| Refusal {
                    operation: "left behind".into(),
                    subject: path.clone(),
                    reason:
                        "policy hides this name; no tool can read or change what the command made"
                            .into(),
                });
                let (refused, memory, cpu_us) = (refused.collect(), ended.memory, ended.cpu_us);
                (answer(grant, ended), refused, memory, cpu_us)
            }
            Err(error) => (Err(error), Vec::new(), 0, 0),
        };
        let wall = self.settings.clock.monotonic().saturating_sub(started);
        Outcome {
            staged: Vec::new(),
            result,
            refused,
            log: Vec::new(),
            wall_us: u64::try_from(wall.as_micros()).unwrap_or(u64::MAX).max(1),
            cpu_us,
            fuel: 0,
            memory,
            sent: 0,
            received: 0,
        }
    }

    async fn confined(&self, grant: &Grant, arguments: &str) -> Result<Ended, CallError> {
        let command = read(arguments)?;
        let asked = command.env.iter();
        let mut env = grant
            .command_variables(asked.map(|(name, value)| (name.as_str(), value.as_str())))
            .map_err(|name| {
                CallError::new(
                    CallErrorKind::Denied,
                    format!("the variable `{name}` is not left to the call; its rule would say `env: {{ {name}: \"*\" }}`"),
                )
            })?;
        for (name, value) in DEFAULT_ENV {
            if !env.iter().any(|(known, _)| known == name) {
                env.push((name.into(), value.into()));
            }
        }
        let cwd = working_directory(grant, command.cwd.as_deref())?;
        for mount in &grant.mounts {
            open_mount(mount)?;
            mount.hidden().map_err(|error| {
                CallError::new(
                    CallErrorKind::Denied,
                    format!("the mount {} is refused: {error}", mount.guest),
                )
            })?;
        }
        let Ok(_permit) = self.permits.acquire().await else {
            return Err(unavailable("the sandbox is shutting down".into()));
        };
        let Compiler::Child { program, .. } = &self.settings.compiler else {
            return Err(unavailable(
                "this process cannot start itself again to confine a command, so the command is refused".into(),
            ));
        };
        let plan = plan::plan(command, env, cwd, grant);
        let deadline = plan.deadline;
        let plan = serde_json::to_string(&plan).map_err(|error| unavailable(error.to_string()))?;
        match confine(program, &plan, deadline, grant.limits.output.0).await? {
            Report::Ran(ended) => Ok(ended),
            Report::NotStarted(why) => Err(CallError::new(CallErrorKind::Invalid, why)),
            Report::Unenforceable(why) => Err(unavailable(format!(
                "native commands are refused on this machine, because it cannot confine them: {why}; no command is run without its walls"
            ))),
        }
    }
}

fn unsettled(grant: &Grant) -> CallError {
    CallError::new(
        CallErrorKind::Denied,
        format!("`{}` was not settled for this command", grant.tool),
    )
}

fn unavailable(message: String) -> CallError {
    CallError::new(CallErrorKind::Unavailable, message)
}

/// The directory that a command begins in: one inside a mount, or its scratch directory where there is none.
fn working_directory(grant: &Grant, asked: Option<&str>) -> Result<String, CallError> {
    let guests = || grant.mounts.iter().map(|mount| mount.guest.as_str());
    let Some(asked) = asked else {
        let first = guests()
            .find(|guest| *guest == WORKSPACE)
            .or(guests().next());
        return Ok(first.unwrap_or("/tmp").to_owned());
    };
    let path = Path::new(asked);
    let climbs = path.components().any(|part| part.as_os_str() == "..");
    if !climbs && guests().any(|guest| path.starts_with(guest)) {
        return Ok(asked.to_owned());
    }
    let known: Vec<&str> = guests().collect();
    Err(CallError::new(
        CallErrorKind::Invalid,
        format!(
            "the working directory `{asked}` is not in a mount; name an absolute directory in one of {}",
            match known.is_empty() {
                true => "none: no directory is mounted".to_owned(),
                false => known.join(", "),
            }
        ),
    ))
}

#[cfg(not(target_os = "linux"))]
async fn confine(_: &Path, _: &str, _: Duration, _: u64) -> Result<Report, CallError> {
    Ok(Report::Unenforceable(
        "only Linux has what confines them".into(),
    ))
}

/// Start the confining process, give it the plan, and wait for its report. Whoever stops waiting ends the command: its process is killed with this future.
#[cfg(target_os = "linux")]
async fn confine(
    program: &Path,
    plan: &str,
    deadline: Duration,
    output: u64,
) -> Result<Report, CallError> {
    use std::process::Stdio;
    let failed = |error: std::io::Error| {
        unavailable(format!(
            "the process that confines commands does not start: {error}"
        ))
    };
    let mut child = tokio::process::Command::new(program)
        .args(confine::arguments())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let (Some(mut to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(unavailable(
            "the process that confines commands has no streams".into(),
        ));
    };
    // JSON at its worst spells one byte with six.
    let most = output.saturating_mul(6).saturating_add(1 << 20);
    let talk = async {
        let mut report = Vec::new();
        to.write_all(plan.as_bytes()).await?;
        to.write_all(b"\n").await?;
        // Kept open: its end would end the command.
        from.take(most).read_to_end(&mut report).await?;
        drop(to);
        child.wait().await?;
        std::io::Result::Ok(report)
    };
    let report = match tokio::time::timeout(deadline + GRACE, talk).await {
        Ok(Ok(report)) => report,
        Ok(Err(error)) => return Err(failed(error)),
        Err(_) => {
            return Err(CallError::new(
                CallErrorKind::Limit,
                "the command ran past its deadline and had to be killed from outside".to_owned(),
            ));
        }
    };
    serde_json::from_slice(&report).map_err(|_| {
        unavailable("the process that confined the command ended without a report".into())
    })
}

fn answer(grant: &Grant, ended: Ended) -> Result<Vec<Part>, CallError> {
    if let Some(limit) = ended.limit {
        return Err(CallError::new(
            CallErrorKind::Limit,
            stopped(grant, limit, &ended),
        ));
    }
    let mut answer = json!({
        "exit_code": ended.exit_code,
        "stdout": ended.stdout,
        "stderr": ended.stderr,
        "truncated": ended.left_out > 0,
    });
    if let Some(signal) = ended.signal {
        answer["signal"] = signal.into();
    }
    Ok(vec![Part::Json(answer)])
}

fn stopped(grant: &Grant, limit: Limit, ended: &Ended) -> String {
    let limits = &grant.limits;
    let command = grant.command.as_ref();
    let (what, key) = match limit {
        Limit::Deadline => (
            format!("ran past its deadline of {:?}", limits.deadline),
            "deadline",
        ),
        Limit::Memory => (
            format!("needed more memory than its limit of {}", limits.memory),
            "memory",
        ),
        Limit::Processes => (
            format!(
                "had more processes and threads than its limit of {}",
                command.map_or(0, |command| command.processes)
            ),
            "processes",
        ),
        Limit::Cpu => (
            format!(
                "burnt more than its {:?} of processor time",
                command.and_then(|command| command.cpu).unwrap_or_default()
            ),
            "cpu",
        ),
    };
    let mut said = format!("{}\n{}", ended.stdout.trim_end(), ended.stderr.trim_end());
    let mut from = said.len().saturating_sub(QUOTED);
    while !said.is_char_boundary(from) {
        from += 1;
    }
    let said = said.split_off(from);
    let said = match said.trim() {
        "" => String::new(),
        said => format!("; it last said: {said}"),
    };
    format!(
        "the command {what}, and it and all its processes were ended; ask for less, or the operator raises `{key}` in its rule under `exec`{said}"
    )
}
