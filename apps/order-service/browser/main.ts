import { byId, setText } from './elements.js';
import { FiguresView } from './figures-view.js';
import { listen } from './live-feed.js';
import { OrderBook } from './order-book.js';
import { OrderForm } from './order-form.js';
import { OrdersView } from './orders-view.js';
import { ProcessesView } from './processes-view.js';

const book = new OrderBook();
const orders = new OrdersView(book);
const form = new OrderForm(book);
const figures = new FiguresView();
const processes = new ProcessesView();
const connection = byId('connection');

let isDrawing = false;

/** However many events come, the page is drawn once a frame. */
function drawSoon(): void {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    orders.draw();
    form.draw();
  });
}

function sayState(state: 'live' | 'cut' | 'trouble', text: string): void {
  connection.className = state;
  setText(connection, text);
}

listen({
  snapshot: (snapshot) => {
    book.replace(snapshot.orders);
    sayState('live', 'live');
    drawSoon();
  },
  orders: (changed) => {
    book.add(changed);
    drawSoon();
  },
  figures: (all) => {
    figures.show(all);
    form.offer(all.stock.items);
    processes.show(all.processes);
    sayState('live', 'live');
  },
  trouble: ({ message }) => sayState('trouble', `order-service has trouble: ${message}`),
  cut: () => sayState('cut', 'order-service does not answer; connecting again …'),
});
