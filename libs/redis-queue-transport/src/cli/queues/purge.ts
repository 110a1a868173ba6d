import { boundedLength } from '../../core/admin/limit-state.js';
import type { Command } from '../command/command.js';
import { EXIT } from '../words/exit-code.js';
import { YES } from '../command/shared-options.js';
import { counted } from '../output/text.js';
import { isMissing } from './missing-queue.js';
import { QUEUE } from './queue-argument.js';

export const purge: Command = {
  name: 'purge',
  about: 'remove everything that waits or is delayed in a queue, for good; asks first',
  details: ['It leaves alone what consumers hold, and dead letters ("redis-queue dead delete").'],
  args: [QUEUE],
  options: { yes: YES },
  examples: ['purge mail.send', 'purge mail.send --yes'],
  async run(call) {
    const { args, output, admin, agrees } = call;
    const [queue = ''] = args;
    const opened = await admin();
    const all = boundedLength(await opened.lengths(queue));
    if (all === 0 && (await isMissing(call, queue))) return EXIT.no;
    if (!(await agrees(`Remove ${counted(all, 'message')} of "${queue}" for good?`)))
      return EXIT.no;
    const removed = await opened.purge(queue);
    output.result({ removed }, () => `${counted(removed, 'message')} removed\n`);
    return EXIT.done;
  },
};
