// Files, as far as policy mounts them. Paths are absolute and spelt as the policy spells them: `/workspace/src/main.js`.
//
// What goes wrong is thrown as a `FileError`, whose text a model can read; a plugin that says nothing else lets it through.

import { getDirectories } from 'wasi:filesystem/preopens@0.2.12';
import { Failure, decode, encode } from './charthouse.js';

// Codes of `wasi:filesystem`, in words and as the failures that they are.
const CODES = {
  'no-entry': ['there is no such file or directory', 'invalid'],
  'not-directory': ['it is not a directory', 'invalid'],
  'is-directory': ['it is a directory', 'invalid'],
  'bad-descriptor': ['it is a directory', 'invalid'],
  exist: ['it is there already', 'invalid'],
  'not-empty': ['it is not empty', 'invalid'],
  'name-too-long': ['its name is too long', 'invalid'],
  invalid: ['the path is not valid', 'invalid'],
  loop: ['its symbolic links lead in a circle', 'invalid'],
  'cross-device': ['it cannot be moved from one mount to another', 'invalid'],
  'not-permitted': ['policy does not allow it', 'denied'],
  'read-only': ['it may only be read', 'denied'],
  access: ['the host does not allow it', 'denied'],
  'insufficient-space': ['there is no room left', 'failed'],
};

/** Why a file could not be used. `code` is that of `wasi:filesystem`, for instance `no-entry`. */
export class FileError extends Failure {
  constructor(doing, path, code) {
    const [words, kind] = CODES[code] ?? [code, 'failed'];
    super(`cannot ${doing} \`${path}\`: ${words}`, kind);
    this.code = code;
    this.path = path;
  }
}

const FOLLOW = { symlinkFollow: true };
const PIECE = 1 << 20;
const SIZE_MAX = Number.MAX_SAFE_INTEGER;

// The mounts; one instance lives for one call, so they are asked for once.
let mounts = null;

// The mount in which `path` lies, as its directory, and the path below it.
function place(doing, path) {
  mounts ??= getDirectories();
  const wanted = String(path);
  let found = null;
  for (const [directory, name] of mounts) {
    const root = name.endsWith('/') ? name : `${name}/`;
    if ((wanted === name || wanted.startsWith(root)) && (!found || root.length > found.root.length)) {
      found = { directory, root };
    }
  }
  if (!found) {
    const names = mounts.map(([, name]) => `\`${name}\``).join(', ');
    throw new Failure(
      `cannot ${doing} \`${wanted}\`: it lies in no mount; ${names ? `there is ${names}` : 'no directory is mounted'}`,
      'invalid',
    );
  }
  return { directory: found.directory, below: wanted.slice(found.root.length) || '.' };
}

// What WASI refuses, as a `FileError`.
function told(doing, path, call) {
  try {
    return call();
  } catch (error) {
    if (typeof error?.payload === 'string') throw new FileError(doing, path, error.payload);
    throw error;
  }
}

function at(doing, path, call) {
  const { directory, below } = place(doing, path);
  return told(doing, path, () => call(directory, below));
}

// Open a file, use it, close it.
function using(doing, path, how, flags, use) {
  return at(doing, path, (directory, below) => {
    const file = directory.openAt(FOLLOW, below, how, flags);
    try {
      return use(file);
    } finally {
      file[Symbol.dispose]();
    }
  });
}

function put(doing, path, data, how, from) {
  const bytes = typeof data === 'string' ? encode(data) : data;
  using(doing, path, how, { write: true }, (file) => {
    let offset = from(file);
    for (let done = 0; done < bytes.length; ) {
      const written = file.write(bytes.subarray(done, done + PIECE), offset);
      done += written;
      offset += written;
    }
  });
}

const KINDS = { 'regular-file': 'file', directory: 'directory', 'symbolic-link': 'symlink' };
const kindOf = (type) => KINDS[type?.tag ?? type] ?? 'other';

function info(path, flags) {
  try {
    return at('look at', path, (directory, below) => {
      const stat = directory.statAt(flags, below);
      const modified = stat.dataModificationTimestamp;
      return {
        kind: kindOf(stat.type),
        bytes: Number(stat.size),
        modified: modified ? new Date(Number(modified.seconds) * 1000 + modified.nanoseconds / 1e6) : null,
      };
    });
  } catch (error) {
    if (error instanceof FileError && error.code === 'no-entry') return null;
    throw error;
  }
}

/** The files that policy mounts. */
export const files = {
  /** What the file holds, as bytes. */
  read(path) {
    return using('read', path, {}, { read: true }, (file) => {
      const pieces = [];
      let length = 0;
      for (let ended = false; !ended; ) {
        const [bytes, last] = file.read(PIECE, length);
        pieces.push(bytes);
        length += bytes.length;
        ended = last || bytes.length === 0;
      }
      if (pieces.length === 1) return pieces[0];
      const whole = new Uint8Array(length);
      let end = 0;
      for (const piece of pieces) {
        whole.set(piece, end);
        end += piece.length;
      }
      return whole;
    });
  },
  /** What the file holds, as text. */
  readText(path) {
    try {
      return decode(files.read(path));
    } catch (error) {
      if (error instanceof URIError) throw new Failure(`cannot read \`${path}\`: it is not UTF-8`, 'invalid');
      throw error;
    }
  },
  /** Make the file hold `data`, text or bytes, whether it was there or not. */
  write(path, data) {
    put('write', path, data, { create: true, truncate: true }, () => 0);
  },
  /** Add `data` to the end of the file, which is made if it is not there. */
  append(path, data) {
    put('write', path, data, { create: true }, (file) => Math.min(Number(file.stat().size), SIZE_MAX));
  },
  /** What lies in the directory, by name: `{ name, kind }` with the kinds `file`, `directory`, `symlink` and `other`. */
  list(path) {
    return using('list', path, { directory: true }, { read: true }, (directory) => {
      const entries = directory.readDirectory();
      const found = [];
      try {
        for (let entry = entries.readDirectoryEntry(); entry; entry = entries.readDirectoryEntry()) {
          found.push({ name: entry.name, kind: kindOf(entry.type) });
        }
      } finally {
        entries[Symbol.dispose]();
      }
      return found;
    });
  },
  /** `{ kind, bytes, modified }` of what lies there, links followed; `null` where there is nothing. */
  info: (path) => info(path, FOLLOW),
  /** Make a directory. */
  makeDirectory(path) {
    at('make the directory', path, (directory, below) => directory.createDirectoryAt(below));
  },
  /** Remove a file, a link or an empty directory. */
  remove(path) {
    const isDirectory = info(path, {})?.kind === 'directory';
    at('remove', path, (directory, below) =>
      isDirectory ? directory.removeDirectoryAt(below) : directory.unlinkFileAt(below),
    );
  },
  /** Move a file or a directory, over what lies there. */
  rename(from, to) {
    const there = place('rename', to);
    at('rename', from, (directory, below) => directory.renameAt(below, there.directory, there.below));
  },
};
