import type { RedisQueueRecordOptions } from '../../index.js';
import { printable } from '../../core/message/printable.js';
import type { Argument, Call, Command } from '../command/command.js';
import { EXIT } from '../words/exit-code.js';
import { UsageError } from '../words/usage-error.js';
import { counted } from '../output/text.js';
import { DEDUPLICATE, MESSAGE_OPTIONS, dataOf, headersOf, without } from './message-options.js';
import { sendFile } from './send-file.js';

export const PATTERN: Argument = {
  name: 'PATTERN',
  about: 'the pattern of the handlers: mail.send, or {"cmd":"sum"} for an object',
};
export const DATA: Argument = {
  name: 'DATA',
  about: 'the data as JSON, in quotes: \'{"to":"ada@example.com"}\'',
  count: 'optional',
};

const SHELL = 'In quotes, so that the shell leaves it alone.';

export const enqueue: Command = {
  name: 'enqueue',
  about: 'send messages, each to be handled by one consumer',
  details: [
    'It ends when Redis holds them. With --file, all lines are read and checked before the first is sent.',
    SHELL,
  ],
  args: [PATTERN, DATA],
  options: {
    ...MESSAGE_OPTIONS,
    delay: { value: 'TIME', about: 'hand it out only after this time' },
    deduplicate: DEDUPLICATE,
  },
  examples: [
    `enqueue mail.send '{"to":"ada@example.com"}' --delay 10m`,
    'enqueue mail.send --file mails.jsonl',
  ],
  async run(call) {
    const [pattern = ''] = call.args;
    const { file, options } = whatOf(call);
    const all = without({ ...options, delayMs: call.given.duration('delay') });
    if (file !== undefined) {
      const client = await call.client();
      return sendFile(call, file, all, (records) => client.enqueueMany(pattern, records));
    }
    const data = typedData(call);
    const { id, isDuplicate } = await (await call.client()).enqueue(pattern, data, all);
    call.output.result({ id, isDuplicate }, () =>
      isDuplicate ? `${printable(id)}: was there already\n` : `${printable(id)}: Redis holds it\n`,
    );
    return EXIT.done;
  },
};

export const emit: Command = {
  name: 'emit',
  about: 'emit events: each group gets a copy, and live listeners hear it',
  details: [SHELL],
  args: [PATTERN, DATA],
  options: {
    ...MESSAGE_OPTIONS,
    deduplicate: DEDUPLICATE,
    mandatory: { about: 'fail if neither a group nor a live listener gets it' },
  },
  examples: [`emit order.placed '{"id":7}' --mandatory`, 'emit order.placed --file orders.jsonl'],
  async run(call) {
    const [pattern = ''] = call.args;
    const { file, options } = whatOf(call);
    const isMandatory = call.given.flag('mandatory') || undefined;
    const all = without({ ...options, isMandatory });
    if (file !== undefined) {
      const client = await call.client();
      return sendFile(call, file, all, (records) => client.emitMany(pattern, records));
    }
    const data = typedData(call);
    const result = await (await call.client()).emit(pattern, data, all);
    call.output.result(result, () => {
      const { id, groups, listeners, isDuplicate } = result;
      if (isDuplicate) return `${printable(id)}: was emitted already\n`;
      return `${printable(id)}: ${counted(groups, 'group')}, ${counted(listeners, 'live listener')}\n`;
    });
    return EXIT.done;
  },
};

/** Where the data comes from, and what is sent with it. @throws UsageError */
export function whatOf(call: Call): { file: string | undefined; options: RedisQueueRecordOptions } {
  const { args, given } = call;
  const file = given.text('file');
  const id = given.text('id');
  if (file !== undefined && args.length > 1) throw new UsageError('Give DATA or --file, not both.');
  if (file !== undefined && id !== undefined)
    throw new UsageError(
      'The lines cannot all have the same --id.',
      'With --records, each line has its own.',
    );
  if (file === undefined && args.length < 2)
    throw new UsageError('Give DATA, or lines of it with --file.');
  if (file === undefined && given.flag('records'))
    throw new UsageError('--records describes the lines of --file, which is missing.');
  const options = without({
    id,
    key: given.text('key'),
    priority: given.count('priority', 0),
    headers: headersOf(call),
    expiresInMs: given.duration('expires-in'),
    deduplicateMs: given.duration('deduplicate'),
  });
  return { file, options };
}

export function typedData({ args, given }: Call): unknown {
  return dataOf(args[1] ?? '', given.flag('text'), 'DATA');
}
