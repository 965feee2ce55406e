//! The `charthouse` program: assembly and front ends only.
//!
//! A verb opens what it needs, asks one of the parts, and prints the answer for a person or as JSON. Nothing is decided here that another front end would
//! have to decide again.

mod asking;
mod cli;
mod control;
mod exit;
mod interrupt;
mod memory;
mod open;
mod permission;
mod power;
mod print;
mod progress;
mod rest;
mod run_of;
mod sealed;
mod serve;
mod shipped;
mod supply;
mod terminal;
mod verbs;
mod watch;
mod world;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    memory::give_back_freed();
    interrupt::outlive_full_files();
    // Warnings of the parts (damaged code that is made again, a key sent over plain HTTP) are for the operator.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(|| print::Stderr)
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .log_internal_errors(false)
        .init();
    let arguments = cli::Arguments::parse();
    let result = verbs::dispatch(arguments);
    sealed::at_the_end();
    let code = result.unwrap_or_else(|failure| {
        failure.print();
        failure.code
    });
    print::behind::finish();
    ExitCode::from(code)
}
