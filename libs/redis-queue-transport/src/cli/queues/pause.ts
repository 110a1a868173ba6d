import type { PausedPart, PausedQueues, RedisQueueAdmin } from '../../index.js';
import type { Call, Command, Options } from '../command/command.js';
import { EXIT } from '../words/exit-code.js';
import { UsageError } from '../words/usage-error.js';
import { printable } from '../../core/message/printable.js';
import { QUEUE } from './queue-argument.js';

const WHICH: Options = {
  key: { value: 'KEY', about: 'only messages of this key' },
  all: { about: 'all queues of the prefix' },
  group: { value: 'GROUP', about: 'all queues of this group' },
};

export const pause: Command = {
  name: 'pause',
  about: 'stop handing out the messages of queues; running handlers go on',
  details: [
    'The queues still accept messages. The pause lasts until "redis-queue resume" ends it. With --key, only messages of ' +
      'that key stop; those that are out already go on. With --all, a queue that comes into being later is not paused.',
  ],
  args: [{ ...QUEUE, count: 'any' }],
  options: WHICH,
  examples: ['pause mail.send', 'pause order.place --key customer-7', 'pause --all'],
  run: (call) =>
    change(call, 'paused', {
      one: (admin, queue, of) => admin.pause(queue, of),
      all: (admin, which) => admin.pauseAll(which),
    }),
};

export const resume: Command = {
  name: 'resume',
  about: 'hand out the messages of paused queues again',
  details: ['With --all, queues that were paused one by one go on too.'],
  args: [{ ...QUEUE, count: 'any' }],
  options: WHICH,
  examples: ['resume mail.send', 'resume order.place --key customer-7', 'resume --all'],
  run: (call) =>
    change(call, 'resumed', {
      one: (admin, queue, of) => admin.resume(queue, of),
      all: (admin, which) => admin.resumeAll(which),
    }),
};

interface Change {
  readonly one: (admin: RedisQueueAdmin, queue: string, of: PausedPart) => Promise<void>;
  readonly all: (admin: RedisQueueAdmin, which: PausedQueues) => Promise<readonly string[]>;
}

async function change(
  { args, given, admin, output }: Call,
  done: 'paused' | 'resumed',
  { one, all }: Change,
): Promise<typeof EXIT.done> {
  const [group, key] = [given.text('group'), given.text('key')];
  const ways = [args.length > 0, given.flag('all'), group !== undefined].filter(Boolean).length;
  if (ways !== 1) throw new UsageError('Name queues, or give --all or --group: one of the three.');
  if (key !== undefined && args.length === 0)
    throw new UsageError('--key needs the name of a queue.');
  const opened = await admin();
  for (const queue of args) await one(opened, queue, { key });
  const queues = args.length > 0 ? args : await all(opened, { group });
  const names = queues.length === 0 ? 'no queue' : queues.map(quoted).join(', ');
  const ofKey = key === undefined ? '' : `, key ${quoted(key)}`;
  output.result(
    { [done]: queues, ...(key !== undefined && { key }) },
    () => `${done}: ${names}${ofKey}\n`,
  );
  return EXIT.done;
}

function quoted(name: string): string {
  return `"${printable(name)}"`;
}
