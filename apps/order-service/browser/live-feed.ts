import type { ChangedOrders, Figures, Snapshot, Trouble } from './live-view.js';

export interface FeedListener {
  readonly snapshot: (snapshot: Snapshot) => void;
  readonly orders: (orders: ChangedOrders) => void;
  readonly figures: (figures: Figures) => void;
  readonly trouble: (trouble: Trouble) => void;
  /** The stream was cut. It comes back by itself, with a snapshot. */
  readonly cut: () => void;
}

const AGAIN_AFTER_MS = 1_000;

/** Listens to order-service for as long as the page is open. */
export function listen(listener: FeedListener): void {
  const source = new EventSource('/live');
  // The stream comes from the same service as the page, which types it.
  const hear = <T>(type: string, hearer: (data: T) => void): void => {
    source.addEventListener(type, (event: MessageEvent<string>) =>
      hearer(JSON.parse(event.data) as T),
    );
  };
  hear('snapshot', listener.snapshot);
  hear('orders', listener.orders);
  hear('figures', listener.figures);
  hear('trouble', listener.trouble);
  source.addEventListener('error', () => {
    listener.cut();
    // The browser reconnects by itself, unless it got something other than a stream.
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(() => listen(listener), AGAIN_AFTER_MS);
    }
  });
}
