import { setTimeout as pause } from 'node:timers/promises';
import type { QueuesOverview, RedisQueueAdmin, UnreadableQueue } from '../../index.js';
import type { Call, Command } from '../command/command.js';
import { errorText } from '../words/failures.js';
import { durationText } from '../words/duration.js';
import { EXIT } from '../words/exit-code.js';
import type { ExitCode } from '../words/exit-code.js';
import type { Cell, Column } from '../output/table.js';
import { counted } from '../output/text.js';
import { heldBack } from './held-back.js';
import { rated } from './rates.js';
import type { RatedQueue } from './rates.js';
import { endWith, toldUnreadable, unreadableCell } from './unreadable.js';

const DEFAULT_EVERY_MS = 1_000;

export const queues: Command = {
  name: 'queues',
  about: 'list all queues: how long they are, how fast they grow, how old they get',
  details: [
    'Waiting, in lanes, delayed and dead are numbers of messages; those in lanes wait behind another one of their key, ' +
      'and are not among the waiting. Age is how long ago the next message was sent. Waiting/s and ' +
      'dead/s say how fast these numbers grow (+) or shrink (-): for that, it looks twice, a second apart.',
    'The last column says what holds messages back: a pause, a limit, a handler that has slowed the queue down; "redis-queue ' +
      'limits" shows them all.',
    'A queue with messages but without consumers is served by nobody. "redis-queue doctor" says more.',
  ],
  args: [],
  options: {
    watch: { short: 'w', about: 'keep looking, until Ctrl-C' },
    every: {
      value: 'TIME',
      about: 'time between two looks; the default is 1s; with 0s, it looks once and shows no rates',
    },
  },
  examples: ['queues', 'queues --watch --every 5s', 'queues --json | jq .queues[].waiting'],
  run: (call) => (call.given.flag('watch') ? watchQueues(call) : lookOnce(call)),
};

async function lookOnce(call: Call): Promise<ExitCode> {
  const admin = await call.admin();
  const everyMs = call.given.duration('every') ?? DEFAULT_EVERY_MS;
  const before = await admin.overview();
  const isRated = everyMs > 0 && before.queues.length > 0;
  const from = performance.now();
  if (isRated && !(await passed(everyMs, call.signal))) return EXIT.interrupted;
  const after = isRated ? await admin.overview() : before;
  const passedMs = performance.now() - from;
  const list = isRated
    ? rated(before.queues, after.queues, passedMs)
    : rated([], after.queues, passedMs);
  print(call, list, after.unreadable);
  return endWith(after.unreadable, call);
}

async function watchQueues(call: Call): Promise<ExitCode> {
  const admin = await call.admin();
  const everyMs = Math.max(100, call.given.duration('every') ?? DEFAULT_EVERY_MS);
  let before: QueuesOverview = { queues: [], unreadable: [] };
  let lookedAt = 0;
  do {
    const now = await lookAgain(call, admin, lookedAt > 0);
    if (now === undefined) continue;
    const at = performance.now();
    call.output.clearScreen();
    print(call, rated(before.queues, now.queues, at - lookedAt), now.unreadable);
    [before, lookedAt] = [now, at];
  } while (await passed(everyMs, call.signal));
  return EXIT.done; // that is how it ends
}

/** A watch survives an interruption of Redis, once it has reached Redis. */
async function lookAgain(
  { output }: Call,
  admin: RedisQueueAdmin,
  hasSeen: boolean,
): Promise<QueuesOverview | undefined> {
  try {
    return await admin.overview();
  } catch (error) {
    const code: unknown = Reflect.get(Object(error), 'code');
    if (!hasSeen || (code !== 'REDIS_UNAVAILABLE' && code !== 'OUTCOME_UNKNOWN')) throw error;
    output.warn(errorText(error));
    return undefined;
  }
}

/** Returns false if it was interrupted before. */
function passed(ms: number, signal: AbortSignal): Promise<boolean> {
  return pause(ms, true, { signal }).catch(() => false);
}

type Row = RatedQueue | UnreadableQueue;

/** A number of a queue that can be looked at. */
function numbers(title: string, cell: (queue: RatedQueue) => Cell | string | number): Column<Row> {
  return { title, isNumber: true, cell: (row) => ('error' in row ? '' : cell(row)) };
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'QUEUE', width: 48, cell: ({ queue }) => queue },
  numbers('WAITING', ({ waiting }) => waiting),
  numbers('WAITING/S', ({ waitingPerSecond }) => rateText(waitingPerSecond)),
  numbers('AGE', ({ oldestAgeMs }) => (oldestAgeMs === undefined ? '' : durationText(oldestAgeMs))),
  numbers('IN LANES', ({ inLanes }) => inLanes),
  numbers('UNKEYED', ({ unkeyed }) => unkeyed),
  numbers('DELAYED', ({ delayed }) => delayed),
  numbers('SUSPECTS', ({ suspects }) => toned(suspects, 'warn')),
  numbers('DEAD', ({ dead }) => toned(dead, 'bad')),
  numbers('DEAD/S', ({ deadPerSecond }) => rateText(deadPerSecond)),
  numbers('CONSUMERS', ({ consumers, waiting }) => ({
    text: String(consumers),
    ...(consumers === 0 && waiting > 0 ? { tone: 'bad' } : {}),
  })),
  { title: '', cell: stateOf },
];

function stateOf(row: Row): Cell | string {
  if ('error' in row) return unreadableCell(row);
  const { copiesDropped } = row;
  const states = [
    ...heldBack(row),
    ...(copiesDropped > 0 ? [`${counted(copiesDropped, 'copy', 'copies')} dropped`] : []),
  ];
  return states.length === 0 ? '' : { text: states.join(', '), tone: 'warn' };
}

function toned(count: number, tone: Cell['tone']): Cell {
  return count === 0 || tone === undefined
    ? { text: String(count) }
    : { text: String(count), tone };
}

function rateText(perSecond: number | undefined): string {
  if (perSecond === undefined) return '';
  const rounded = Math.round(perSecond * 10) / 10;
  return rounded > 0 ? `+${rounded}` : String(rounded === 0 ? 0 : rounded);
}

function print(
  call: Call,
  list: readonly RatedQueue[],
  unreadable: readonly UnreadableQueue[],
): void {
  const rows = [...list, ...unreadable];
  call.output.rows(
    { queues: list, unreadable: toldUnreadable(unreadable, call) },
    rows,
    COLUMNS,
    `No queues below the prefix "${call.settings.prefix}". Nothing was ever sent or served there. Is the prefix right?`,
  );
  if (rows.length > 0) call.output.note(counted(rows.length, 'queue'));
}
