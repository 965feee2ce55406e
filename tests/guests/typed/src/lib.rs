//! A component of somebody who never heard of charthouse: typed functions in its world and in interfaces, over every kind of type.

// What is generated calls across the boundary.
#![allow(unsafe_code)]

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "everything" });
}

use bindings::exports::acme::everything::{counters, kinds, sums, texts};
use std::cell::Cell;

struct Everything;

impl bindings::Guest for Everything {
    fn greet(name: String) -> String {
        format!("Hello, {name}!")
    }

    fn misbehave(how: String) -> String {
        match how.as_str() {
            "loop" => loop {
                std::hint::black_box(0);
            },
            "trap" => panic!("on purpose"),
            "memory" => {
                let mut hoard = Vec::new();
                loop {
                    hoard.push(std::hint::black_box(vec![1_u8; 1 << 20]));
                }
            }
            "output" => "x".repeat(4 << 20),
            path if path.starts_with('/') => match std::fs::read_to_string(path) {
                Ok(text) => text,
                Err(error) => format!("error: {error}"),
            },
            other => format!("{other}?"),
        }
    }
}

impl kinds::Guest for Everything {
    fn move_by(point: kinds::Point, by: (i32, i32)) -> kinds::Point {
        kinds::Point {
            x: point.x + by.0,
            y: point.y + by.1,
            ..point
        }
    }

    fn describe(shape: kinds::Shape) -> String {
        match shape {
            kinds::Shape::Nothing => "nothing".into(),
            kinds::Shape::Circle(radius) => format!("a circle of {radius}"),
            kinds::Shape::Polygon(points) => format!("a polygon of {} points", points.len()),
        }
    }

    fn next_colour(colour: kinds::Colour) -> kinds::Colour {
        match colour {
            kinds::Colour::Red => kinds::Colour::DarkGreen,
            kinds::Colour::DarkGreen => kinds::Colour::Blue,
            kinds::Colour::Blue => kinds::Colour::Red,
        }
    }

    fn toggle(rights: kinds::Rights, which: kinds::Rights) -> kinds::Rights {
        rights ^ which
    }

    fn echo_whole(all: kinds::Whole) -> kinds::Whole {
        all
    }

    fn echo_bytes(bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    fn nested(
        deep: Option<Option<u32>>,
        outcome: Result<u8, String>,
    ) -> (Option<Option<u32>>, Result<u8, String>) {
        (deep, outcome)
    }

    fn divide(a: f64, b: f64) -> Result<f64, kinds::Problem> {
        match b {
            0.0 => Err(kinds::Problem::DivisionByZero),
            _ if a > 1e300 => Err(kinds::Problem::TooLarge(a)),
            _ => Ok(a / b),
        }
    }

    fn refuse(why: String) -> Result<(), String> {
        Err(why)
    }

    fn forget() {}
}

impl sums::Guest for Everything {
    fn add(a: u64, b: u64) -> u64 {
        a.wrapping_add(b)
    }

    fn total(of: Vec<i64>) -> i64 {
        of.into_iter().fold(0, i64::wrapping_add)
    }
}

impl texts::Guest for Everything {
    fn add(a: String, b: String) -> String {
        a + &b
    }
}

struct Counter(Cell<u32>);

impl counters::GuestCounter for Counter {
    fn new(start: u32) -> Self {
        Counter(Cell::new(start))
    }

    fn next(&self) -> u32 {
        self.0.replace(self.0.get() + 1)
    }

    fn version() -> String {
        "1".into()
    }
}

impl counters::Guest for Everything {
    type Counter = Counter;

    fn open() -> counters::Counter {
        counters::Counter::new(Counter(Cell::new(0)))
    }

    fn how_many() -> u32 {
        0
    }
}

bindings::export!(Everything with_types_in bindings);
