//! A program such as anybody writes: `main`, arguments, standard streams, files, an exit code.

use std::io::{Read, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let words: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
    match words.as_slice() {
        ["args", ..] => println!("{args:?}"),
        ["upper"] => {
            let mut text = String::new();
            if let Err(error) = std::io::stdin().read_to_string(&mut text) {
                eprintln!("stdin: {error}");
                return ExitCode::from(3);
            }
            print!("{}", text.to_uppercase());
        }
        ["cat", path] => match std::fs::read(path) {
            Ok(bytes) => {
                let _ = std::io::stdout().write_all(&bytes);
            }
            Err(error) => {
                eprintln!("{path}: {error}");
                return ExitCode::from(2);
            }
        },
        ["write", path, text] => {
            if let Err(error) = std::fs::write(path, text) {
                eprintln!("{path}: {error}");
                return ExitCode::from(2);
            }
        }
        ["env", name] => println!("{:?}", std::env::var(name)),
        ["exit", code] => return ExitCode::from(code.parse::<u8>().unwrap_or(255)),
        // Leaves without returning from `main`.
        ["quit", code] => std::process::exit(code.parse().unwrap_or(255)),
        ["bytes"] => {
            let _ = std::io::stdout().write_all(&[0x66, 0xff, 0xfe]);
        }
        ["flood"] => loop {
            println!("{}", "x".repeat(1000));
        },
        ["loop"] => loop {
            std::hint::black_box(0);
        },
        ["sleep"] => std::thread::sleep(std::time::Duration::from_secs(60)),
        ["panic"] => {
            println!("before");
            panic!("on purpose");
        }
        [] => println!("usage: cli WHAT"),
        other => {
            eprintln!("unknown: {other:?}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
