export interface NewOrder {
  readonly customer: { readonly name: string; readonly email: string };
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
  readonly payment: 'card' | 'transfer';
}

/** What order-service said. */
export type Answer =
  | { readonly kind: 'accepted'; readonly id: string }
  | { readonly kind: 'refused'; readonly reasons: string };

const PAUSE_MS = 500;
const GIVE_UP_AFTER_MS = 60_000;

/**
 * Posts an order until the service responds. Every try has the same key, so that only one order is stored. Rejects
 * after a minute without a response.
 */
export async function placeOrder(order: NewOrder): Promise<Answer> {
  const key = crypto.randomUUID();
  const until = performance.now() + GIVE_UP_AFTER_MS;
  for (;;) {
    try {
      return await post(order, key);
    } catch (error) {
      if (performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

async function post(order: NewOrder, key: string): Promise<Answer> {
  const response = await fetch('/orders', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify(order),
  });
  const body: unknown = await response.json();
  if (response.status === 202) return { kind: 'accepted', id: (body as { id: string }).id };
  const { message } = body as { message: string | readonly string[] };
  const reasons = [message].flat().join('; ');
  if (response.status >= 400 && response.status < 500) return { kind: 'refused', reasons };
  throw new Error(reasons);
}
