export interface OrderLine {
  readonly sku: string;
  readonly quantity: number;
}

/** What order-service said to one order. */
export type Answer =
  | { readonly kind: 'accepted'; readonly orderId: string; readonly lines: readonly OrderLine[] }
  | { readonly kind: 'refused'; readonly reasons: readonly string[] }
  | { readonly kind: 'failed'; readonly detail: string };

export interface SendOptions {
  readonly address: string;
  /** Orders as text, sent as they are: some are not even JSON. */
  readonly orders: Iterable<string>;
  /** How many requests are open at a time. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  readonly onAnswer: (answer: Answer) => void;
}

const ANSWER_WITHIN_MS = 15_000;

/** Posts each order once. Rejects only if the signal fires; what goes wrong is an answer too. */
export async function sendOrders(options: SendOptions): Promise<void> {
  // One iterator for all lanes: each takes the next order when its last one is answered.
  const orders = options.orders[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (let next = orders.next(); next.done !== true; next = orders.next()) {
      options.onAnswer(await sendOrder(next.value, options));
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, lane));
}

async function sendOrder(order: string, { address, signal }: SendOptions): Promise<Answer> {
  try {
    const response = await fetch(`${address}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
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
        lines: (JSON.parse(order) as { lines: OrderLine[] }).lines,
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

/** fetch says no more than "fetch failed"; why is in its cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
