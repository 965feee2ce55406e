//! A terminal to run the program at, and what a person sees on its screen.
//!
//! The terminal is one that `script` makes; where that program is missing, there is none.

use crate::house::House;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A shell at a terminal of its own, in which the program runs.
pub struct Terminal {
    child: Child,
    keys: ChildStdin,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Run `lines` of shell, in which `$charthouse` is the program; `None` where there is no terminal to be had.
    pub fn open(house: &House, lines: &str) -> Option<Self> {
        let program = house.command();
        let path = program.get_program().to_str().unwrap().to_owned();
        house.write(
            "session.sh",
            &format!("charthouse={path}\nstty cols 30 rows 50\n{lines}\n"),
        );
        let mut command = Command::new("script");
        command
            .args(["-q", "-e", "-f", "-c", "sh session.sh", "/dev/null"])
            .current_dir(&house.root)
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                eprintln!("skipped: `script` makes no terminal here: {error}");
                return None;
            }
        };
        let written = Arc::new(Mutex::new(Vec::new()));
        let mut output = child.stdout.take().unwrap();
        let seen = written.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = output.read(&mut bytes) {
                seen.lock().unwrap().extend_from_slice(&bytes[..read]);
            }
        });
        let keys = child.stdin.take().unwrap();
        Some(Terminal {
            child,
            keys,
            written,
        })
    }

    /// Type `keys`.
    pub fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
        self.keys.flush().unwrap();
    }

    /// Every byte that was written to it.
    pub fn raw(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// What stands on the screen.
    pub fn screen(&self) -> String {
        screen(&self.raw())
    }

    /// Wait until the screen is as `it` wants.
    #[track_caller]
    pub fn until(&self, what: &str, it: impl Fn(&str) -> bool) {
        let started = Instant::now();
        while !it(&self.screen()) {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "{what}\n{}\n{:?}",
                self.screen(),
                self.raw()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may be over already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a terminal shows after `bytes`: as much of one as is needed here.
fn screen(bytes: &str) -> String {
    let mut rows: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column) = (0_usize, 0_usize);
    let mut characters = bytes.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\r' => column = 0,
            '\n' => row += 1,
            '\u{8}' => column = column.saturating_sub(1),
            '\x1b' if characters.next_if_eq(&'[').is_some() => {
                let mut parameter = String::new();
                let last = loop {
                    match characters.next() {
                        Some(c @ '@'..='~') => break c,
                        Some(c) => parameter.push(c),
                        None => break ' ',
                    }
                };
                let count = parameter.parse().unwrap_or(1);
                match last {
                    'A' => row = row.saturating_sub(count),
                    'B' => row += count,
                    'C' => column += count,
                    'D' => column = column.saturating_sub(count),
                    'K' if parameter == "2" => rows[row].clear(),
                    'K' => rows[row].truncate(column),
                    'J' => {
                        rows[row].truncate(column);
                        rows.truncate(row + 1);
                    }
                    _ => {}
                }
            }
            c if c.is_control() => {}
            c => {
                if rows[row].len() <= column {
                    rows[row].resize(column + 1, ' ');
                }
                rows[row][column] = c;
                column += 1;
            }
        }
        if rows.len() <= row {
            rows.resize(row + 1, Vec::new());
        }
    }
    let rows: Vec<String> = rows.into_iter().map(String::from_iter).collect();
    rows.join("\n")
}
