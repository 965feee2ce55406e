//! One case a language: a text that is meant to fool the scanner, and the outline that a person would write.

use super::scan;
use crate::languages;
use crate::outline::Outline;

fn lines(outline: &Outline) -> String {
    let line = |index: usize| {
        let mut depth = 0;
        let mut at = outline.definitions[index].parent();
        while let Some(parent) = at {
            depth += 1;
            at = outline.definitions[parent].parent();
        }
        format!(
            "{}{} {}\n",
            "  ".repeat(depth),
            outline.definitions[index].line,
            outline.signature(index)
        )
    };
    (0..outline.definitions.len()).map(line).collect()
}

#[track_caller]
fn check(file: &str, text: &str, expected: &str) {
    let language = languages::of_file(file).expect("a known language");
    let outline = scan(text, language);
    assert!(outline.is_sound());
    let found = lines(&outline);
    assert!(
        found == expected,
        "{file}:\n--- found\n{found}--- expected\n{expected}"
    );
}

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

#[test]
fn python() {
    check(
        "a.py",
        r#"#!/usr/bin/env python3
"""Doc:
def not_this():
"""
import os
MOST = 10
TABLE: dict[str, int] = {
    "a": 1,
}
lower = 1
# def nor_this(): pass
@decorated(
    with_argument=True,
)
def first(a, b=")", *, c: int = 1) -> str:
    def inner():
        pass
    text = '''
def in_text():
'''
    return f"{a}" + r"\"

async def second(
    a,
    b,  # comment
):
    pass

class Thing(Base, metaclass=Meta):
    LIMIT = 3
    x = 1

    @property
    def value(self):
        class Local: pass
        return 1

    class Inner:
        def deep(self): return 2

if True:
    def conditional(): ...
"#,
        "\
6 MOST = 10
7 TABLE: dict[str, int] = {\"a\": 1}
15 def first(a, b=\")\", *, c: int = 1) -> str
23 async def second(a, b)
29 class Thing(Base, metaclass=Meta)
  30 LIMIT = 3
  34 def value(self)
  38 class Inner
    39 def deep(self): return 2
42 def conditional(): ...
",
    );
}

#[test]
fn javascript() {
    check(
        "a.js",
        r#"'use strict'
import { a } from 'b'
const { x, y } = require("z")
const LIMIT = 10
let counter = 0
const arrow = async (a, b) => {
  function inner() {}
}
const short = x => x * 2
export const make = function named(a) { return /[}"'`]\/{/g.test(a) }
export default class Cat extends Animal {
  #secret = 1
  static kind = 'cat'
  handler = (event) => { this.x() }
  constructor(name) {
    super(name)
    if (name) { go() }
  }
  get name() { return `${this.a ? `{${'}'}` : "}"} fn` }
  static async *walk(path, { deep = true } = {}) {}
  #hidden() {}
  get(key) { return key }
}
// function commented() {}
export async function* load(url,
  options) {
  return 1 / 2 / 3
}
module.exports.start = function (port) {}
Thing.prototype.run = function run() {}
app.get('/', function (req, res) { function no() {} })
describe("x", () => {
  function neither() {}
})
export { a }
"#,
        "\
4 const LIMIT = 10
6 const arrow = async (a, b) =>
9 const short = x => x * 2
10 export const make = function named(a)
11 export default class Cat extends Animal
  14 handler = (event) =>
  15 constructor(name)
  19 get name()
  20 static async *walk(path, { deep = true } = {})
  21 #hidden()
  22 get(key)
25 export async function* load(url, options)
29 module.exports.start = function (port)
30 Thing.prototype.run = function run()
",
    );
}

#[test]
fn typescript() {
    check(
        "a.ts",
        r#"export interface Store<K extends string = string> extends Base {
  readonly size: number;
  get(key: K): Promise<string | undefined>
  set?(key: K, value: string): void;
}
export type Id = string | { a: number }
type Fn = (a: number) => void;
export declare function over(a: string): void;
export const enum Color { Red, Green }
declare module "x" {
  function hidden(): void
}
namespace Space {
  export function inside(): number { return 1 }
}
@Component({ selector: 'x{' })
export abstract class View<T> implements Store {
  private readonly items: Map<string, T> = new Map();
  constructor(private http: Http) { super() }
  abstract draw(at: Point): void;
  protected async load<U>(id: Id): Promise<U> { return null as any }
}
export const useThing = <T,>(x: T): T => {
  return x
}
export function assertIsString(val: any): asserts val is string {}
"#,
        "\
1 export interface Store<K extends string = string> extends Base
  3 get(key: K): Promise<string | undefined>
  4 set?(key: K, value: string): void
6 export type Id = string
7 type Fn = (a: number) => void
8 export declare function over(a: string): void
9 export const enum Color
13 namespace Space
  14 export function inside(): number
17 export abstract class View<T> implements Store
  19 constructor(private http: Http)
  20 abstract draw(at: Point): void
  21 protected async load<U>(id: Id): Promise<U>
23 export const useThing = <T,>(x: T): T =>
26 export function assertIsString(val: any): asserts val is string
",
    );
}

#[test]
fn go() {
    check(
        "a.go",
        r#"package main

import (
	"fmt"
)

// func commented() {}
const Most = 10
const (
	First = iota
	Second
)
var text = `
func raw() {
`
type Point struct {
	X, Y int
}
type (
	Name string
	Walker interface {
		Walk(n int) error
	}
)
func (p *Point) Move(dx, dy int) (err error) {
	f := func() { fmt.Println("}") }
	f()
	return nil
}
func Map[T any](
	list []T,
	do func(T) T,
) []T {
	if r := '{'; r == '}' {
	}
	return nil
}
func main() {}
"#,
        "\
8 const Most = 10
10 const First = iota
11 const Second
13 var text
16 type Point struct
20 type Name string
21 type Walker interface
25 func (p *Point) Move(dx, dy int) (err error)
30 func Map[T any](list []T, do func(T) T) []T
38 func main()
",
    );
}

#[test]
fn c() {
    check(
        "a.h",
        r#"#ifndef A_H
#define A_H
#define MOST 10
#define SQUARE(x) \
    ((x) * (x))
#include <stdio.h>
/* int commented(void) { */
extern "C" {
typedef unsigned long word_t;
typedef struct point { int x, y; } point_t;
struct node { struct node *next; };
struct forward;
enum color { RED, GREEN };
static inline int add(int a, int b) { return a + b; }
int prototype(const char *text, size_t length);
}
static const int TABLE[] = { 1, 2 };
struct node *
find(struct node *from,
     int (*same)(int))
{
    if (from) { while (1) { char c = '}'; } }
    return 0;
}
#ifdef WIDE
int open_file(wchar_t *name) {
#else
int open_file(char *name) {
#endif
    return printf("}");
}
void last(void) {}
#endif
"#,
        "\
3 #define MOST 10
4 #define SQUARE(x)
9 typedef unsigned long word_t
10 typedef struct point
10 typedef … point_t
11 struct node
13 enum color
14 static inline int add(int a, int b)
15 int prototype(const char *text, size_t length)
17 static const int TABLE[]
18 struct node * find(struct node *from, int (*same)(int))
26 int open_file(wchar_t *name)
28 int open_file(char *name)
32 void last(void)
",
    );
}

#[test]
fn cpp() {
    check(
        "a.cpp",
        r###"namespace geo { namespace detail {
template <typename T, int N = (1 > 2)>
class Shape : public Base<T> {
public:
    explicit Shape(int n) : n_(n), m_{n} { go(); }
    ~Shape();
    virtual double area() const = 0;
    bool operator==(const Shape &other) const { return true; }
    static constexpr int LIMIT = 5;
private:
    int n_;
    struct Inner { void deep(); };
};
enum class Kind : int { A, B };
}}
const char *text = R"x(void raw() { )" )x";
std::vector<int> geo::Shape::list(const std::string &s) const {
    auto f = [](int a) { return a; };
    return {};
}
int number = 1'000'000;
using Name = std::string;
using namespace std;
int main(int argc, char **argv) { return 0; }
"###,
        "\
1 namespace geo
  1 namespace detail
    3 class Shape : public Base<T>
      5 explicit Shape(int n)
      6 ~Shape()
      7 virtual double area() const = 0
      9 static constexpr int LIMIT = 5
      12 struct Inner
        12 void deep()
    14 enum class Kind : int
17 std::vector<int> geo::Shape::list(const std::string &s) const
22 using Name = std::string
24 int main(int argc, char **argv)
",
    );
}

#[test]
fn java() {
    check(
        "A.java",
        r#"package com.example.app;
import java.util.*;
/** class Commented {} */
@Service(name = "a{b")
public final class Account<T extends Comparable<T>> implements Store {
    private static final int MAX_SIZE = 10;
    private String name = "class Quoted {";
    public Account(String name) { this.name = name; }
    @Override
    public Map<String, List<T>> find(@NonNull String key, int... more) throws IOException {
        Runnable r = new Runnable() { public void run() {} };
        for (int i = 0; i < 1; i++) { call(i); }
        return null;
    }
    abstract void later();
    <U> U convert(U from) { return from; }
    enum Level { LOW(1), HIGH(2); Level(int n) {} }
    interface Inner { void act(); default int two() { return 2; } }
    @interface Marker {}
}
record Pair(int a, int b) { int sum() { return a + b; } }
"#,
        "\
1 package com.example.app
5 public final class Account<T extends Comparable<T>> implements Store
  6 private static final int MAX_SIZE = 10
  8 public Account(String name)
  10 public Map<String, List<T>> find(@NonNull String key, int... more) throws IOException
  15 abstract void later()
  16 <U> U convert(U from)
  17 enum Level
    17 Level(int n)
  18 interface Inner
    18 void act()
    18 default int two()
  19 interface Marker
21 record Pair(int a, int b)
  21 int sum()
",
    );
}

#[test]
fn kotlin() {
    check(
        "a.kt",
        r#"package a.b
const val LIMIT = 10
@Serializable
data class User(val name: String, val age: Int = 1)
sealed interface Shape
enum class Color(val rgb: Int) { RED(1), GREEN(2); fun hex() = "}" }
abstract class Base<T>(
    val items: List<T>,
) : Parent<T>(items), Other {
    val size: Int
        get() = items.size
    override suspend fun <R> map(to: (T) -> R): List<R> =
        items.map { to(it) }
    companion object {
        fun make(): Base<Int> { return object : Base<Int>() {} }
    }
}
fun String.shout(times: Int = 1): String {
    fun inner() {}
    return "${this} { $times" + """
        fun raw() {
    """
}
object Single : Base<Int>()
typealias Name = String
"#,
        "\
2 const val LIMIT = 10
4 data class User(val name: String, val age: Int = 1)
5 sealed interface Shape
6 enum class Color(val rgb: Int)
  6 fun hex() = \"}\"
7 abstract class Base<T>(val items: List<T>) : Parent<T>(items), Other
  10 val size: Int
  12 override suspend fun <R> map(to: (T) -> R): List<R> = items.map
  14 companion object
    15 fun make(): Base<Int>
18 fun String.shout(times: Int = 1): String
24 object Single : Base<Int>()
25 typealias Name = String
",
    );
}

#[test]
fn csharp() {
    check(
        "A.cs",
        r#"using System;
#region x {
namespace Shop.Orders
{
    [Serializable]
    public sealed class Order<T> : Base, IOrder where T : new()
    {
        private const int MaxItems = 10;
        public const string NAME = "x";
        public string Name { get; set; } = @"c:\""{";
        public int Count => items.Count;
        public Order(string name) : base(name) { Name = name; }
        public async Task<List<T>> FindAsync(string key, CancellationToken token = default)
        {
            using (var x = Open()) { foreach (var y in x) { Call(y); } }
            return $"{key}";
        }
        protected abstract void Later();
        public static int Twice(int n) => n * 2;
        public enum Level { Low, High }
    }
    public interface IOrder { Task Run(int n); }
    public record Pair(int A, int B);
    public delegate void Changed(object sender);
}
"#,
        "\
3 namespace Shop.Orders
  6 public sealed class Order<T> : Base, IOrder where T : new()
    9 public const string NAME = \"x\"
    10 public string Name
    12 public Order(string name) : base(name)
    13 public async Task<List<T>> FindAsync(string key, CancellationToken token = default)
    18 protected abstract void Later()
    19 public static int Twice(int n) => n * 2
    20 public enum Level
  22 public interface IOrder
    22 Task Run(int n)
  23 public record Pair(int A, int B)
  24 public delegate void Changed(object sender)
",
    );
}

#[test]
fn ruby() {
    check(
        "a.rb",
        r##"# def commented
require 'a'
VERSION = "1.0"
=begin
def in_comment
end
=end
module Shop
  class Order < Base
    LIMITS = [1,
      2].freeze
    attr_reader :name
    def initialize(name, *rest, key: 1)
      @name = name
      text = <<~SQL
        def in_heredoc
      SQL
    end
    def self.find(id) = new(id)
    private def valid?
      name =~ /end # "def/
    end
    class << self
      def build; end
    end
  end
end
def top(a)
  puts "#{a} def x"
end
"##,
        "\
3 VERSION = \"1.0\"
8 module Shop
  9 class Order < Base
    10 LIMITS = [1, 2].freeze
    13 def initialize(name, *rest, key: 1)
    19 def self.find(id) = new(id)
    20 private def valid?
    23 class << self
      24 def build; end
28 def top(a)
",
    );
}

#[test]
fn php() {
    check(
        "a.php",
        r#"<html><body>function html() {}</body>
<?php
namespace App\Models;
# function commented() {}
const LIMIT = 10;
#[Entity]
abstract class User extends Model implements Named {
    public const ROLE = 'x';
    private ?string $name = "function quoted() {";
    public function __construct(private int $id) { $f = function () { return 1; }; }
    abstract protected function later(): void;
    public static function find(int $id): ?self {
        $text = <<<EOT
        function heredoc() {
        EOT;
        return null;
    }
}
interface Named { public function name(): string; }
trait Loud { function shout() {} }
function helper(array $a = []): string { return '}'; }
?>
<p>function more() {}</p>
"#,
        "\
3 namespace App\\Models
5 const LIMIT = 10
7 abstract class User extends Model implements Named
  8 public const ROLE = 'x'
  10 public function __construct(private int $id)
  11 abstract protected function later(): void
  12 public static function find(int $id): ?self
19 interface Named
  19 public function name(): string
20 trait Loud
  20 function shout()
21 function helper(array $a = []): string
",
    );
}

#[test]
fn swift() {
    check(
        "a.swift",
        r##"import UIKit
/* nested /* func no() {} */ */
let limit = 10
@MainActor
public final class View<T: Sized>: Base, Drawable where T: Other {
    private(set) var count: Int = 0
    static let shared = View()
    var area: Double { return width * height }
    required init?(coder: NSCoder) { super.init(coder: coder) }
    override func draw(_ rect: CGRect, in context: Context? = nil) throws -> Bool {
        func inner() {}
        return #"}"# == "\("{")"
    }
    class func make() -> View { View() }
    enum Mode: String { case a, b }
}
protocol Drawable: AnyObject {
    func draw(at point: Point) -> Bool
    var name: String { get }
}
extension View: Codable where T: Codable {
    func encode() {}
}
struct Point { let x, y: Int }
typealias Handler = (Int) -> Void
func top<T>(_ value: T) async -> T { value }
"##,
        "\
3 let limit = 10
5 public final class View<T: Sized>: Base, Drawable where T: Other
  6 private(set) var count: Int = 0
  7 static let shared = View()
  8 var area: Double
  9 required init?(coder: NSCoder)
  10 override func draw(_ rect: CGRect, in context: Context? = nil) throws -> Bool
  14 class func make() -> View
  15 enum Mode: String
17 protocol Drawable: AnyObject
  18 func draw(at point: Point) -> Bool
  19 var name: String
21 extension View: Codable where T: Codable
  22 func encode()
24 struct Point
  24 let x, y: Int
25 typealias Handler = (Int) -> Void
26 func top<T>(_ value: T) async -> T
",
    );
}

#[test]
fn shell() {
    check(
        "a.sh",
        r#"#!/bin/bash
# commented() {
set -eu
build() {
  local n=${1#x}; echo "it's {" ; case $n in a) ;; esac
}
function deploy-all { echo "
not_this() {
"; }
cat <<EOF
nor_this() {
EOF
function both() { :; }
run () ( cd "$1" && shift )
call "$(build)"
"#,
        "4 build()\n7 function deploy-all\n13 function both\n14 run()\n",
    );
}

#[test]
fn markdown() {
    check(
        "a.md",
        "---\ntitle: x\n# no: heading\n---\n# One #\ntext\n\nTwo\n---\n\n```sh\n# not a heading\n```\n<!--\n# hidden\n-->\n### Three\n- item\n---\n\n    # code\n#no\n# Four\n##### Five\n",
        "5 One\n  8 Two\n    17 Three\n23 Four\n",
    );
}

#[test]
fn toml() {
    check(
        "a.toml",
        "# [no]\nname = \"x [y]\"\nlist = [\n  \"a\",\n  [1],\n]\ntext = '''\n[not.a.table]\n'''\n[package]\nname = 1\n[[bin]] # one\n[ a.\"b.c\" ]\n",
        "2 name\n3 list\n7 text\n10 [package]\n12 [[bin]]\n13 [a.\"b.c\"]\n",
    );
}

#[test]
fn yaml() {
    check(
        "a.yaml",
        "---\n# no: key\nname: x\n\"on\":\n  push:\n    branches: [a]\nscript: |\n  not: key\n  more\nlist:\n- a: 1\nurl http://x\nkey with blanks: 1\n...\n{a: b}\n",
        "3 name\n4 \"on\"\n7 script\n10 list\n13 key with blanks\n",
    );
}
