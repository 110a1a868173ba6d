import { once } from 'node:events';
import type { Command } from '../command/command.js';
import { EXIT } from '../words/exit-code.js';
import { printable } from '../../core/message/printable.js';
import { dataText, shown } from '../output/text.js';
import { PATTERN } from './event-arguments.js';

export const tail: Command = {
  name: 'tail',
  about: 'print events as they are emitted, until Ctrl-C, without leaving a trace',
  details: [
    'It only listens: it enters no group and no listener, and events are delivered as they would be without it. ' +
      'PATTERN may have wildcards: order.* for one more word, order.# for any number of them, # for all events. It ' +
      'misses events that are emitted while the connection is down, and says so.',
    'The user of Redis needs +subscribe (for wildcards +psubscribe) and the channels &PREFIX:event:*.',
  ],
  args: [PATTERN],
  options: {
    count: { short: 'n', value: 'N', about: 'end after this many events' },
  },
  examples: ['tail order.placed', "tail 'order.*' --json", "tail '#'"],
  async run({ args: [pattern = ''], given, output, settings, signal, closeLater }) {
    const most = given.count('count', 1) ?? Infinity;
    const { openTail } = await import('../../open-broker.js');
    const { tailedEvents } = await import('./tailed-events.js');
    const enough = new AbortController();
    const isOver = once(AbortSignal.any([signal, enough.signal]), 'abort');
    let seen = 0;
    let lastWarning = '';
    const read = await tailedEvents();
    const opened = openTail(settings, pattern, {
      event: (name, element) => {
        if (seen >= most) return;
        const event = read(name, element);
        const at = new Date();
        output.result({ at, ...shown(event) }, () => lineOf(name, at, dataText(event, 400)));
        seen += 1;
        if (seen >= most) enough.abort();
      },
      interrupted: () => output.warn('The connection was down: events were missed.'),
      error: ({ message }) => {
        // Each attempt to connect fails in the same way.
        if (message !== lastWarning) output.warn(message);
        lastWarning = message;
      },
    });
    closeLater(opened);
    await opened.listen();
    output.note(`Listening to "${pattern}". Ctrl-C ends it.`);
    if (!signal.aborted) await isOver;
    return EXIT.done;
  },
};

function lineOf(pattern: string, at: Date, data: string): string {
  return `${at.toISOString().slice(11, 23)}  ${printable(pattern)}  ${data}\n`;
}
