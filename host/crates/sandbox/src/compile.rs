//! Compiling, away from the resident process.
//!
//! A large component costs seconds of CPU and hundreds of megabytes that an allocator never gives back, and a hostile one tries to cost more. So
//! the host starts its own binary again, with limits on memory and time, and takes what it leaves behind. Tests and benchmarks, whose binary
//! is not the host, compile in their own process.

use crate::engine::compiling_engine;
use crate::{SandboxError, adapt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longest that a compilation may take; Python's interpreter, the largest guest known, takes nine seconds.
const TIME_LIMIT: Duration = Duration::from_secs(300);
/// Address space of the compiling process: ten times what Python's interpreter needs.
const MEMORY_LIMIT: u64 = 4 << 30;

/// Who compiles.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// `program` with `arguments`, then the component's path and the output's path; it must call [`compile_component`].
    Child {
        /// The host's own binary.
        program: PathBuf,
        /// What makes it compile.
        arguments: Vec<String>,
    },
    /// This process. For tests and benchmarks.
    Here,
}

impl Compiler {
    /// Compile the component at `input` and leave machine code at `output`.
    pub(crate) fn compile(&self, input: &Path, output: &Path) -> Result<(), SandboxError> {
        let failed = |message: String| SandboxError::Compile {
            path: input.to_owned(),
            message,
        };
        match self {
            Compiler::Here => compile_component(input, output).map_err(failed),
            Compiler::Child { program, arguments } => {
                let mut child = Command::new(program)
                    .args(arguments)
                    .arg(input)
                    .arg(output)
                    .env_clear()
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::piped())
                    .spawn()
                    .map_err(|e| failed(format!("cannot start {}: {e}", program.display())))?;
                let started = Instant::now();
                let mut pause = Duration::from_millis(2);
                let status = loop {
                    if let Some(status) = child.try_wait().map_err(|e| failed(e.to_string()))? {
                        break status;
                    }
                    if started.elapsed() > TIME_LIMIT {
                        let _ = child.kill();
                        let _ = child.wait();
                        return Err(failed(format!(
                            "it took longer than {} s",
                            TIME_LIMIT.as_secs()
                        )));
                    }
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(50));
                };
                if status.success() {
                    return Ok(());
                }
                let mut said = String::new();
                if let Some(mut stderr) = child.stderr.take() {
                    use std::io::Read;
                    let _ = stderr.by_ref().take(4_096).read_to_string(&mut said);
                }
                let said = said.trim();
                Err(failed(if said.is_empty() {
                    format!(
                        "the compiling process ended with {status}; it may have run into its limit of {} GiB",
                        MEMORY_LIMIT >> 30
                    )
                } else {
                    said.to_owned()
                }))
            }
        }
    }
}

/// The compiling process's whole work: compile `input` (a component, or a core module that can be made one), write `output`.
pub fn compile_component(input: &Path, output: &Path) -> Result<(), String> {
    let mut bytes =
        std::fs::read(input).map_err(|e| format!("cannot read {}: {e}", input.display()))?;
    if adapt::is_core_module(&bytes) {
        bytes = adapt::adapt(&bytes)?;
    }
    let code = compiling_engine()
        .and_then(|engine| engine.precompile_component(&bytes))
        .map_err(|e| format!("{e:#}"))?;
    std::fs::write(output, code).map_err(|e| format!("cannot write {}: {e}", output.display()))
}

/// Limit what this process may use. Called by the host's hidden verb before [`compile_component`].
pub fn limit_this_process() -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = |maximum| Rlimit {
        current: Some(maximum),
        maximum: Some(maximum),
    };
    setrlimit(Resource::As, limit(MEMORY_LIMIT))
        .and_then(|()| setrlimit(Resource::Cpu, limit(TIME_LIMIT.as_secs())))
        .and_then(|()| setrlimit(Resource::Core, limit(0)))
        .map_err(|e| format!("cannot limit this process: {e}"))
}
