// A notebook that outlives calls: notes are kept in the plugin's own state.

import { Failure, Invalid, log, state, tools } from './charthouse.js';
import { files } from './files.js';

const KEY = 'notes';

interface Note {
  readonly id: number;
  readonly text: string;
  readonly tags: readonly string[];
}

function notes(): Note[] {
  const found = state.getJson(KEY, []);
  if (!Array.isArray(found)) throw new Failure('what the state holds is no notebook');
  return found;
}

export const tool = tools({
  add: {
    description: 'Keeps a note for later. Answers its number and how many there are.',
    effect: 'once',
    arguments: {
      text: { type: 'string', description: 'What to keep.' },
      tags: { type: 'array', items: { type: 'string' }, description: 'Words to find it by.', optional: true },
    },
    run({ text, tags }) {
      const trimmed = text.trim();
      if (!trimmed) throw new Invalid('`text` is empty: say what is to be kept');
      const found = notes();
      const id = (found.at(-1)?.id ?? 0) + 1;
      found.push({ id, text: trimmed, tags: tags ?? [] });
      state.setJson(KEY, found);
      log.info(`note ${id}`);
      return { id, notes: found.length };
    },
  },
  find: {
    description: 'Finds notes, the oldest first. Without a word or a tag it lists all.',
    effect: 'none',
    arguments: {
      word: { type: 'string', description: 'Only notes in which this occurs, whatever its case.', optional: true },
      tag: { type: 'string', description: 'Only notes with this tag.', optional: true },
      most: { type: 'integer', minimum: 0, description: 'How many at most; `more` says how many were left out.', default: 10 },
    },
    run({ word, tag, most }) {
      const wanted = (word ?? '').toLowerCase();
      const found = notes().filter(
        (note) => note.text.toLowerCase().includes(wanted) && (!tag || note.tags.includes(tag)),
      );
      return { notes: found.slice(0, most), more: Math.max(0, found.length - most) };
    },
  },
  import: {
    description: 'Keeps each line of a text file as a note.',
    effect: 'once',
    arguments: {
      path: { type: 'string', description: "The file's absolute path." },
    },
    run({ path }) {
      const found = notes();
      const lines = files.readText(path).split('\n').map((line) => line.trim()).filter((line) => line);
      for (const text of lines) found.push({ id: (found.at(-1)?.id ?? 0) + 1, text, tags: [] });
      state.setJson(KEY, found);
      return { notes: found.length };
    },
  },
});
