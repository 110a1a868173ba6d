import type { QueueLane } from '../../index.js';
import type { Command } from '../command/command.js';
import { LIMIT } from '../command/shared-options.js';
import { EXIT } from '../words/exit-code.js';
import type { Column } from '../output/table.js';
import { timeText } from '../output/text.js';
import { isMissing } from './missing-queue.js';
import { QUEUE } from './queue-argument.js';

const COLUMNS: readonly Column<QueueLane>[] = [
  { title: 'KEY', width: 48, cell: ({ key }) => key },
  { title: 'OUT', isNumber: true, cell: ({ out }) => out },
  { title: 'WAITING', isNumber: true, cell: ({ waiting }) => waiting },
  { title: 'OLDEST SENT', cell: ({ oldestSentAt }) => timeText(oldestSentAt) },
  {
    title: 'RESTS UNTIL',
    cell: ({ isPaused, restsUntil }) => (isPaused ? 'paused' : timeText(restsUntil)),
  },
];

export const lanes: Command = {
  name: 'lanes',
  about: 'list the keys whose messages wait behind another one, those with most first',
  details: [
    'Out is how many messages of the key consumers may take, hold, or will try again after a pause; the others wait for ' +
      'those, or until the key may go on (rests until). Paused keys are shown even if none waits. "redis-queue peek QUEUE --key KEY" ' +
      'shows those that wait.',
  ],
  args: [QUEUE],
  options: { limit: LIMIT },
  examples: ['lanes order.place', 'lanes order.place --limit 5 --json'],
  async run(call) {
    const { args, given, output, admin } = call;
    const [queue = ''] = args;
    const list = await (await admin()).lanes(queue, { limit: given.count('limit', 1) });
    if (list.length === 0 && (await isMissing(call, queue))) return EXIT.no;
    output.rows({ lanes: list }, list, COLUMNS, `No key holds up messages of "${queue}".`);
    return EXIT.done;
  },
};
