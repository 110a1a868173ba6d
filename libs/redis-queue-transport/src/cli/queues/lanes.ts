import type { LanesCheck, QueueLane } from '../../index.js';
import type { Call, Command } from '../command/command.js';
import { LIMIT } from '../command/shared-options.js';
import { EXIT } from '../words/exit-code.js';
import type { Column } from '../output/table.js';
import { timeText } from '../output/text.js';
import { UsageError } from '../words/usage-error.js';
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

const WRONG_COLUMNS: readonly Column<LanesCheck['wrong'][number]>[] = [
  { title: 'KEY', width: 48, cell: ({ key }) => key },
  { title: 'COUNTED', isNumber: true, cell: ({ counted }) => counted },
  { title: 'OUT', isNumber: true, cell: ({ out }) => out },
  { title: 'WAITING', isNumber: true, cell: ({ waiting }) => waiting },
];

export const lanes: Command = {
  name: 'lanes',
  about: 'list the keys whose messages wait behind another one, those with most first',
  details: [
    'Out is how many messages of the key consumers may take, hold, or will try again after a pause; the others wait for ' +
      'those, or until the key may go on (rests until). Paused keys are shown even if none waits. "redis-queue peek QUEUE --key KEY" ' +
      'shows those that wait.',
    'With --repair, it counts anew how many messages of each key are out, and lets keys go on that wait for nothing, because ' +
      'somebody has changed lists by hand. It lists the keys that were counted wrong, as it found them. What is right stays as ' +
      'it is. It refuses a queue with more than 4,000 messages (without those in lanes), keys and consumers together.',
  ],
  args: [QUEUE],
  options: { limit: LIMIT, repair: { about: 'correct the counts of keys that are wrong' } },
  examples: [
    'lanes order.place',
    'lanes order.place --limit 5 --json',
    'lanes order.place --repair',
  ],
  async run(call) {
    const { args, given, output, admin } = call;
    const [queue = ''] = args;
    if (given.flag('repair')) return repair(call, queue);
    const list = await (await admin()).lanes(queue, { limit: given.count('limit', 1) });
    if (list.length === 0 && (await isMissing(call, queue))) return EXIT.no;
    output.rows({ lanes: list }, list, COLUMNS, `No key holds up messages of "${queue}".`);
    return EXIT.done;
  },
};

async function repair(call: Call, queue: string): Promise<typeof EXIT.done | typeof EXIT.no> {
  if (call.given.text('limit') !== undefined)
    throw new UsageError('--repair looks at all keys: leave out --limit.');
  const { wrong: repaired, inLanes } = await (await call.admin()).repairLanes(queue);
  if (repaired.length === 0 && (await isMissing(call, queue))) return EXIT.no;
  const isTotalRight = inLanes.counted === inLanes.there;
  const none = isTotalRight
    ? `All keys of "${queue}" are counted right.`
    : `All keys of "${queue}" are counted right. ${inLanes.counted} messages in lanes were counted in place of ${inLanes.there}.`;
  call.output.rows({ repaired, inLanes }, repaired, WRONG_COLUMNS, none);
  return EXIT.done;
}
