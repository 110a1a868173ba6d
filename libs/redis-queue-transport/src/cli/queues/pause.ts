import type { PausedPart, RedisQueueAdmin } from '../../index.js';
import type { Call, Command } from '../command/command.js';
import { EXIT } from '../words/exit-code.js';
import { printable } from '../../core/message/printable.js';
import { QUEUES } from './queue-argument.js';

const KEY = { value: 'KEY', about: 'only messages of this key' };

export const pause: Command = {
  name: 'pause',
  about: 'stop handing out the messages of queues; running handlers go on',
  details: [
    'The queues still accept messages. The pause lasts until "redis-queue resume" ends it. With --key, only messages of ' +
      'that key stop; those that are out already go on.',
  ],
  args: [QUEUES],
  options: { key: KEY },
  examples: ['pause mail.send', 'pause order.place --key customer-7'],
  run: (call) => each(call, 'paused', (opened, queue, of) => opened.pause(queue, of)),
};

export const resume: Command = {
  name: 'resume',
  about: 'hand out the messages of paused queues again',
  args: [QUEUES],
  options: { key: KEY },
  examples: ['resume mail.send', 'resume order.place --key customer-7'],
  run: (call) => each(call, 'resumed', (opened, queue, of) => opened.resume(queue, of)),
};

async function each(
  { args, given, output, admin }: Call,
  done: 'paused' | 'resumed',
  act: (admin: RedisQueueAdmin, queue: string, of: PausedPart) => Promise<void>,
): Promise<typeof EXIT.done> {
  const opened = await admin();
  const key = given.text('key');
  for (const queue of args) await act(opened, queue, { key });
  const ofKey = key === undefined ? '' : `, key ${quoted(key)}`;
  output.result(
    { [done]: args, ...(key !== undefined && { key }) },
    () => `${done}: ${args.map(quoted).join(', ')}${ofKey}\n`,
  );
  return EXIT.done;
}

function quoted(name: string): string {
  return `"${printable(name)}"`;
}
