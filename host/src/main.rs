//! The `charthouse` program: assembly and front ends only.
//!
//! A verb opens what it needs, asks one of the parts, and prints the answer for a person or as JSON. Nothing is decided here that another front end would
//! have to decide again.

mod cli;
mod exit;
mod open;
mod print;
mod progress;
mod shipped;
mod verbs;
mod world;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    let result = verbs::dispatch(arguments);
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.code)
        }
    }
}
