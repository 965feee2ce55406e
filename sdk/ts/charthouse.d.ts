// The types of charthouse.js. What a tool's `run` is given follows from the JSON Schemas of its arguments: `{ type: 'integer' }` is a number, and an argument
// that says `optional: true` may be missing. A `default` is filled in before. The host checks the types of the arguments themselves, not what they hold.

/** What one call may change: nothing, something that a second call leaves as it is, or something each time. */
export type Effect = 'none' | 'idempotent' | 'once';

/** The JSON Schema of one argument; it is required unless it has a `default` or says `optional: true`. */
export interface Argument {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly optional?: boolean;
  readonly default?: unknown;
  readonly [keyword: string]: unknown;
}

/** Arguments by name. */
export type Arguments = { readonly [name: string]: Argument };

type OfType<Name, Schema> = Name extends 'string'
  ? string
  : Name extends 'integer' | 'number'
    ? number
    : Name extends 'boolean'
      ? boolean
      : Name extends 'null'
        ? null
        : Name extends 'array'
          ? Schema extends { readonly items: infer Item }
            ? Value<Item>[]
            : unknown[]
          : Name extends 'object'
            ? Schema extends { readonly properties: infer Properties }
              ? { [Key in keyof Properties]?: Value<Properties[Key]> }
              : { [key: string]: unknown }
            : unknown;

/** What a JSON Schema admits. */
export type Value<Schema> = Schema extends { readonly const: infer Only }
  ? Only
  : Schema extends { readonly enum: readonly (infer One)[] }
    ? One
    : Schema extends { readonly type: readonly (infer Name)[] }
      ? OfType<Name, Schema>
      : Schema extends { readonly type: infer Name }
        ? OfType<Name, Schema>
        : unknown;

type Optional<Declared> = { [Name in keyof Declared]: Declared[Name] extends { readonly optional: true } ? Name : never }[keyof Declared];

/** What `run` is given. */
export type Given<Declared> = { [Name in Exclude<keyof Declared, Optional<Declared>>]: Value<Declared[Name]> } & {
  [Name in Optional<Declared>]?: Value<Declared[Name]>;
};

/** A tool. What `description` says is what the model reads. */
export interface Tool<Declared extends Arguments> {
  readonly description: string;
  readonly effect?: Effect;
  /** `{}` for none. */
  readonly arguments: Declared;
  /** A string is answered as text, parts as they are, nothing as nothing, and any other value as JSON. What is thrown is the call's failure. */
  run(given: Given<Declared>): unknown;
}

/** What a plugin exports as `tool`. */
export function tools<const All extends { readonly [name: string]: Arguments }>(declared: {
  readonly [Name in keyof All]: Tool<All[Name]>;
}): object;

/** A piece of an answer. */
export type Part =
  | { readonly tag: 'text'; readonly val: string }
  | { readonly tag: 'json'; readonly val: string }
  | { readonly tag: 'blob'; readonly val: { readonly mime: string; readonly bytes: Uint8Array } };

export function text(value: unknown): Part;
export function json(value: unknown): Part;
export function blob(mime: string, bytes: Uint8Array): Part;

export type FailureKind = 'invalid' | 'denied' | 'unavailable' | 'failed';

/** Why a tool could not do what it was asked. The text is read by a model: say what was wrong and what to do instead. */
export class Failure extends Error {
  constructor(message: string, kind?: FailureKind);
  readonly kind: FailureKind;
}

/** The arguments were wrong; the caller can mend them. */
export class Invalid extends Failure {
  constructor(message: string);
}

/** It was not permitted something it needs. */
export class Denied extends Failure {
  constructor(message: string);
}

/** Something it needs is not there now; trying again later may help. */
export class Unavailable extends Failure {
  constructor(message: string);
}

/** Lines for the operator; the model never sees them. */
export const log: { readonly [level in 'debug' | 'info' | 'warn' | 'error']: (message: unknown) => void };

/** The plugin's own key-value store: the only thing that outlives a call. What the host refuses is thrown as a `Failure`. */
export const state: {
  get(key: string): Uint8Array | null;
  set(key: string, value: Uint8Array): void;
  delete(key: string): void;
  keys(prefix?: string): string[];
  /** The value under `key`, read as JSON, and `absent` where there is none. */
  getJson(key: string, absent?: unknown): unknown;
  setJson(key: string, value: unknown): void;
};

/** Text as UTF-8. */
export function encode(text: string): Uint8Array;

/** UTF-8 as text. */
export function decode(bytes: Uint8Array): string;
