import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';

export interface OrderLine {
  readonly sku: string;
  readonly quantity: number;
}

/** What the demo sent, as far as the books need it. */
export interface SentOrder {
  readonly lines: readonly OrderLine[];
  readonly payment: 'card' | 'transfer';
}

/** What order-service answered to one order. */
export type Answer =
  | { readonly kind: 'accepted'; readonly orderId: string; readonly sent: SentOrder }
  | { readonly kind: 'refused'; readonly reasons: readonly string[] }
  | { readonly kind: 'failed'; readonly detail: string };

export interface SendOptions {
  /** Where the replicas of order-service are now. One of them is asked. */
  readonly addresses: () => readonly string[];
  /** Orders as text, sent as they are: some are not even JSON. */
  readonly orders: Iterable<string>;
  /** How many requests are open at a time. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  /** Called with each order's answer, and with how many times the order was sent. */
  readonly onAnswer: (answer: Answer, times: number) => void;
}

const ANSWER_WITHIN_MS = 15_000;
const GIVE_UP_AFTER_MS = 60_000;
const PAUSE_MS = 100;

/** Posts each order until it is answered. Rejects only if the signal fires; a failure is an answer too. */
export async function sendOrders(options: SendOptions): Promise<void> {
  // One iterator for all lanes: each takes the next order when its last one is answered.
  const orders = options.orders[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (let next = orders.next(); next.done !== true; next = orders.next()) {
      await sendOrder(next.value, options);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, lane));
}

/**
 * An order without an answer may or may not be placed: the service may have died on the way. It is sent again with the
 * same key, which makes it the same order.
 */
async function sendOrder(
  order: string,
  { addresses, signal, onAnswer }: SendOptions,
): Promise<void> {
  const key = randomUUID();
  const until = performance.now() + GIVE_UP_AFTER_MS;
  for (let times = 1; ; times += 1) {
    const known = addresses();
    const address = known[Math.floor(Math.random() * known.length)];
    const answer = await post(address, order, key, signal);
    if (answer.kind !== 'failed' || performance.now() > until) return onAnswer(answer, times);
    await setTimeout(PAUSE_MS);
    signal.throwIfAborted();
  }
}

async function post(
  address: string | undefined,
  order: string,
  key: string,
  signal: AbortSignal,
): Promise<Answer> {
  if (address === undefined) return { kind: 'failed', detail: 'order-service is not running' };
  try {
    const response = await fetch(`${address}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: order,
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
    });
    return readAnswer(order, response.status, await response.text());
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'failed', detail: `no answer: ${describe(error)}` };
  }
}

function readAnswer(order: string, status: number, text: string): Answer {
  switch (status) {
    case 202:
      return {
        kind: 'accepted',
        orderId: (JSON.parse(text) as { id: string }).id,
        // What was sent, not what came back: the books are checked against it.
        sent: { payment: 'card', ...(JSON.parse(order) as Pick<SentOrder, 'lines'>) },
      };
    case 400:
      return {
        kind: 'refused',
        reasons: [(JSON.parse(text) as { message: string[] }).message].flat(),
      };
    default:
      return { kind: 'failed', detail: `status ${status}: ${text}` };
  }
}

/** fetch only says "fetch failed"; the reason is in its cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
