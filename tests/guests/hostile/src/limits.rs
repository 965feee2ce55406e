//! Attacks on limits: time, fuel, memory, stack, output.

use crate::Nothing;
use charthouse_sdk::{Effect, Failure, Part, Tool, arguments, log};
use std::hint::black_box;
use std::time::Duration;

arguments! {
    pub struct Count {
        /// How many.
        n: u64,
    }
}

arguments! {
    pub struct Mebibytes {
        /// How many MiB.
        mib: u64,
    }
}

arguments! {
    pub struct Bytes {
        /// How many bytes.
        bytes: u64,
    }
}

arguments! {
    pub struct Milliseconds {
        /// How long, in milliseconds.
        ms: u64,
    }
}

pub fn tools() -> Vec<Tool> {
    vec![
        Tool::new("spin", "Loops for ever without a host call.", spin).effect(Effect::None),
        Tool::new("fuel", "Counts to `n` and answers the sum.", fuel).effect(Effect::None),
        Tool::new("deep", "Calls itself `n` deep.", deep).effect(Effect::None),
        Tool::new("trap", "Runs into an unreachable instruction.", trap).effect(Effect::None),
        Tool::new("panic", "Panics with a text.", panic).effect(Effect::None),
        Tool::new("exit", "Ends the process with a code.", exit).effect(Effect::None),
        Tool::new(
            "allocate",
            "Takes `mib` MiB, one at a time, touches and keeps them.",
            allocate,
        )
        .effect(Effect::None),
        Tool::new(
            "memory_grow",
            "Grows the memory by pages of 64 KiB until `n` or a refusal; answers how many it got.",
            memory_grow,
        )
        .effect(Effect::None),
        Tool::new("output", "Answers one text of so many bytes.", output).effect(Effect::None),
        Tool::new("parts", "Answers `n` parts of one byte.", parts).effect(Effect::None),
        Tool::new("blob", "Answers one blob of so many bytes.", blob).effect(Effect::None),
        Tool::new(
            "log_flood",
            "Logs so many bytes in lines of 1 KiB, then answers how many lines.",
            log_flood,
        )
        .effect(Effect::None),
        Tool::new("sleep", "Waits on the monotonic clock.", sleep).effect(Effect::None),
        Tool::new("host_calls", "Makes `n` cheap host calls.", host_calls).effect(Effect::None),
    ]
}

fn spin(_: Nothing) -> Result<String, Failure> {
    let mut count = 0_u64;
    loop {
        count = black_box(count.wrapping_add(1));
    }
}

fn fuel(arguments: Count) -> Result<String, Failure> {
    let sum = (0..arguments.n).fold(0_u64, |sum, n| black_box(sum.wrapping_add(n)));
    Ok(sum.to_string())
}

fn deep(arguments: Count) -> Result<String, Failure> {
    /// The frame is large and used after the call, so that neither inlining nor a tail call takes it away.
    #[inline(never)]
    fn descend(left: u64) -> u64 {
        let frame = black_box([left; 16]);
        match left {
            0 => 0,
            left => descend(left - 1) + black_box(frame)[(left % 16) as usize] / left,
        }
    }
    Ok(descend(arguments.n).to_string())
}

fn trap(_: Nothing) -> Result<String, Failure> {
    #[cfg(target_family = "wasm")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_family = "wasm"))]
    std::process::abort()
}

fn panic(arguments: crate::Text) -> Result<String, Failure> {
    panic!("{}", arguments.text)
}

fn exit(arguments: Count) -> Result<String, Failure> {
    std::process::exit(arguments.n as i32)
}

fn allocate(arguments: Mebibytes) -> Result<String, Failure> {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for _ in 0..arguments.mib {
        let mut block = Vec::new();
        if block.try_reserve_exact(1 << 20).is_err() {
            return Err(Failure::failed(format!(
                "got {} MiB of {}",
                kept.len(),
                arguments.mib
            )));
        }
        block.resize(1 << 20, 0xA5);
        kept.push(black_box(block));
    }
    Ok(format!("kept {} MiB", black_box(&kept).len()))
}

fn memory_grow(arguments: Count) -> Result<String, Failure> {
    #[cfg(target_family = "wasm")]
    let grown = (0..arguments.n)
        .take_while(|_| core::arch::wasm32::memory_grow::<0>(1) != usize::MAX)
        .count();
    #[cfg(not(target_family = "wasm"))]
    let grown = arguments.n;
    Ok(format!("grew by {grown} pages"))
}

fn output(arguments: Bytes) -> Result<String, Failure> {
    Ok("x".repeat(arguments.bytes as usize))
}

fn parts(arguments: Count) -> Result<Vec<Part>, Failure> {
    Ok((0..arguments.n).map(|_| Part::text("x")).collect())
}

fn blob(arguments: Bytes) -> Result<Part, Failure> {
    Ok(Part::blob(
        "application/octet-stream",
        vec![0; arguments.bytes as usize],
    ))
}

fn log_flood(arguments: Bytes) -> Result<String, Failure> {
    let line = "x".repeat(1024);
    let mut left = arguments.bytes as usize;
    let mut lines = 0;
    while left > 0 {
        let length = left.min(line.len());
        log::info(&line[..length]);
        left -= length;
        lines += 1;
    }
    Ok(format!("logged {lines} lines"))
}

fn sleep(arguments: Milliseconds) -> Result<String, Failure> {
    std::thread::sleep(Duration::from_millis(arguments.ms));
    Ok(format!("slept {} ms", arguments.ms))
}

fn host_calls(arguments: Count) -> Result<String, Failure> {
    for _ in 0..arguments.n {
        black_box(std::time::Instant::now());
    }
    Ok(format!("made {} host calls", arguments.n))
}
