import { Injectable } from '@nestjs/common';
import { exhaustMap, type Observable, shareReplay, timer } from 'rxjs';
import type { Figures, PageLink, Trouble } from '../../browser/live-view.js';
import { OrderConfig } from '../config/order-config.js';
import { Supervisor } from '../demo/supervisor.js';
import { MailProvider } from '../notification/mail-provider.js';
import { OrdersService } from '../orders/orders.service.js';
import { QueueWatch } from './queue-watch.js';
import { RateMeter } from './rate-meter.js';
import { StockWatch } from './stock-watch.js';

/** One event of the stream. */
export type FiguresEvent =
  | { readonly type: 'figures'; readonly data: Figures }
  | { readonly type: 'trouble'; readonly data: Trouble };

const LOOK_EVERY_MS = 1_000;
const EMAILS_SHOWN = 8;

/** The figures beside the orders. Read once for all open pages, and only while there is one. */
@Injectable()
export class ShopFigures {
  readonly #figures: Observable<FiguresEvent>;
  readonly #placed = new RateMeter();
  readonly #sent = new RateMeter();
  readonly #links: readonly PageLink[];

  constructor(
    private readonly orders: OrdersService,
    private readonly mail: MailProvider,
    private readonly queues: QueueWatch,
    private readonly stock: StockWatch,
    private readonly supervisor: Supervisor,
    { dashboardPassword }: OrderConfig,
  ) {
    this.#links = [
      { path: '/orders', name: 'orders' },
      ...(dashboardPassword === undefined ? [] : [{ path: '/queues', name: 'queues' }]),
      { path: '/metrics', name: 'metrics' },
      { path: '/health/ready', name: 'health' },
    ];
    this.#figures = timer(0, LOOK_EVERY_MS).pipe(
      // The next look does not overtake one that takes too long.
      exhaustMap(() => this.#look()),
      shareReplay({ bufferSize: 1, refCount: true }),
    );
  }

  watch(): Observable<FiguresEvent> {
    return this.#figures;
  }

  async #look(): Promise<FiguresEvent> {
    try {
      return { type: 'figures', data: await this.#read() };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { type: 'trouble', data: { message } };
    }
  }

  async #read(): Promise<Figures> {
    const [{ total: placed }, sent, newest, queues, stock, processes] = await Promise.all([
      this.orders.list(0, 1),
      this.mail.countSent(),
      this.mail.newest(EMAILS_SHOWN),
      this.queues.queues(),
      this.stock.look(),
      this.supervisor.processes(),
    ]);
    const now = performance.now();
    return {
      placed,
      placedPerSecond: this.#placed.rate(placed, now),
      emails: {
        sent,
        sentPerSecond: this.#sent.rate(sent, now),
        newest: newest.map(({ orderId, to, subject }) => ({ orderId, to, subject })),
      },
      queues,
      deadLetters: await this.queues.deadLetters(queues),
      stock,
      processes,
      links: this.#links,
    };
  }
}
