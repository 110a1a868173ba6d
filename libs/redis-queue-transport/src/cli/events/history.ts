import type { HistoryEntry } from '../../index.js';
import type { Command } from '../command/command.js';
import { EXIT } from '../words/exit-code.js';
import { LARGE, LIMIT } from '../command/shared-options.js';
import type { Column } from '../output/table.js';
import { dataText, shown, timeText } from '../output/text.js';
import { PATTERN } from './event-arguments.js';
import { momentOf } from './moment.js';

const COLUMNS: readonly Column<HistoryEntry>[] = [
  { title: 'ENTRY', cell: ({ historyId }) => historyId },
  { title: 'NUMBER', isNumber: true, cell: ({ number }) => number },
  { title: 'SENT', cell: ({ sentAt }) => timeText(sentAt) },
  { title: 'PATTERN', width: 40, cell: ({ pattern }) => pattern },
  { title: 'ID', width: 40, cell: ({ id }) => id ?? '' },
  { title: 'DATA', cell: (event) => dataText(event) },
];

export const history: Command = {
  name: 'history',
  about: 'list the kept events of a pattern, the oldest first',
  args: [PATTERN],
  options: {
    limit: LIMIT,
    from: {
      value: 'WHEN',
      about: 'begin with this entry or time (2026-11-28T10:00:00Z, or 2h for 2 hours ago)',
    },
    newest: { about: 'list the newest first' },
    large: LARGE,
  },
  examples: ['history user.created', 'history user.created --newest --limit 5'],
  async run({ args: [pattern = ''], given, output, admin }) {
    const opened = await admin();
    const { events, next } = await opened.history(pattern, {
      limit: given.count('limit', 1),
      from: momentOf('from', given.text('from')),
      newestFirst: given.flag('newest'),
      withLarge: given.flag('large'),
    });
    if (events.length === 0) {
      const { histories } = await opened.groups();
      if (!histories.some((one) => one.pattern === pattern)) {
        output.error(`"${pattern}" has no history.`, 'See redis-queue groups.');
        return EXIT.no;
      }
    }
    output.rows(
      { events: events.map(shown), next },
      events,
      COLUMNS,
      `The history of "${pattern}" keeps no such events.`,
    );
    if (next !== undefined) output.note(`There are more: --from ${next}`);
    return EXIT.done;
  },
};
