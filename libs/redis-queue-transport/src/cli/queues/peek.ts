import type { QueuedMessage } from '../../index.js';
import type { Command } from '../command/command.js';
import { EXIT } from '../words/exit-code.js';
import { LARGE, LIMIT } from '../command/shared-options.js';
import type { Column } from '../output/table.js';
import { dataText, shown, timeText } from '../output/text.js';
import { isMissing } from './missing-queue.js';
import { QUEUE } from './queue-argument.js';

export const MESSAGE_COLUMNS: readonly Column<QueuedMessage>[] = [
  { title: 'ID', width: 40, cell: ({ id }) => id ?? '' },
  { title: 'SENT', cell: ({ sentAt }) => timeText(sentAt) },
  { title: 'ATTEMPT', isNumber: true, cell: ({ attempt }) => attempt },
  { title: 'DATA', cell: (message) => dataText(message) },
];

/** Most queues have no priorities. */
function columnsFor(messages: readonly QueuedMessage[]): readonly Column<QueuedMessage>[] {
  if (messages.every(({ priority }) => priority === 4)) return MESSAGE_COLUMNS;
  const column = { title: 'PRIORITY', isNumber: true, cell: (of: QueuedMessage) => of.priority };
  return [...MESSAGE_COLUMNS.slice(0, -1), column, ...MESSAGE_COLUMNS.slice(-1)];
}

export const peek: Command = {
  name: 'peek',
  about: 'show waiting messages, the next one first; they stay where they are',
  details: [
    'Without --json, data is shortened. With it, you get headers and all data. Large data is left out: --large shows it.',
  ],
  args: [QUEUE],
  options: {
    limit: LIMIT,
    offset: { value: 'N', about: 'pass over this many' },
    key: { value: 'KEY', about: 'those that wait behind another message of this key' },
    large: LARGE,
  },
  examples: [
    'peek mail.send',
    'peek mail.send --limit 1 --large --json',
    'peek @billing/order.placed',
  ],
  async run(call) {
    const { args, given, output, admin } = call;
    const [queue = ''] = args;
    const page = {
      limit: given.count('limit', 1),
      offset: given.count('offset', 0),
      key: given.text('key'),
      withLarge: given.flag('large'),
    };
    const messages = await (await admin()).peek(queue, page);
    if (messages.length === 0 && (await isMissing(call, queue))) return EXIT.no;
    output.rows(
      { messages: messages.map(shown) },
      messages,
      columnsFor(messages),
      `Nothing waits in "${queue}".`,
    );
    return EXIT.done;
  },
};
