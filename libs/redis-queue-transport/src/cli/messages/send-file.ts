import type { RedisQueueRecord, RedisQueueRecordOptions } from '../../index.js';
import type { Call } from '../command/command.js';
import { EXIT } from '../words/exit-code.js';
import type { ExitCode } from '../words/exit-code.js';
import { UsageError } from '../words/usage-error.js';
import { errorText, exitCodeOf } from '../words/failures.js';
import { Progress } from '../output/progress.js';
import { countLines, readLines } from './json-lines.js';
import type { Line } from './json-lines.js';

/** How many are sent with one call. */
const PART = 500;
const MOST_TOLD = 10;

type SendMany = (records: readonly RedisQueueRecord[]) => PromiseLike<readonly unknown[]>;

/** Sends the lines of a file, a part at a time and in order. */
export async function sendFile(
  call: Call,
  file: string,
  shared: RedisQueueRecordOptions,
  sendMany: SendMany,
): Promise<ExitCode> {
  const format = formatOf(call);
  const total = await countLines(file, format, call.signal);
  if (call.signal.aborted) return EXIT.interrupted;
  const { RedisQueueRecord: Record } = await import('../../index.js');
  const progress = new Progress(call.output, 'messages');
  const tally = new Tally(call);
  let part: Line[] = [];
  const send = async (): Promise<void> => {
    const lines = part;
    part = [];
    const records = lines.map(
      ({ data, settings }) =>
        new Record(data, { ...shared, ...settings, ...headers(shared, settings) }),
    );
    await tally.of(lines, sendMany(records));
    progress.show(
      tally.sent + tally.failed,
      total === undefined ? undefined : (tally.sent + tally.failed) / total,
    );
  };
  try {
    for await (const line of readLines(file, format, call.signal)) {
      part.push(line);
      if (part.length === PART) await send();
      if (call.signal.aborted || tally.mustStop) break;
    }
    if (part.length > 0 && !call.signal.aborted && !tally.mustStop) await send();
  } catch (error) {
    progress.end();
    if (error instanceof UsageError || tally.sent > 0) tally.tell(total);
    throw error;
  }
  progress.end();
  tally.tell(total);
  if (tally.stoppedBy !== undefined) return exitCodeOf(tally.stoppedBy);
  if (call.signal.aborted) return EXIT.interrupted;
  return tally.failed === 0 ? EXIT.done : EXIT.failed;
}

export function formatOf({ given }: Call): { isText: boolean; hasSettings: boolean } {
  const format = { isText: given.flag('text'), hasSettings: given.flag('records') };
  if (format.isText && format.hasSettings)
    throw new UsageError('--text and --records exclude each other: records are JSON.');
  return format;
}

/** The headers of the line override those of the command line, one by one. */
function headers(
  shared: RedisQueueRecordOptions,
  { headers: own }: Line['settings'],
): Pick<RedisQueueRecordOptions, 'headers'> {
  if (typeof own !== 'object' || own === null) return {};
  return { headers: { ...shared.headers, ...(own as Readonly<Record<string, string>>) } }; // checked by the record
}

/** Counts the messages that were sent, and those that failed. */
class Tally {
  sent = 0;
  failed = 0;
  /** Nothing more can be sent. */
  stoppedBy: unknown;

  constructor(private readonly call: Call) {}

  get mustStop(): boolean {
    return this.stoppedBy !== undefined;
  }

  async of(lines: readonly Line[], sending: PromiseLike<readonly unknown[]>): Promise<void> {
    try {
      await sending;
      this.sent += lines.length;
    } catch (error) {
      this.#failures(lines, error);
    }
  }

  #failures(lines: readonly Line[], error: unknown): void {
    const failures: unknown = Reflect.get(Object(error), 'failures');
    if (!Array.isArray(failures)) {
      this.failed += lines.length;
      this.stoppedBy = error;
      this.#say(
        `line ${lines[0]?.number} and all lines after it were not sent: ${errorText(error)}`,
      );
      return;
    }
    this.sent += lines.length - failures.length;
    for (const { index, error: cause } of failures as { index: number; error: unknown }[]) {
      this.failed += 1;
      if (this.failed <= MOST_TOLD) this.#say(`line ${lines[index]?.number}: ${errorText(cause)}`);
      else if (this.failed === MOST_TOLD + 1) this.#say('further lines failed too');
      // Redis is away: the rest would wait for it, part by part.
      if (Reflect.get(Object(cause), 'code') === 'REDIS_UNAVAILABLE') this.stoppedBy = cause;
    }
  }

  #say(text: string): void {
    this.call.output.endProgress();
    this.call.output.error(text);
  }

  tell(total: number | undefined): void {
    const { sent, failed } = this;
    const rest = total === undefined ? '' : ` of ${total}`;
    this.call.output.result(
      { sent, failed, total },
      () => `${sent}${rest} sent${failed === 0 ? '' : `, ${failed} failed`}\n`,
    );
  }
}
