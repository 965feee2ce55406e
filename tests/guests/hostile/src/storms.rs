//! Attacks by asking the host too often, for too much, or never giving anything back; and a look at everything that tells time or chance.

use crate::Nothing;
use crate::limits::{Bytes, Count, Milliseconds};
use charthouse_sdk::{Effect, Failure, Json, Tool, arguments, log, state};
use serde_json::{Value, json};
use std::hint::black_box;
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};
use wasip2::io::poll::{Pollable, poll};
use wasip2::random::{insecure, insecure_seed, random};

arguments! {
    pub struct What {
        /// Which interface of the host.
        what: String,
    }
}

pub fn tools() -> Vec<Tool> {
    vec![
        Tool::new("storm", "Calls one interface of the host for ever.", storm).effect(Effect::None),
        Tool::new(
            "hoard",
            "Takes handles of one kind and never gives one back.",
            hoard,
        )
        .effect(Effect::None),
        Tool::new(
            "wait_for_ever",
            "Waits for what never comes.",
            wait_for_ever,
        )
        .effect(Effect::None),
        Tool::new(
            "waits",
            "Sleeps in every way there is; answers what the stop watch said between.",
            waits,
        )
        .effect(Effect::None),
        Tool::new(
            "random_bytes",
            "Asks for so many random bytes at once.",
            random_bytes,
        )
        .effect(Effect::None),
        Tool::new(
            "everything",
            "Answers all that clocks and sources of chance say, and times of what is mounted.",
            everything,
        )
        .effect(Effect::None),
        Tool::new("fill", "Fills 16 MiB for ever.", fill).effect(Effect::None),
        Tool::new("nans", "Answers the bits of numbers that are none.", nans).effect(Effect::None),
        Tool::new(
            "state_flood",
            "Sets keys with so many bytes each until it is refused.",
            state_flood,
        )
        .effect(Effect::Once),
    ]
}

fn storm(arguments: What) -> Result<String, Failure> {
    let value = vec![7_u8; 1 << 20];
    let out = wasip2::cli::stdout::get_stdout();
    let soon = monotonic_clock::subscribe_duration(0);
    let directories = get_directories();
    let mut count = 0_u64;
    loop {
        count = black_box(count + 1);
        match arguments.what.as_str() {
            "log" => log::info("again"),
            "clock" => drop(black_box(monotonic_clock::now())),
            "wall" => drop(black_box(wall_clock::now())),
            "random" => drop(black_box(random::get_random_bytes(1 << 20))),
            "state_set" => drop(state::set("storm", &value)),
            "state_get" => drop(black_box(state::get("storm"))),
            "state_keys" => drop(black_box(state::keys(""))),
            "poll" => drop(poll(&[&soon])),
            "ready" => drop(black_box(soon.ready())),
            "subscribe" => drop(monotonic_clock::subscribe_duration(1)),
            "stream" => drop(out.blocking_write_and_flush(&value[..4096])),
            "zeroes" => drop(out.blocking_write_zeroes_and_flush(4096)),
            "environment" => drop(black_box(wasip2::cli::environment::get_environment())),
            "stat" => drop(black_box(
                directories[0].0.stat_at(PathFlags::SYMLINK_FOLLOW, "a.txt"),
            )),
            "open" => drop(black_box(open(&directories[0].0))),
            "list" => drop(black_box(directories[0].0.read_directory())),
            "preopens" => drop(black_box(get_directories())),
            other => return Err(Failure::invalid(format!("no storm of `{other}`"))),
        }
    }
}

fn open(directory: &Descriptor) -> Result<Descriptor, wasip2::filesystem::types::ErrorCode> {
    directory.open_at(
        PathFlags::empty(),
        "a.txt",
        OpenFlags::empty(),
        DescriptorFlags::READ,
    )
}

fn hoard(arguments: What) -> Result<String, Failure> {
    let directories = get_directories();
    let directory = directories.first().map(|(directory, _)| directory);
    let mounted = || directory.ok_or_else(|| Failure::failed("nothing is mounted"));
    let mut count = 0_u64;
    let refused = |count: u64, code: wasip2::filesystem::types::ErrorCode| {
        Failure::failed(format!("held {count}, then {}", code.name()))
    };
    loop {
        match arguments.what.as_str() {
            "streams" => std::mem::forget(wasip2::cli::stdout::get_stdout()),
            "pollables" => std::mem::forget(monotonic_clock::subscribe_duration(u64::MAX)),
            "descriptors" => match open(mounted()?) {
                Ok(file) => std::mem::forget(file),
                Err(code) => return Err(refused(count, code)),
            },
            "listings" => match mounted()?.read_directory() {
                Ok(listing) => std::mem::forget(listing),
                Err(code) => return Err(refused(count, code)),
            },
            // The descriptor goes, what reads from it stays, and the file with it.
            "readers" => match open(mounted()?).and_then(|file| file.read_via_stream(0)) {
                Ok(reader) => std::mem::forget(reader),
                Err(code) => return Err(refused(count, code)),
            },
            other => return Err(Failure::invalid(format!("no hoard of `{other}`"))),
        }
        count += 1;
        if count > 1_000_000 {
            return Ok(format!("held {count}"));
        }
    }
}

