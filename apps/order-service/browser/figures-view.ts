import { byId, formatCount, make, setText, shortId } from './elements.js';
import { KeyedList, type ListItem } from './keyed-list.js';
import type {
  DeadLetterRow,
  EmailRow,
  Figures,
  PageLink,
  QueueRow,
  StockRow,
  StockView,
} from './live-view.js';
import { RateChart } from './rate-chart.js';

/** The cards beside the orders. */
export class FiguresView {
  readonly #chart = new RateChart();
  readonly #queues = new KeyedList<QueueRow>(byId('queues'), {
    keyOf: ({ queue }) => queue,
    makeItem: makeQueue,
  });
  readonly #dead = new KeyedList<DeadLetterRow>(byId('dead'), {
    keyOf: ({ queue, entry }) => `${entry} ${queue}`,
    makeItem: makeDeadLetter,
    empty: make('li', { class: 'empty', text: 'None.' }),
  });
  readonly #stock = new KeyedList<StockRow>(byId('stock'), {
    keyOf: ({ sku }) => sku,
    makeItem: makeStock,
    empty: make('li', { class: 'empty', text: 'inventory-service has not answered yet.' }),
  });
  readonly #emails = new KeyedList<EmailRow>(byId('emails'), {
    keyOf: ({ orderId }) => orderId,
    makeItem: makeEmail,
    empty: make('li', { class: 'empty', text: 'None yet.' }),
  });
  readonly #links = new KeyedList<PageLink>(byId('links'), {
    keyOf: ({ path }) => path,
    makeItem: makeLink,
  });

  show(figures: Figures): void {
    const { placed, placedPerSecond, emails, queues, deadLetters, stock, links } = figures;
    setText(byId('orders-total'), `${formatCount(placed)} placed`);
    this.#chart.add(placedPerSecond, emails.sentPerSecond);
    this.#queues.show(queues);
    this.#dead.show(deadLetters);
    const dead = queues.reduce((sum, queue) => sum + queue.dead, 0);
    setText(byId('dead-total'), dead === 0 ? '' : formatCount(dead));
    this.#stock.show(stock.items);
    setText(byId('stock-age'), ageOf(stock));
    this.#emails.show(emails.newest);
    setText(byId('emails-total'), `${formatCount(emails.sent)} sent`);
    this.#links.show(links);
  }
}

function ageOf({ answeredAt, isStale }: StockView): string {
  if (answeredAt === undefined || !isStale) return '';
  return `as of ${new Date(answeredAt).toLocaleTimeString()}: inventory-service does not answer`;
}

function makeQueue({ queue }: QueueRow): ListItem<QueueRow> {
  const name = make('th');
  // On a phone, a name may break after each of its words.
  for (const part of queue.split(/(?<=[/.])/)) name.append(part, make('wbr'));
  name.scope = 'row';
  const cells = Array.from({ length: 5 }, () => make('td'));
  return {
    element: make('tr', {}, name, ...cells),
    update: ({ waiting, processing, delayed, dead, consumers }) => {
      [waiting, processing, delayed, dead, consumers].forEach((count, index) => {
        const cell = cells[index];
        if (cell !== undefined) setText(cell, formatCount(count));
      });
      cells[0]?.classList.toggle('some', waiting > 0);
      cells[3]?.classList.toggle('alarm', dead > 0);
      cells[4]?.classList.toggle('alarm', consumers === 0);
    },
  };
}

function makeDeadLetter({
  queue,
  reason,
  error,
  data,
  deadAt,
}: DeadLetterRow): ListItem<DeadLetterRow> {
  const where = make('p', {}, make('code', { text: queue }));
  where.append(` ${reason}, ${new Date(deadAt).toLocaleTimeString()}`);
  const content = make('p', {}, make('code', { text: data }));
  const element = make('li', {}, where, make('p', { text: error }), content);
  // A dead letter does not change.
  return { element, update: () => undefined };
}

function makeStock({ sku }: StockRow): ListItem<StockRow> {
  const units = make('span');
  return {
    element: make('li', {}, make('span', { text: sku }), units),
    update: (item) => {
      setText(units, formatCount(item.units));
      units.classList.toggle('none', item.units === 0);
    },
  };
}

function makeEmail({ orderId, to, subject }: EmailRow): ListItem<EmailRow> {
  const address = make('p', {}, make('code', { text: to }));
  const text = make('p', { text: subject.replace(orderId, shortId(orderId)) });
  return { element: make('li', {}, address, text), update: () => undefined };
}

function makeLink({ path, name }: PageLink): ListItem<PageLink> {
  const element = make('a', { text: name });
  element.href = path;
  return { element, update: () => undefined };
}
