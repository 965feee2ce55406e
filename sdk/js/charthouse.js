// What authors of charthouse plugins use in JavaScript: tools from plain functions, answers, failures, a log and a store.
//
//     import { Invalid, tools } from './charthouse.js';
//
//     export const tool = tools({
//       greet: {
//         description: 'Greets a person by name.',
//         effect: 'none',
//         arguments: {
//           name: { type: 'string', description: "The person's name." },
//           times: { type: 'integer', description: 'How often.', default: 1 },
//         },
//         run({ name, times }) {
//           if (times > 10) throw new Invalid('`times` is at most 10');
//           return Array(times).fill(`Hello, ${name}!`).join('\n');
//         },
//       },
//     });
//
// Each argument is a JSON Schema; one without a `default` is required unless it says `optional: true`. The host checks types and presence before the call;
// defaults are filled in here. A string that is returned is text, any other value JSON; `text`, `json`, `blob` and lists of them say it exactly.

import * as hostLog from 'charthouse:plugin/log@0.1.0';
import * as hostState from 'charthouse:plugin/state@0.1.0';

/** Why a tool could not do what it was asked. The text is read by a model: say what was wrong and what to do instead. */
export class Failure extends Error {
  constructor(message, kind = 'failed') {
    super(message);
    this.kind = kind;
  }
}

/** The arguments were wrong; the caller can mend them. */
export class Invalid extends Failure {
  constructor(message) {
    super(message, 'invalid');
  }
}

/** It was not permitted something it needs. */
export class Denied extends Failure {
  constructor(message) {
    super(message, 'denied');
  }
}

/** Something it needs is not there now; trying again later may help. */
export class Unavailable extends Failure {
  constructor(message) {
    super(message, 'unavailable');
  }
}

/** Parts of an answer. */
export const text = (value) => ({ tag: 'text', val: String(value) });
export const json = (value) => ({ tag: 'json', val: JSON.stringify(value) });
export const blob = (mime, bytes) => ({ tag: 'blob', val: { mime, bytes } });

/** Lines for the operator; the model never sees them. */
export const log = Object.fromEntries(
  ['debug', 'info', 'warn', 'error'].map((level) => [level, (message) => hostLog.write(level, String(message))]),
);

// What a host function refuses is thrown as its failure.
function host(call) {
  try {
    return call();
  } catch (error) {
    const failure = error?.payload ?? error;
    throw failure?.tag ? new Failure(failure.val, failure.tag) : error;
  }
}

/** The plugin's own key-value store: the only thing that outlives a call. Values are bytes; `getJson` and `setJson` are for anything else. */
export const state = {
  get: (key) => host(() => hostState.get(key)) ?? null,
  set: (key, value) => host(() => hostState.set(key, value)),
  delete: (key) => host(() => hostState.delete(key)),
  keys: (prefix = '') => host(() => hostState.keys(prefix)),
  /** The value under `key`, read as JSON; what cannot be read is a failure, not an absence. */
  getJson(key, absent = null) {
    const bytes = state.get(key);
    if (bytes === null) return absent;
    try {
      return JSON.parse(decode(bytes));
    } catch (error) {
      throw new Failure(`what the state holds under \`${key}\` cannot be read: ${error.message}`);
    }
  },
  setJson: (key, value) => state.set(key, encode(JSON.stringify(value))),
};

// QuickJS has no TextEncoder and no TextDecoder. Its own base64 takes a tenth of the fuel of a loop over letters.
/** Text as UTF-8. */
export function encode(text) {
  return Uint8Array.fromBase64(btoa(unescape(encodeURIComponent(text))));
}

/** UTF-8 as text; anything else is a `URIError`. */
export function decode(bytes) {
  return decodeURIComponent(escape(atob(bytes.toBase64())));
}

function parameters(declared) {
  const properties = {};
  const required = [];
  for (const [name, { optional, ...schema }] of Object.entries(declared)) {
    properties[name] = schema;
    if (!optional && !('default' in schema)) required.push(name);
  }
  return { type: 'object', properties, ...(required.length ? { required } : {}), additionalProperties: false };
}

function withDefaults(declared, given) {
  const all = { ...given };
  for (const [name, schema] of Object.entries(declared)) {
    if ((all[name] ?? null) === null && 'default' in schema) all[name] = schema.default;
  }
  return all;
}

const isPart = (value) => ['text', 'json', 'blob'].includes(value?.tag) && 'val' in value;

function parts(answer) {
  if (answer === undefined) return [];
  if (Array.isArray(answer) && answer.length > 0 && answer.every(isPart)) return answer;
  if (isPart(answer)) return [answer];
  return [typeof answer === 'string' ? text(answer) : json(answer)];
}

/** What a plugin exports as `tool`. */
export function tools(declared) {
  return {
    specs: () =>
      Object.entries(declared).map(([name, tool]) => ({
        name,
        description: tool.description,
        parameters: JSON.stringify(parameters(tool.arguments ?? {})),
        effect: tool.effect ?? 'once',
      })),
    invoke(call) {
      try {
        const tool = declared[call.name];
        if (!tool) throw new Invalid(`there is no tool \`${call.name}\` here; the tools are: ${Object.keys(declared).join(', ')}`);
        return parts(tool.run(withDefaults(tool.arguments ?? {}, JSON.parse(call.arguments))));
      } catch (error) {
        if (error instanceof Failure) throw { tag: error.kind, val: error.message };
        log.error(`${call.name}: ${error?.stack ?? error}`);
        throw { tag: 'failed', val: String(error) };
      }
    },
  };
}