fn wait_for_ever(_: Nothing) -> Result<String, Failure> {
    let never = monotonic_clock::subscribe_duration(u64::MAX);
    let long: Vec<Pollable> = (0..10)
        .map(|n| monotonic_clock::subscribe_duration(1 << (50 + n)))
        .collect();
    let mut all: Vec<&Pollable> = long.iter().collect();
    all.push(&never);
    Ok(format!("{:?} came", poll(&all)))
}

fn waits(arguments: Milliseconds) -> Result<Json<Value>, Failure> {
    let length = arguments.ms * 1_000_000;
    let mut times = vec![monotonic_clock::now()];
    std::thread::sleep(std::time::Duration::from_millis(arguments.ms));
    times.push(monotonic_clock::now());
    monotonic_clock::subscribe_duration(length).block();
    times.push(monotonic_clock::now());
    let short = monotonic_clock::subscribe_duration(length);
    let long = monotonic_clock::subscribe_instant(monotonic_clock::now() + 2 * length);
    let first = poll(&[&long, &short, &short]);
    times.push(monotonic_clock::now());
    let early = long.ready();
    let then = poll(&[&long]);
    times.push(monotonic_clock::now());
    // What is ready already is answered without waiting for the rest.
    let stdout = wasip2::cli::stdout::get_stdout();
    let out = stdout.subscribe();
    let late = monotonic_clock::subscribe_duration(length);
    let at_once = poll(&[&late, &out]);
    times.push(monotonic_clock::now());
    let mut asked = 0_u64;
    let soon = monotonic_clock::subscribe_duration(100_000);
    while !soon.ready() {
        asked += 1;
    }
    Ok(Json(json!({
        "times": times, "first": first, "early": early, "then": then, "at_once": at_once, "asked": asked,
    })))
}

fn random_bytes(arguments: Bytes) -> Result<String, Failure> {
    let bytes = random::get_random_bytes(arguments.bytes);
    Ok(format!("got {}", bytes.len()))
}

fn everything(_: Nothing) -> Result<Json<Value>, Failure> {
    let time = |time: wall_clock::Datetime| json!([time.seconds, time.nanoseconds]);
    let files: Vec<Value> = get_directories()
        .iter()
        .map(|(directory, path)| {
            let stat = directory.stat();
            let stat = stat.map(|stat| {
                let times = [
                    stat.data_access_timestamp,
                    stat.data_modification_timestamp,
                    stat.status_change_timestamp,
                ];
                times.map(|at| at.map(time))
            });
            json!([path, stat.ok()])
        })
        .collect();
    Ok(Json(json!({
        "wall": [time(wall_clock::now()), time(wall_clock::now()), time(wall_clock::resolution())],
        "monotonic": [monotonic_clock::now(), monotonic_clock::now(), monotonic_clock::resolution()],
        "random": [json!(random::get_random_bytes(16)), json!(random::get_random_u64())],
        "insecure": [json!(insecure::get_insecure_random_bytes(16)), json!(insecure::get_insecure_random_u64())],
        "seed": [insecure_seed::insecure_seed(), insecure_seed::insecure_seed()],
        "hash": std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0),
        "address": &raw const *Box::new(0_u8) as usize,
        "files": files,
    })))
}

fn fill(_: Nothing) -> Result<String, Failure> {
    let mut bytes = vec![0_u8; 16 << 20];
    let mut n = 0_u8;
    loop {
        n = n.wrapping_add(1);
        black_box(&mut bytes[..]).fill(n);
    }
}

fn nans(arguments: Count) -> Result<Json<Value>, Failure> {
    let zero = black_box(0.0_f64);
    let payload = f64::from_bits(black_box(0x7FF8_0000_0000_0000 | arguments.n));
    let negative = f64::from_bits(black_box(0xFFF0_0000_0000_0000 | arguments.n.max(1)));
    let made = [
        zero / zero,
        (black_box(-1.0_f64)).sqrt(),
        payload + 1.0,
        negative * black_box(1.5),
        black_box(f64::INFINITY) - black_box(f64::INFINITY),
        black_box(payload).sqrt() - black_box(negative),
        black_box(payload).ceil(),
    ];
    let bits: Vec<String> = made
        .iter()
        .map(|n| format!("{:016x}", n.to_bits()))
        .collect();
    let single = black_box(0.0_f32) / black_box(0.0_f32);
    Ok(Json(
        json!({ "f64": bits, "f32": format!("{:08x}", single.to_bits()) }),
    ))
}

fn state_flood(arguments: Bytes) -> Result<String, Failure> {
    let value = vec![1_u8; arguments.bytes as usize];
    for n in 0..u64::MAX {
        if let Err(failure) = state::set(&format!("{n:08}"), &value) {
            return Ok(format!("kept {n}, then {failure:?}"));
        }
    }
    Ok("kept all".to_owned())
}
