import type { DelayedMessage } from '../../index.js';
import type { Command } from '../command/command.js';
import { EXIT } from '../words/exit-code.js';
import { LARGE, LIMIT } from '../command/shared-options.js';
import { UsageError } from '../words/usage-error.js';
import type { Column } from '../output/table.js';
import { counted, shown, timeText } from '../output/text.js';
import { isMissing } from './missing-queue.js';
import { MESSAGE_COLUMNS } from './peek.js';
import { QUEUE } from './queue-argument.js';

const COLUMNS: readonly Column<DelayedMessage>[] = [
  { title: 'DUE', cell: ({ dueAt }) => timeText(dueAt) },
  ...MESSAGE_COLUMNS,
];

export const delayedList: Command = {
  name: 'delayed list',
  about: 'list messages that are not due yet, retries included, in order of their due times',
  args: [QUEUE],
  options: {
    limit: LIMIT,
    offset: { value: 'N', about: 'pass over this many' },
    large: LARGE,
  },
  examples: ['delayed list mail.send'],
  async run(call) {
    const { args, given, output, admin } = call;
    const [queue = ''] = args;
    const page = {
      limit: given.count('limit', 1),
      offset: given.count('offset', 0),
      withLarge: given.flag('large'),
    };
    const messages = await (await admin()).delayed(queue, page);
    if (messages.length === 0 && (await isMissing(call, queue))) return EXIT.no;
    output.rows(
      { messages: messages.map(shown) },
      messages,
      COLUMNS,
      `Nothing is delayed in "${queue}".`,
    );
    return EXIT.done;
  },
};

export const delayedAdvance: Command = {
  name: 'delayed advance',
  about: 'make delayed messages due now',
  args: [
    QUEUE,
    { name: 'ID', about: 'ids as "redis-queue delayed list" shows them', count: 'any' },
  ],
  options: { all: { about: 'all of them' } },
  examples: ['delayed advance mail.send FLzkkBpup1sb1', 'delayed advance mail.send --all'],
  async run(call) {
    const { args, given, output, admin } = call;
    const [queue = '', ...ids] = args;
    const isAll = given.flag('all');
    if (isAll === ids.length > 0)
      throw new UsageError('Say which: ids of messages, or --all; not both.');
    const opened = await admin();
    const missing: string[] = [];
    let advanced = 0;
    if (isAll) {
      advanced = await opened.advanceDelayed(queue);
      if (advanced === 0 && (await isMissing(call, queue))) return EXIT.no;
    }
    for (const id of ids) {
      if (await opened.advance(queue, id)) advanced += 1;
      else missing.push(id);
    }
    output.result({ advanced, missing }, () => `${counted(advanced, 'message')} made due\n`);
    if (missing.length === 0) return EXIT.done;
    output.error(`No delayed message of "${queue}" has the id ${missing.join(', ')}.`);
    return EXIT.no;
  },
};
