//! Rust: nested comments, raw strings, macros, and tests, which are left out.

use super::check;

#[test]
fn rust() {
    check(
        "a.rs",
        r####"#!/usr/bin/env run
//! fn not_this() {}
/* fn nor() { /* nested */ fn this() {} */
#![allow(dead_code)]
use std::fmt::{self, Display};
pub(crate) const MOST: usize = 10;
static mut COUNT: &str = "fn quoted() {";
#[derive(Debug)]
pub struct Point<'a, T> { x: &'a T, y: char }
struct Unit;
pub enum Shape { Round { radius: f64 }, Square(f64) }
type Pair = (u8, u8);
impl<'a, T: Display> fmt::Display for Point<'a, T>
where
    T: Clone,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn inner() {}
        let brace = '{';
        let quote = '"';
        write!(f, r#"}} " fn raw() {{"#)
    }
}
pub trait Walk: Send {
    const DEPTH: u8 = 1;
    fn step(
        &mut self,
        by: usize, // how far
    ) -> Option<usize>;
    fn stay(&self) {}
}
macro_rules! list { ($x:expr) => { fn in_macro() {} } }
pub async unsafe extern "C" fn outside(a: u8) -> u8 { a }
pub const fn constant() -> u8 { b'}' }
mod inner {
    pub fn deep() {}
}
mod other;
unsafe extern "C" { fn foreign(); }
#[cfg(test)]
mod tests {
    fn hidden() {}
}
#[test]
fn also_hidden() {}
fn last() {}
"####,
        "\
6 pub(crate) const MOST: usize = 10
7 static mut COUNT: &str = \"fn quoted() {\"
9 pub struct Point<'a, T>
10 struct Unit
11 pub enum Shape
12 type Pair = (u8, u8)
13 impl<'a, T: Display> fmt::Display for Point<'a, T> where T: Clone,
  17 fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result
24 pub trait Walk: Send
  25 const DEPTH: u8 = 1
  26 fn step(&mut self, by: usize) -> Option<usize>
  30 fn stay(&self)
32 macro_rules! list
33 pub async unsafe extern \"C\" fn outside(a: u8) -> u8
34 pub const fn constant() -> u8
35 mod inner
  36 pub fn deep()
46 fn last()
",
    );
}
