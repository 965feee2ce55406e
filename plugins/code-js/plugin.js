// `code-js.run`: a snippet of JavaScript in QuickJS, under the grant of the call that brought it.
//
// The snippet runs in this very instance, which is made for the call and gone after it: there is nothing here to protect from it. What it may touch is decided by the
// sandbox around the whole component. It must not know charthouse.

import preopens from "wasi:filesystem/preopens@0.2.12";
import random from "wasi:random/random@0.2.12";

const SNIPPET = "snippet.js";
/// One read of a file.
const CHUNK = 65536;
/// Largest file that a snippet reads: more would not fit beside its text.
const LARGEST = 16 << 20;

const PARAMETERS = JSON.stringify({
  type: "object",
  required: ["code"],
  additionalProperties: false,
  properties: {
    code: {
      type: "string",
      description:
        "JavaScript. The value of its last expression is the result, or of a top-level `return`. `input` is the call's input, `console.log` writes to stdout, " +
        "`fs.readText(path)`, `fs.writeText(path, text)` and `fs.list(path)` reach mounts such as /workspace. No modules, no timers, no network.",
    },
    input: { description: "Any JSON value; the snippet sees it as `input`." },
  },
});

// ---- text

function decode(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at++];
    let more = first < 0x80 ? 0 : first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : -1;
    let point = more <= 0 ? first : first & (0x3f >> more);
    if (more < 0) point = 0xfffd;
    for (; more > 0; more--) {
      if ((bytes[at] & 0xc0) !== 0x80) {
        point = 0xfffd;
        break;
      }
      point = (point << 6) | (bytes[at++] & 0x3f);
    }
    text += String.fromCodePoint(point > 0x10ffff || (point >= 0xd800 && point < 0xe000) ? 0xfffd : point);
  }
  return text;
}

function encode(text) {
  const bytes = [];
  for (const one of text) {
    const point = one.codePointAt(0);
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 63));
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
    else bytes.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
  }
  return new Uint8Array(bytes);
}

// ---- files

/// The mount that holds `path`, and the path in it.
function locate(path) {
  const mounts = preopens.getDirectories().map(([descriptor, guest]) => ({ descriptor, guest }));
  mounts.sort((a, b) => b.guest.length - a.guest.length);
  for (const mount of mounts) {
    if (path === mount.guest) return { descriptor: mount.descriptor, inside: "." };
    if (path.startsWith(mount.guest + "/")) return { descriptor: mount.descriptor, inside: path.slice(mount.guest.length + 1) };
  }
  const known = mounts.map((mount) => mount.guest).join(", ") || "no directory";
  throw new Error(`${path} is in no mount; mounted is ${known}`);
}

function reach(path, what, work) {
  const { descriptor, inside } = locate(String(path));
  try {
    return work(descriptor, inside);
  } catch (error) {
    const code = typeof error === "string" ? error : (error && (error.payload || error.message)) || String(error);
    throw new Error(`cannot ${what} ${path}: ${code}`);
  }
}

const FOLLOW = { symlinkFollow: true };

const fs = Object.freeze({
  readText: (path) =>
    reach(path, "read", (descriptor, inside) => {
      const file = descriptor.openAt(FOLLOW, inside, {}, { read: true });
      const chunks = [];
      let size = 0;
      for (let over = false; !over; ) {
        const [bytes, end] = file.read(CHUNK, size);
        chunks.push(bytes);
        size += bytes.length;
        over = end || bytes.length === 0;
        if (size > LARGEST) throw new Error("it is larger than 16 MiB");
      }
      const whole = new Uint8Array(size);
      let at = 0;
      for (const bytes of chunks) {
        whole.set(bytes, at);
        at += bytes.length;
      }
      return decode(whole);
    }),
  writeText: (path, text) =>
    reach(path, "write", (descriptor, inside) => {
      const file = descriptor.openAt(FOLLOW, inside, { create: true, truncate: true }, { write: true });
      const bytes = encode(String(text));
      for (let at = 0; at < bytes.length; ) at += Number(file.write(bytes.slice(at, at + CHUNK), at));
    }),
  list: (path) =>
    reach(path, "list", (descriptor, inside) => {
      const directory = descriptor.openAt(FOLLOW, inside, { directory: true }, { read: true });
      const stream = directory.readDirectory();
      const names = [];
      for (let entry = stream.readDirectoryEntry(); entry; entry = stream.readDirectoryEntry()) names.push(entry.name);
      return names.sort();
    }),
});

// ---- a call

function shown(value) {
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

/// The number of the snippet's own line that an error comes from.
function line(error) {
  const found = /snippet\.js:(\d+)/.exec((error && error.stack) || "") || /<(?:eval|input|evalScript)>:(\d+)/.exec((error && error.stack) || "");
  return found ? Number(found[1]) : null;
}

function run(code) {
  const named = `\n//# sourceURL=${SNIPPET}`;
  try {
    return (0, eval)(code + named);
  } catch (error) {
    // A top-level `return` is what functions have. The lines stay the same.
    if (!(error instanceof SyntaxError) || !/\breturn\b/.test(code)) throw error;
    return (0, eval)(`(function () {${code}\n})()${named}`);
  }
}

function invoke(call) {
  if (call.name !== "run") throw { tag: "invalid", val: `there is no tool \`${call.name}\`; there is \`run\`` };
  const { code, input } = JSON.parse(call.arguments);
  const out = [];
  const log = (...values) => void out.push(values.map(shown).join(" "));
  globalThis.console = { log, info: log, warn: log, error: log, debug: log };
  globalThis.fs = fs;
  globalThis.input = input === undefined ? null : input;
  // The engine's own state of chance is from when this component was built.
  Math.random = () => Number(BigInt(random.getRandomU64()) >> 11n) / 2 ** 53;
  let result;
  try {
    result = run(code);
  } catch (error) {
    const at = line(error);
    const what = error instanceof Error ? `${error.name}: ${error.message}` : `thrown: ${shown(error)}`;
    const said = out.length ? `\nit wrote before:\n${out.join("\n")}` : "";
    throw { tag: "failed", val: `${what}${at === null ? "" : ` (line ${at})`}${said}` };
  }
  let json;
  try {
    json = JSON.stringify({ result: result === undefined ? null : result, stdout: out.map((text) => text + "\n").join("") });
  } catch (error) {
    throw { tag: "failed", val: `the result is no JSON: ${error.message}; return plain values` };
  }
  return [{ tag: "json", val: json }];
}

export const tool = {
  specs: () => [
    {
      name: "run",
      description:
        "Run a snippet of JavaScript (QuickJS, ECMAScript 2023) and answer its result and what it printed. Good for computing, reshaping data and going through files.",
      parameters: PARAMETERS,
      effect: "once",
    },
  ],
  invoke,
};
