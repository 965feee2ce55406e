// {{name}}: tools for charthouse. What descriptions say here is what the model reads.

import { Invalid, log, tools } from './charthouse.js';

export const tool = tools({
  greet: {
    description: 'Greets a person by name, once or several times.',
    effect: 'none',
    arguments: {
      name: { type: 'string', description: "The person's name." },
      times: { type: 'integer', description: 'How often, at most 10.', default: 1 },
    },
    run({ name, times }) {
      if (times > 10) throw new Invalid('`times` is at most 10: nobody listens for longer');
      log.info(`greeted ${name}`);
      return Array<string>(times).fill(`Hello, ${name}!`).join('\n');
    },
  },
});
