import { Controller, type MessageEvent, type OnModuleDestroy, Sse } from '@nestjs/common';
import { merge, type Observable, ReplaySubject, takeUntil } from 'rxjs';
import { LiveOrders } from './live-orders.js';
import { ShopFigures } from './shop-figures.js';

@Controller()
export class LiveController implements OnModuleDestroy {
  /** Replays the end, so that a page which comes back while the service stops is let go too. */
  readonly #end = new ReplaySubject<void>(1);

  constructor(
    private readonly orders: LiveOrders,
    private readonly figures: ShopFigures,
  ) {}

  /** Server-sent events: `snapshot`, `orders`, `figures` and `trouble`. */
  @Sse('live')
  live(): Observable<MessageEvent> {
    return merge(this.orders.watch(), this.figures.watch()).pipe(takeUntil(this.#end));
  }

  /** The HTTP server closes when all its responses have ended, and this one never would. */
  onModuleDestroy(): void {
    this.#end.next();
  }
}
