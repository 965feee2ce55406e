//! JavaScript and TypeScript: functions in all their forms, templates, regular expressions.

use super::check;

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
