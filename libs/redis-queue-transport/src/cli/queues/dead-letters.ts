import type { DeadLetterEntry } from '../../index.js';
import type { Call, Command } from '../command/command.js';
import { EXIT } from '../words/exit-code.js';
import type { ExitCode } from '../words/exit-code.js';
import { LARGE, LIMIT, YES } from '../command/shared-options.js';
import type { Column } from '../output/table.js';
import { counted, dataText, shellWord, shown, timeText, wholeText } from '../output/text.js';
import { printable } from '../../core/message/printable.js';
import { ALL, FILTER_OPTIONS, entriesOf, filterOf } from './dead-filter.js';
import { isMissing } from './missing-queue.js';
import { QUEUE } from './queue-argument.js';

const ENTRY = 'entries as "redis-queue dead list" shows them';

const COLUMNS: readonly Column<DeadLetterEntry>[] = [
  { title: 'ENTRY', cell: ({ entry }) => entry },
  { title: 'DIED', cell: ({ deadAt }) => timeText(deadAt) },
  { title: 'REASON', cell: ({ reason }) => reason },
  { title: 'ATTEMPT', isNumber: true, cell: ({ attempt }) => attempt },
  { title: 'ERROR', width: 40, cell: ({ error }) => `${error.name}: ${error.message}` },
  { title: 'DATA', width: 40, cell: (letter) => dataText(letter, 40) },
];

export const deadList: Command = {
  name: 'dead list',
  about: 'list dead letters, the oldest first: messages that failed for good',
  args: [QUEUE],
  options: {
    limit: LIMIT,
    from: { value: 'ENTRY', about: 'begin with this entry' },
    large: LARGE,
    ...FILTER_OPTIONS,
  },
  examples: ['dead list mail.send', 'dead list mail.send --reason rejected --older-than 1d'],
  async run(call) {
    const { args, given, output } = call;
    const [queue = ''] = args;
    const filter = filterOf(call);
    const limit = given.count('limit', 1) ?? 100;
    const { letters, next } = await pageOf(call, queue, limit, given.text('from'), filter);
    if (letters.length === 0 && (await isMissing(call, queue))) return EXIT.no;
    output.rows(
      { letters: letters.map(shown), next },
      letters,
      COLUMNS,
      filter === undefined
        ? `"${queue}" has no dead letters.`
        : `No dead letter of "${queue}" matches.`,
    );
    if (next !== undefined) output.note(`There are more: --from ${shellWord(next)}`);
    return EXIT.done;
  },
};

async function pageOf(
  { admin, given, signal }: Call,
  queue: string,
  limit: number,
  first: string | undefined,
  filter: ((letter: DeadLetterEntry) => boolean) | undefined,
): Promise<{ letters: readonly DeadLetterEntry[]; next: string | undefined }> {
  const opened = await admin();
  const withLarge = given.flag('large');
  if (filter === undefined) return opened.deadLetters(queue, { limit, from: first, withLarge });
  const letters: DeadLetterEntry[] = [];
  let from = first;
  do {
    const page = await opened.deadLetters(queue, { from, withLarge });
    for (const letter of page.letters) {
      if (!filter(letter)) continue;
      if (letters.length === limit) return { letters, next: letter.entry };
      letters.push(letter);
    }
    from = page.next;
  } while (from !== undefined && !signal.aborted);
  return { letters, next: undefined };
}

export const deadShow: Command = {
  name: 'dead show',
  about: 'show one dead letter: its error with the stack, headers and all data',
  args: [QUEUE, { name: 'ENTRY', about: 'an entry as "redis-queue dead list" shows it' }],
  options: {},
  examples: ['dead show mail.send 1795258979755-0'],
  async run({ args: [queue = '', entry = ''], output, admin }) {
    const letter = await (await admin()).deadLetter(queue, entry);
    if (letter === undefined) return notThere({ output }, queue, [entry]);
    output.result(shown(letter), () => letterText(letter));
    return EXIT.done;
  },
};

