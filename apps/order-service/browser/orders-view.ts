import { byId, formatCount, make, setText, shortId } from './elements.js';
import { KeyedList, type ListItem } from './keyed-list.js';
import type { OrderRow, OrderStatus } from './live-view.js';
import { type OrderBook, statuses } from './order-book.js';

const LISTED = 10;

/** What a status means, for people who are new to the page. */
const meanings: Readonly<Record<OrderStatus, string>> = {
  placing: 'stored, not yet on the list of reservations',
  accepted: 'waits for its goods',
  reserved: 'waits for its payment',
  confirmed: 'paid, and on its way',
  rejected: 'not enough in stock',
  cancelled: 'nobody has paid',
};

/** How many orders are in which state, a square for each, and the newest ones in words. */
export class OrdersView {
  readonly #counts = new Map<OrderStatus, HTMLElement>();
  readonly #wall = byId('wall');
  readonly #squares = new Map<string, HTMLElement>();
  readonly #list: KeyedList<OrderRow>;

  constructor(private readonly book: OrderBook) {
    for (const status of statuses) {
      const count = make('strong', { text: '0' });
      const item = make('li', {}, count, document.createTextNode(status));
      item.dataset['status'] = status;
      item.title = meanings[status];
      this.#counts.set(status, count);
      byId('states').append(item);
    }
    this.#list = new KeyedList(byId('orders'), {
      keyOf: ({ id }) => id,
      makeItem: makeOrder,
      empty: make('li', { class: 'empty', text: 'No orders yet.' }),
    });
  }

  draw(): void {
    const counts = this.book.count();
    for (const [status, element] of this.#counts) setText(element, formatCount(counts[status]));
    this.#drawWall();
    const words = statuses.map((status) => `${counts[status]} ${status}`).join(', ');
    this.#wall.setAttribute('aria-label', `The newest orders: ${words}`);
    this.#list.show(this.book.newest(LISTED));
  }

  /** Touches nothing but the squares that change. */
  #drawWall(): void {
    for (const [id, square] of this.#squares) {
      if (this.book.find(id) !== undefined) continue;
      square.remove();
      this.#squares.delete(id);
    }
    for (const { id, status } of this.book.orders) {
      const square = this.#squares.get(id) ?? this.#addSquare(id);
      if (square.dataset['status'] !== status) square.dataset['status'] = status;
    }
  }

  #addSquare(id: string): HTMLElement {
    const square = make('i');
    this.#squares.set(id, square);
    this.#wall.append(square);
    return square;
  }
}

function makeOrder({ id }: OrderRow): ListItem<OrderRow> {
  const status = make('span', { class: 'status' });
  const who = make('span');
  const goods = make('span', { class: 'goods' });
  const code = make('code', { text: shortId(id) });
  const what = make('span', { class: 'what' }, code, document.createTextNode(' '), who, goods);
  const element = make('li', {}, status, what);
  return {
    element,
    update: (order) => {
      element.dataset['status'] = order.status;
      setText(status, order.status);
      setText(who, order.customer);
      setText(goods, order.reason ?? order.goods);
    },
  };
}
