import type { RedisQueueClient, RedisQueueSendOptions } from '../../index.js';
import type { Call, Command } from '../command/command.js';
import { EXIT } from '../words/exit-code.js';
import type { ExitCode } from '../words/exit-code.js';
import { errorText } from '../words/failures.js';
import { Progress } from '../output/progress.js';
import { jsonLine, jsonText } from '../output/json.js';
import { wholeText } from '../output/text.js';
import { countLines, readLines } from './json-lines.js';
import type { Line } from './json-lines.js';
import { MESSAGE_OPTIONS, without } from './message-options.js';
import { formatOf } from './send-file.js';
import { DATA, PATTERN, typedData, whatOf } from './verbs.js';

/** How many requests of a file wait for their replies at once. */
const AT_ONCE = 50;

export const send: Command = {
  name: 'send',
  about: 'send requests, and print the replies of their handlers',
  details: [
    'With --json, and with --file, each reply is printed as a line {"line":…,"reply":…}, in the order in which they come. ' +
      'A request that fails has "error" in place of "reply", and the exit code is then 6.',
  ],
  args: [PATTERN, DATA],
  options: {
    ...MESSAGE_OPTIONS,
    timeout: { value: 'TIME', about: 'wait this long for each reply; the default is 10s' },
  },
  examples: [`send math.sum '[1,2,3]'`, `send '{"cmd":"sum"}' '[1,2,3]' --timeout 30s`],
  async run(call) {
    const [pattern = ''] = call.args;
    const { file, options } = whatOf(call);
    const all = without({ ...options, timeoutMs: call.given.duration('timeout') });
    if (file !== undefined) return askAll(call, pattern, file, all);
    const data = typedData(call);
    const client = await call.client();
    const error = await replies(client, pattern, data, all, call.signal, (reply) =>
      call.output.result({ reply }, () => `${wholeText(reply)}\n`),
    );
    if (call.signal.aborted) return EXIT.interrupted;
    if (error === undefined) return EXIT.done;
    throw error.cause instanceof Error ? error.cause : new HandlerFailure(failureText(error.cause));
  },
};

/** The handler replied with an error, which travels as plain data. */
class HandlerFailure extends Error {
  override readonly name = 'HandlerFailure';
  readonly code = 'HANDLER_FAILED';
}

interface Failure {
  readonly cause: unknown;
}

/** Resolves after the last reply, with the error if the request failed. Sends nothing once it is aborted. */
function replies(
  client: RedisQueueClient,
  pattern: string,
  data: unknown,
  options: RedisQueueSendOptions,
  signal: AbortSignal,
  tell: (reply: unknown) => void,
): Promise<Failure | undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const end = (failure: Failure | undefined): void => {
      signal.removeEventListener('abort', giveUp);
      resolve(failure);
    };
    const giveUp = (): void => {
      asked.unsubscribe();
      end(undefined);
    };
    signal.addEventListener('abort', giveUp);
    const asked = client.send<unknown>(pattern, data, options).subscribe({
      next: tell,
      error: (cause: unknown) => end({ cause }),
      complete: () => end(undefined),
    });
  });
}

async function askAll(
  call: Call,
  pattern: string,
  file: string,
  shared: RedisQueueSendOptions,
): Promise<ExitCode> {
  const format = formatOf(call);
  const total = await countLines(file, format, call.signal);
  const client = await call.client();
  const progress = new Progress(call.output, 'requests');
  let failed = 0;
  let done = 0;
  const print = (value: object): void => {
    call.output.endProgress();
    call.output.result(value, () => jsonLine(value));
  };
  const ask = async ({ number: line, data, settings }: Line): Promise<void> => {
    const options = { ...shared, ...settings };
    const error = await replies(client, pattern, data, options, call.signal, (reply) =>
      print({ line, reply }),
    );
    if (error !== undefined) {
      failed += 1;
      print({ line, error: failureText(error.cause) });
    }
    done += 1;
    progress.show(done, total === undefined ? undefined : done / total);
  };
  const running = new Set<Promise<void>>();
  for await (const line of readLines(file, format, call.signal)) {
    const asking: Promise<void> = ask(line).finally(() => running.delete(asking));
    running.add(asking);
    if (running.size >= AT_ONCE) await Promise.race(running);
    if (call.signal.aborted) break;
  }
  await Promise.all(running);
  progress.end();
  if (call.signal.aborted) return EXIT.interrupted;
  call.output.note(`${done - failed} of ${done} got their replies`);
  return failed === 0 ? EXIT.done : EXIT.failed;
}

/** A handler's exception may be anything that JSON can write. */
export function failureText(cause: unknown): string {
  if (cause instanceof Error || typeof cause !== 'object' || cause === null)
    return errorText(cause);
  const message: unknown = Reflect.get(cause, 'message');
  return typeof message === 'string' ? message : jsonText(cause);
}
