import type { Command } from '../command/command.js';
import { EXIT } from '../words/exit-code.js';
import { counted } from '../output/text.js';
import { GROUP, PATTERN } from './event-arguments.js';
import { momentOf } from './moment.js';

export const replay: Command = {
  name: 'replay',
  about: 'give kept events to a group again',
  details: [
    'They go to the end of the group’s queue with their old ids, so a handler with "once" skips those that it has handled. ' +
      'Without --from and --to, the group gets all kept events.',
  ],
  args: [PATTERN, GROUP],
  options: {
    from: { value: 'WHEN', about: 'the first one: an entry, a time, or how long ago (2h)' },
    to: { value: 'WHEN', about: 'the last one, in the same forms' },
  },
  examples: ['replay order.placed billing --from 2h', 'replay order.placed billing'],
  async run({ args: [pattern = '', group = ''], given, output, admin }) {
    const from = momentOf('from', given.text('from'));
    const to = momentOf('to', given.text('to'));
    const replayed = await (await admin()).replay(pattern, group, { from, to });
    output.result({ replayed }, () => `${counted(replayed, 'event')} given to the group again\n`);
    return EXIT.done;
  },
};
