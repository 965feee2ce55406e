//! Compiling, away from the resident process.
//!
//! A large component costs seconds of CPU and hundreds of megabytes that an allocator never gives back, and a hostile one tries to cost more. So
//! the host starts its own binary again, with limits on memory and time, and takes what it leaves behind. Tests and benchmarks, whose binary
//! is not the host, compile in their own process.

use crate::engine::compiling_engine;
use crate::{SandboxError, adapt};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longest that a compilation may take; Python's interpreter, the largest guest known, takes nine seconds.
const TIME_LIMIT: Duration = Duration::from_secs(120);
/// Address space of the compiling process: ten times what Python's interpreter needs.
const MEMORY_LIMIT: u64 = 4 << 30;
/// Longest machine code; that of Python's interpreter has 60 MB. The resident process maps it, and reads the tables in it.
const CODE_LIMIT: u64 = 256 << 20;

/// How much of what the compiling process says is repeated; names in a component may be 100 kB long.
const SAID_MAX: u64 = 2_000;

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
                // Read beside it: a child that says more than a pipe holds would wait for ever.
                let said = child
                    .stderr
                    .take()
                    .map(|stderr| std::thread::spawn(move || heard(stderr)));
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
                let said = said.and_then(|said| said.join().ok()).unwrap_or_default();
                Err(failed(how_it_ended(&status, said.trim())))
            }
        }
    }
}

/// The beginning of what a child says; the rest is read and forgotten.
fn heard(mut stderr: impl Read) -> String {
    let mut said = Vec::new();
    let _ = stderr.by_ref().take(SAID_MAX).read_to_end(&mut said);
    let _ = std::io::copy(&mut stderr, &mut std::io::sink());
    String::from_utf8_lossy(&said).into_owned()
}

/// Why the compiling process failed: the limit it ran into, or its own words.
fn how_it_ended(status: &ExitStatus, said: &str) -> String {
    use rustix::process::Signal;
    use std::os::unix::process::ExitStatusExt;
    let signal = status.signal();
    if signal == Some(Signal::XCPU.as_raw()) || signal == Some(Signal::KILL.as_raw()) {
        return format!(
            "it took more than {} s of computing, which is all that compiling may take",
            TIME_LIMIT.as_secs()
        );
    }
    if signal == Some(Signal::XFSZ.as_raw()) {
        return format!(
            "its machine code is longer than {}",
            types::Bytes(CODE_LIMIT)
        );
    }
    // Whoever cannot have more memory says so and aborts, or dies of a stack that cannot grow.
    if signal.is_some() || said.is_empty() {
        return format!(
            "the compiling process ended with {status}, so it probably needs more memory than the {} that compiling may take",
            types::Bytes(MEMORY_LIMIT)
        );
    }
    said.to_owned()
}

/// The compiling process's whole work: put limits on itself, compile `input` (a component, or a core module that can be made one), write `output`.
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
        .and_then(|()| setrlimit(Resource::Fsize, limit(CODE_LIMIT)))
        .and_then(|()| setrlimit(Resource::Core, limit(0)))
        .map_err(|e| format!("cannot limit this process: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said when the compiling process does this instead of compiling.
    fn said_of(script: &str) -> String {
        let compiler = Compiler::Child {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
        };
        let failed = compiler.compile(Path::new("in.wasm"), Path::new("out.cwasm"));
        failed.unwrap_err().to_string()
    }

    #[test]
    fn a_process_that_runs_into_a_limit_says_which() {
        let said = said_of("ulimit -t 1; while :; do :; done");
        assert!(said.contains("more than 120 s of computing"), "{said}");
        let said = said_of("echo 'memory allocation failed' >&2; kill -ABRT $$");
        assert!(said.contains("needs more memory than the 4GiB"), "{said}");
        let said = said_of("kill -XFSZ $$");
        assert!(said.contains("longer than 256MiB"), "{said}");
        let said = said_of("echo 'not valid' >&2; exit 1");
        assert!(said.ends_with("not valid"), "{said}");
    }

    #[test]
    fn a_process_that_says_much_is_heard_in_part() {
        let said = said_of(
            "yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | head -c 10000000 >&2; exit 1",
        );
        assert!(said.len() < 3_000, "{} bytes", said.len());
    }
}
