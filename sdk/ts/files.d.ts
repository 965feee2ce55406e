// The types of files.js.

import { Failure } from './charthouse.js';

/** Why a file could not be used. `code` is that of `wasi:filesystem`, for instance `no-entry`. */
export class FileError extends Failure {
  constructor(doing: string, path: string, code: string);
  readonly code: string;
  readonly path: string;
}

export type Kind = 'file' | 'directory' | 'symlink' | 'other';

/** The files that policy mounts, by absolute paths as the policy spells them. What goes wrong is thrown as a `FileError`. */
export const files: {
  /** What the file holds, as bytes. */
  read(path: string): Uint8Array;
  /** What the file holds, as text. */
  readText(path: string): string;
  /** Make the file hold `data`, whether it was there or not. */
  write(path: string, data: string | Uint8Array): void;
  /** Add `data` to the end of the file, which is made if it is not there. */
  append(path: string, data: string | Uint8Array): void;
  /** What lies in the directory, by name. */
  list(path: string): { name: string; kind: Kind }[];
  /** What lies there, links followed; `null` where there is nothing. */
  info(path: string): { kind: Kind; bytes: number; modified: Date | null } | null;
  /** Make a directory. */
  makeDirectory(path: string): void;
  /** Remove a file, a link or an empty directory. */
  remove(path: string): void;
  /** Move a file or a directory, over what lies there. */
  rename(from: string, to: string): void;
};
