import type { RedisQueueAdmin } from '../../index.js';
import type { Command } from '../command/command.js';
import { EXIT } from '../words/exit-code.js';
import { printable } from '../../core/message/printable.js';
import { QUEUES } from './queue-argument.js';

export const pause: Command = {
  name: 'pause',
  about: 'stop handing out the messages of queues; running handlers go on',
  details: [
    'The queues still accept messages. The pause lasts until "redis-queue resume" ends it.',
  ],
  args: [QUEUES],
  options: {},
  examples: ['pause mail.send'],
  run: ({ args, output, admin }) =>
    each(
      args,
      admin,
      (opened, queue) => opened.pause(queue),
      () => output.result({ paused: args }, () => `paused: ${args.map(quoted).join(', ')}\n`),
    ),
};

export const resume: Command = {
  name: 'resume',
  about: 'hand out the messages of paused queues again',
  args: [QUEUES],
  options: {},
  examples: ['resume mail.send'],
  run: ({ args, output, admin }) =>
    each(
      args,
      admin,
      (opened, queue) => opened.resume(queue),
      () => output.result({ resumed: args }, () => `resumed: ${args.map(quoted).join(', ')}\n`),
    ),
};

async function each(
  queues: readonly string[],
  admin: () => Promise<RedisQueueAdmin>,
  act: (admin: RedisQueueAdmin, queue: string) => Promise<void>,
  tell: () => void,
): Promise<typeof EXIT.done> {
  const opened = await admin();
  for (const queue of queues) await act(opened, queue);
  tell();
  return EXIT.done;
}

function quoted(name: string): string {
  return `"${printable(name)}"`;
}
