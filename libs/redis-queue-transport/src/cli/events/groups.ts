import type { EventGroup, EventHistory, QueueOverview, UnreadableQueue } from '../../index.js';
import type { Command } from '../command/command.js';
import { durationText } from '../words/duration.js';
import { endWith, toldUnreadable, unreadableCell } from '../queues/unreadable.js';
import { table } from '../output/table.js';
import type { Column } from '../output/table.js';

type Group = EventGroup & Partial<Pick<QueueOverview, 'waiting' | 'dead' | 'consumers'>>;

interface Row extends Group {
  readonly unreadable: UnreadableQueue | undefined;
}

const GROUPS: readonly Column<Row>[] = [
  { title: 'PATTERN', cell: ({ pattern }) => pattern },
  { title: 'GROUP', cell: ({ group }) => group },
  { title: 'WAITING', isNumber: true, cell: ({ waiting }) => waiting ?? '' },
  { title: 'DEAD', isNumber: true, cell: ({ dead }) => dead ?? '' },
  { title: 'CONSUMERS', isNumber: true, cell: ({ consumers }) => consumers ?? '' },
  {
    title: '',
    cell: ({ unreadable }) => (unreadable === undefined ? '' : unreadableCell(unreadable)),
  },
];

const HISTORIES: readonly Column<EventHistory>[] = [
  { title: 'HISTORY OF', cell: ({ pattern }) => pattern },
  { title: 'EVENTS', isNumber: true, cell: ({ maxLength }) => maxLength ?? 'no limit' },
  {
    title: 'FOR',
    cell: ({ maxAgeMs }) => (maxAgeMs === undefined ? 'no limit' : durationText(maxAgeMs)),
  },
];

export const groups: Command = {
  name: 'groups',
  about: 'list who gets which events: groups with their queues, histories, live wildcards',
  details: [
    'A group gets a copy of each event until you end it, even while it does not run. Without consumers, its queue grows: ' +
      'start the group, or end it with "redis-queue retire".',
  ],
  args: [],
  options: {},
  examples: ['groups', 'groups --json'],
  async run(call) {
    const { output } = call;
    const opened = await call.admin();
    const [subscriptions, overview] = await Promise.all([opened.groups(), opened.overview()]);
    const lengths = new Map(overview.queues.map((queue) => [queue.queue, queue]));
    const all = subscriptions.groups.map((group): Group => {
      const { waiting, dead, consumers } = lengths.get(group.queue) ?? {};
      return { ...group, waiting, dead, consumers };
    });
    const { histories, wildcards } = subscriptions;
    const refused = new Map(overview.unreadable.map((queue) => [queue.queue, queue]));
    const rows = all.map((group): Row => ({ ...group, unreadable: refused.get(group.queue) }));
    const unreadable = rows.flatMap((row) => row.unreadable ?? []);
    const { terminal } = output;
    if (all.length + histories.length + wildcards.length === 0)
      output.note('There are no groups, histories or wildcards with live listeners.');
    const told = toldUnreadable(unreadable, call);
    output.result({ groups: all, histories, wildcards, unreadable: told }, () =>
      [
        ...(all.length === 0 ? [] : [table(GROUPS, rows, terminal)]),
        ...(histories.length === 0 ? [] : [table(HISTORIES, histories, terminal)]),
        ...(wildcards.length === 0
          ? []
          : [
              table(
                [{ title: 'LIVE LISTENERS OF', cell: (name: string) => name }],
                wildcards,
                terminal,
              ),
            ]),
      ].join('\n'),
    );
    return endWith(unreadable, call);
  },
};
