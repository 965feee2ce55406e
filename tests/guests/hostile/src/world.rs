//! Looks around: what clocks, randomness, environment and streams give away, and what outlives a call.

use crate::{Nothing, Text};
use charthouse_sdk::{Effect, Failure, Json, Tool, arguments, log, state};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

arguments! {
    pub struct Key {
        /// The key.
        key: String,
    }
}

arguments! {
    pub struct KeyValue {
        /// The key.
        key: String,
        /// The value.
        value: String,
    }
}

arguments! {
    pub struct Line {
        /// debug, info, warn or error.
        level: String,
        /// The message.
        message: String,
    }
}

pub fn tools() -> Vec<Tool> {
    vec![
        Tool::new("clock", "Reads both clocks twice.", clock).effect(Effect::None),
        Tool::new(
            "random",
            "Answers 16 random bytes, and what a hash map was seeded with.",
            random,
        )
        .effect(Effect::None),
        Tool::new("env", "Answers the environment.", env).effect(Effect::None),
        Tool::new("args", "Answers the command line.", args).effect(Effect::None),
        Tool::new("stdin", "Reads standard input to its end.", stdin).effect(Effect::None),
        Tool::new("stdout", "Writes to standard output.", stdout).effect(Effect::None),
        Tool::new("stderr", "Writes to standard error.", stderr).effect(Effect::None),
        Tool::new("log", "Logs one line.", log_line).effect(Effect::None),
        Tool::new(
            "counter",
            "Counts its calls in a static; a fresh instance says 1.",
            counter,
        )
        .effect(Effect::None),
        Tool::new("state_set", "Sets a key.", state_set).effect(Effect::Idempotent),
        Tool::new("state_get", "Gets a key.", state_get).effect(Effect::None),
        Tool::new("state_delete", "Deletes a key.", state_delete).effect(Effect::Idempotent),
        Tool::new(
            "state_keys",
            "Lists the keys that start with `key`.",
            state_keys,
        )
        .effect(Effect::None),
    ]
}

fn clock(_: Nothing) -> Result<Json<Value>, Failure> {
    let wall = || {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        since.as_nanos() as u64
    };
    let (wall_1, start) = (wall(), Instant::now());
    let (wall_2, elapsed) = (wall(), start.elapsed());
    Ok(Json(
        json!({"wall_ns": [wall_1, wall_2], "monotonic_elapsed_ns": elapsed.as_nanos() as u64}),
    ))
}

fn random(_: Nothing) -> Result<Json<Value>, Failure> {
    #[cfg(target_os = "wasi")]
    let bytes = wasip2::random::random::get_random_bytes(16);
    #[cfg(not(target_os = "wasi"))]
    let bytes = vec![0_u8; 16];
    let seed = {
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one(0)
    };
    Ok(Json(json!({"bytes": bytes, "hash_seed": seed.to_string()})))
}

fn env(_: Nothing) -> Result<Json<Value>, Failure> {
    let variables: Vec<(String, String)> = std::env::vars().collect();
    Ok(Json(
        variables
            .into_iter()
            .map(|(name, value)| (name, Value::from(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    ))
}

fn args(_: Nothing) -> Result<Json<Vec<String>>, Failure> {
    Ok(Json(std::env::args().collect()))
}

fn stdin(_: Nothing) -> Result<Json<Value>, Failure> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().read_to_end(&mut bytes);
    Ok(Json(json!({
        "bytes": bytes.len(),
        "error": read.err().map(|error| error.to_string()),
    })))
}

fn stdout(arguments: Text) -> Result<String, Failure> {
    written(
        std::io::stdout().write_all(arguments.text.as_bytes()),
        &arguments,
    )
}

fn stderr(arguments: Text) -> Result<String, Failure> {
    written(
        std::io::stderr().write_all(arguments.text.as_bytes()),
        &arguments,
    )
}

fn written(result: std::io::Result<()>, arguments: &Text) -> Result<String, Failure> {
    match result {
        Ok(()) => Ok(format!("wrote {} bytes", arguments.text.len())),
        Err(error) => Err(Failure::failed(error.to_string())),
    }
}

fn log_line(arguments: Line) -> Result<String, Failure> {
    let level = match arguments.level.as_str() {
        "debug" => log::Level::Debug,
        "info" => log::Level::Info,
        "warn" => log::Level::Warn,
        "error" => log::Level::Error,
        other => {
            return Err(Failure::invalid(format!(
                "`level` is debug, info, warn or error, not `{other}`"
            )));
        }
    };
    log::write(level, &arguments.message);
    Ok("logged".to_owned())
}

fn counter(_: Nothing) -> Result<String, Failure> {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    Ok((CALLS.fetch_add(1, Ordering::Relaxed) + 1).to_string())
}

fn state_set(arguments: KeyValue) -> Result<String, Failure> {
    state::set(&arguments.key, arguments.value.as_bytes())?;
    Ok("set".to_owned())
}

fn state_get(arguments: Key) -> Result<Json<Option<String>>, Failure> {
    let value = state::get(&arguments.key)?;
    Ok(Json(
        value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ))
}

fn state_delete(arguments: Key) -> Result<String, Failure> {
    state::delete(&arguments.key)?;
    Ok("deleted".to_owned())
}

fn state_keys(arguments: Key) -> Result<Json<Vec<String>>, Failure> {
    state::keys(&arguments.key).map(Json)
}
