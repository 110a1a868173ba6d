import type { QueueOverview, UnreadableQueue } from '../../index.js';
import type { Command } from '../command/command.js';
import type { Column } from '../output/table.js';
import { durationText } from '../words/duration.js';
import { boundedLength } from '../../core/admin/limit-state.js';
import { heldBack } from './held-back.js';
import { QUEUE } from './queue-argument.js';
import { endWith, toldUnreadable, unreadableCell } from './unreadable.js';

type Row = QueueOverview | UnreadableQueue;

function column(title: string, cell: (queue: QueueOverview) => string | number): Column<Row> {
  return { title, cell: (row) => ('error' in row ? '' : cell(row)) };
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'QUEUE', width: 48, cell: ({ queue }) => queue },
  column('RUNNING', ({ processing, limit }) => ofMost(processing, limit?.running)),
  column('RATE', ({ limit }) => rateText(limit)),
  column('LENGTH', (queue) => ofMost(boundedLength(queue), queue.maxLength)),
  column('PER KEY', ({ perKey }) =>
    [perKey.running, rateText(perKey)].filter((part) => part !== '').join(', '),
  ),
  column('ORDER', ({ order }) => (order === 'newestFirst' ? 'newest first' : 'oldest first')),
  {
    title: '',
    cell: (row) =>
      'error' in row ? unreadableCell(row) : { text: heldBack(row).join(', '), tone: 'warn' },
  },
];

export const limits: Command = {
  name: 'limits',
  about: 'list the limits of queues, and what they hold back now',
  details: [
    'Running is how many messages consumers hold, of how many may run in all processes. Length is how many messages wait, ' +
      'delayed ones included, of how many may. Per key is how many messages of a key may run at once, and start in a time. The limits are those ' +
      'of the server that started last.',
    'Without a queue, it lists those that have a limit, or are paused or slowed down.',
  ],
  args: [{ ...QUEUE, count: 'any' }],
  options: {},
  examples: ['limits', 'limits stock.reserve --json'],
  async run(call) {
    const { args, output } = call;
    const opened = await call.admin();
    const seen = await opened.overview(args.length === 0 ? undefined : args);
    const queues = args.length === 0 ? seen.queues.filter(isLimited) : seen.queues;
    output.rows(
      { queues, unreadable: toldUnreadable(seen.unreadable, call) },
      [...queues, ...seen.unreadable],
      COLUMNS,
      'No queue has a limit.',
    );
    return endWith(seen.unreadable, call);
  },
};

function isLimited({
  isPaused,
  limit,
  maxLength,
  order,
  perKey,
  slowedMs,
}: QueueOverview): boolean {
  const hasLimit = limit !== undefined || maxLength !== undefined;
  const limitsKeys = perKey.running > 1 || perKey.rate !== undefined;
  return hasLimit || limitsKeys || order !== 'oldestFirst' || isPaused || slowedMs > 0;
}

function ofMost(count: number, most: number | undefined): string {
  return most === undefined ? String(count) : `${count} of ${most}`;
}

function rateText(limit: QueueOverview['limit']): string {
  if (limit?.rate === undefined) return '';
  return limit.perMs === 1_000
    ? `${limit.rate}/s`
    : `${limit.rate} in ${durationText(limit.perMs)}`;
}