function letterText(letter: DeadLetterEntry): string {
  const { entry, id, reason, error, attempt, sentAt, deadAt, consumer, headers } = letter;
  const facts: [string, string][] = [
    ['entry', entry],
    ['id', id ?? ''],
    ['reason', reason],
    ['attempt', String(attempt)],
    ['sent', timeText(sentAt)],
    ['died', timeText(deadAt)],
    ['consumer', consumer],
    ...Object.entries(headers).map(([name, value]): [string, string] => [`header ${name}`, value]),
    ['error', `${error.name}: ${error.message}`],
    ...(letter.unreadable === undefined
      ? []
      : [['unreadable', letter.unreadable] satisfies [string, string]]),
  ];
  const width = Math.max(...facts.map(([name]) => printable(name).length));
  return [
    ...facts.map(([name, value]) => `${printable(name).padEnd(width)}  ${printable(value)}`),
    ...stackLines(error.stack).map((line) => `${' '.repeat(width)}  ${line}`),
    '',
    letter.unreadable === undefined
      ? wholeText(letter.data)
      : printable(letter.element.toString('latin1')),
    '',
  ].join('\n');
}

/** The stack without its first lines, which repeat the message. */
function stackLines(stack: string | undefined): string[] {
  return (stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .map(printable);
}

export const deadRedrive: Command = {
  name: 'dead redrive',
  about: 'send dead letters again',
  details: [
    'They go to the end of their queue and start with fresh attempts. Fix the cause first, or they will die again.',
  ],
  args: [QUEUE, { name: 'ENTRY', about: ENTRY, count: 'any' }],
  options: { all: ALL, ...FILTER_OPTIONS },
  examples: [
    'dead redrive mail.send 1795258979755-0',
    'dead redrive mail.send --all --reason attemptsExhausted',
  ],
  async run(call) {
    const { args, output } = call;
    const [queue = ''] = args;
    const entries = entriesOf(call, 'entries of dead letters');
    const admin = await call.admin();
    if (entries === undefined) {
      const redriven = await admin.redriveAll(queue, filterOf(call), { withLarge: false });
      if (redriven === 0 && (await isMissing(call, queue))) return EXIT.no;
      output.result({ redriven }, () => `${counted(redriven, 'dead letter')} sent again\n`);
      return EXIT.done;
    }
    return eachOf(call, entries, 'redriven', 'sent again', (entry) => admin.redrive(queue, entry));
  },
};

export const deadDelete: Command = {
  name: 'dead delete',
  about: 'delete dead letters for good; asks before it deletes all',
  args: [QUEUE, { name: 'ENTRY', about: ENTRY, count: 'any' }],
  options: { all: ALL, ...FILTER_OPTIONS, yes: YES },
  examples: [
    'dead delete mail.send 1795258979755-0',
    'dead delete mail.send --all --older-than 7d',
  ],
  async run(call) {
    const { args, output } = call;
    const [queue = ''] = args;
    const entries = entriesOf(call, 'entries of dead letters');
    const admin = await call.admin();
    if (entries !== undefined)
      return eachOf(call, entries, 'deleted', 'deleted', (entry) =>
        admin.deleteDeadLetter(queue, entry),
      );
    const filter = filterOf(call);
    const { dead } = await admin.lengths(queue);
    if (dead === 0 && (await isMissing(call, queue))) return EXIT.no;
    const which = filter === undefined ? `all ${dead}` : `the matching ones of the ${dead}`;
    if (!(await call.agrees(`Delete ${which} dead letters of "${queue}" for good?`)))
      return EXIT.no;
    const deleted = await admin.deleteDeadLetters(queue, filter, { withLarge: false });
    output.result({ deleted }, () => `${counted(deleted, 'dead letter')} deleted\n`);
    return EXIT.done;
  },
};

async function eachOf(
  { args: [queue = ''], output }: Call,
  entries: readonly string[],
  field: string,
  done: string,
  act: (entry: string) => Promise<boolean>,
): Promise<ExitCode> {
  const missing: string[] = [];
  for (const entry of entries) if (!(await act(entry))) missing.push(entry);
  const count = entries.length - missing.length;
  output.result({ [field]: count, missing }, () => `${counted(count, 'dead letter')} ${done}\n`);
  return missing.length === 0 ? EXIT.done : notThere({ output }, queue, missing);
}

function notThere(
  { output }: Pick<Call, 'output'>,
  queue: string,
  entries: readonly string[],
): ExitCode {
  output.error(
    `"${queue}" has no dead letter ${entries.join(', ')}.`,
    `See redis-queue dead list ${shellWord(queue)}.`,
  );
  return EXIT.no;
}
