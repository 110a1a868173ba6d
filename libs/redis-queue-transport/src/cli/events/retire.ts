import { boundedLength } from '../../core/admin/limit-state.js';
import type { Command } from '../command/command.js';
import { EXIT } from '../words/exit-code.js';
import { YES } from '../command/shared-options.js';
import { UsageError } from '../words/usage-error.js';
import { counted } from '../output/text.js';
import { GROUP, PATTERN } from './event-arguments.js';

export const retire: Command = {
  name: 'retire',
  about: 'end a group: it gets no more events; asks first if messages are dropped',
  details: [
    'Stop the services of the group first: one that starts again begins the group again. Dead letters stay either way.',
  ],
  args: [PATTERN, GROUP],
  options: {
    waiting: {
      value: 'drop|keep',
      about: 'what to do with waiting messages: drop them for good, or keep them in @GROUP/PATTERN',
    },
    yes: YES,
  },
  examples: ['retire order.placed billing --waiting keep'],
  async run({ args: [pattern = '', group = ''], given, output, admin, agrees }) {
    const waiting = given.text('waiting');
    if (waiting !== 'drop' && waiting !== 'keep')
      throw new UsageError(
        `Say what to do with waiting messages: --waiting drop or --waiting keep.`,
      );
    const opened = await admin();
    if (waiting === 'drop') {
      const lengths = await opened.lengths({ pattern, group });
      const all = counted(boundedLength(lengths), 'message');
      const question = `End the group "${group}" of "${pattern}", and drop ${all} for good?`;
      if (!(await agrees(question))) return EXIT.no;
    }
    const { wasThere, dropped } = await opened.retire(pattern, group, { waiting });
    output.result({ wasThere, dropped }, () =>
      wasThere ? `ended, ${counted(dropped, 'message')} dropped\n` : '',
    );
    if (wasThere) return EXIT.done;
    output.error(`"${group}" is not a group of "${pattern}".`, 'See redis-queue groups.');
    return EXIT.no;
  },
};
