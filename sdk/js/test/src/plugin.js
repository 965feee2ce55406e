// Every function of files.js, one tool each: `cargo xtask sdk` builds this and runs its cases.

import { tools } from './charthouse.js';
import { files } from './files.js';

const path = { path: { type: 'string' } };
const data = { data: { type: 'string' } };
const tool_ = (run, more = {}) => ({ description: 'Tries one function.', arguments: { ...path, ...more }, run });

export const tool = tools({
  read: tool_(({ path }) => Array.from(files.read(path).subarray(0, 4)).concat(files.read(path).length)),
  'read-text': tool_(({ path }) => files.readText(path)),
  write: tool_(({ path, data }) => files.write(path, data), data),
  'write-much': tool_(({ path, data, times }) => {
    const much = data.repeat(times);
    files.write(path, much);
    return { bytes: files.info(path).bytes, is_the_same: files.readText(path) === much };
  }, { ...data, times: { type: 'integer' } }),
  'write-bytes': tool_(({ path }) => files.write(path, Uint8Array.of(0, 255, 10))),
  append: tool_(({ path, data }) => files.append(path, data), data),
  list: tool_(({ path }) => files.list(path)),
  info: tool_(({ path }) => {
    const found = files.info(path);
    return found ? { kind: found.kind, bytes: found.bytes, is_dated: found.modified instanceof Date } : { nothing: true };
  }),
  'make-directory': tool_(({ path }) => files.makeDirectory(path)),
  remove: tool_(({ path }) => files.remove(path)),
  rename: tool_(({ path, to }) => files.rename(path, to), { to: { type: 'string' } }),
});
