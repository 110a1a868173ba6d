import type { Forgetting, RedisQueueAdmin } from '../../index.js';
import { printable } from '../../core/message/printable.js';
import type { Command } from '../command/command.js';
import { counted } from '../output/text.js';
import { EXIT } from '../words/exit-code.js';
import { UsageError } from '../words/usage-error.js';
import { QUEUE } from './queue-argument.js';

/** How many queues are looked at together. */
const TOGETHER = 100;

const TOLD: Readonly<Record<Forgetting, string>> = {
  forgotten: 'forgotten',
  unknown: 'there is nothing of it',
  hasMessages:
    'left alone: messages wait, are delayed or held, or there are dead letters: see "redis-queue queues"',
  isServed:
    'left alone: a server has it, or one that did not end in order had it in the last 15 minutes',
  isPaused: 'left alone: it is paused, or one of its keys is: "redis-queue resume" it first',
  isGroup: 'left alone: a group gets events there: "redis-queue retire" it first',
};

export const forget: Command = {
  name: 'forget',
  about: 'remove the names of queues that are empty and that nobody serves',
  details: [
    'With the name go counts and terms. Nothing is done to a queue with messages or dead letters, with a server, paused, or ' +
      'of a group. A message that is sent later lists its queue again.',
  ],
  args: [{ ...QUEUE, count: 'any' }],
  options: { all: { about: 'all queues of the prefix of which nothing is left but the name' } },
  examples: ['forget mail.send', 'forget --all'],
  async run({ args, given, admin, output }) {
    if (args.length > 0 === given.flag('all'))
      throw new UsageError('Name queues, or give --all: one of the two.');
    const opened = await admin();
    const results = await forgetEach(opened, args.length > 0 ? args : await opened.queues());
    const forgotten = results.filter(([, result]) => result === 'forgotten').map(([name]) => name);
    if (args.length === 0) {
      output.result({ forgotten }, () => `${counted(forgotten.length, 'queue')} forgotten\n`);
      return EXIT.done;
    }
    output.result(Object.fromEntries(results), () =>
      results.map(([name, result]) => `"${printable(name)}": ${TOLD[result]}\n`).join(''),
    );
    return forgotten.length === args.length ? EXIT.done : EXIT.no;
  },
};

async function forgetEach(
  admin: RedisQueueAdmin,
  queues: readonly string[],
): Promise<readonly (readonly [string, Forgetting])[]> {
  const results: (readonly [string, Forgetting])[] = [];
  for (let i = 0; i < queues.length; i += TOGETHER) {
    const part = queues.slice(i, i + TOGETHER);
    results.push(
      ...(await Promise.all(part.map(async (name) => [name, await admin.forget(name)] as const))),
    );
  }
  return results;
}
