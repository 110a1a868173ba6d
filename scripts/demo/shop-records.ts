import type { Redis } from 'ioredis';

const ANSWER_WITHIN_MS = 10_000;

export interface SentEmail {
  readonly orderId: string;
  readonly outcome: string;
}

/** The part of order-service's answer that the demo looks at. */
export interface OrderRecord {
  readonly id: string;
  readonly status: string;
  readonly placedAt: string;
  readonly settledAt?: string;
}

/**
 * Reads what the services have recorded. The keys and shapes are repeated here on purpose: an audit that used the
 * services' own code would share their mistakes.
 */
export class ShopRecords {
  constructor(
    private readonly redis: Redis,
    private readonly dataPrefix: string,
    private readonly orderService: () => string,
  ) {}

  /** The orders as users see them, through `GET /orders`. */
  async orderStatuses(signal?: AbortSignal): Promise<Map<string, string>> {
    const pageSize = 500;
    const statuses = new Map<string, string>();
    for (let offset = 0, total = 1; offset < total; offset += pageSize) {
      const page = await this.#orderPage(offset, pageSize, signal);
      for (const { id, status } of page.orders) statuses.set(id, status);
      total = page.total;
    }
    return statuses;
  }

  async outcomes(): Promise<Map<string, string>> {
    const records = await this.redis.hgetall(this.#stockKey('outcomes'));
    return new Map(
      Object.entries(records).map(([orderId, record]) => [
        orderId,
        (JSON.parse(record) as { status: string }).status,
      ]),
    );
  }

  countOutcomes(): Promise<number> {
    return this.redis.hlen(this.#stockKey('outcomes'));
  }

  countEmails(): Promise<number> {
    return this.redis.llen(this.#sentKey);
  }

  /** In the order in which they were sent. */
  async emails(): Promise<SentEmail[]> {
    const emails = await this.redis.lrange(this.#sentKey, 0, -1);
    return emails.map((email) => JSON.parse(email) as SentEmail);
  }

  /** Ids of the orders that were charged, in that order. */
  charges(): Promise<string[]> {
    return this.redis.lrange(`${this.dataPrefix}:{bank}:charges`, 0, -1);
  }

  async countChargeCalls(): Promise<number> {
    return Number(await this.redis.get(`${this.dataPrefix}:{bank}:calls`));
  }

  unitsSeeded(): Promise<Map<string, number>> {
    return this.#numbers('seeded');
  }

  unitsLeft(): Promise<Map<string, number>> {
    return this.#numbers('units');
  }

  async countRedelivered(): Promise<number> {
    const times = await this.#numbers('redelivered');
    return [...times.values()].reduce((sum, count) => sum + count, 0);
  }

  async order(id: string, signal?: AbortSignal): Promise<OrderRecord> {
    return (await this.#get(`/orders/${id}`, signal)) as OrderRecord;
  }

  async #orderPage(
    offset: number,
    limit: number,
    signal: AbortSignal | undefined,
  ): Promise<{ total: number; orders: OrderRecord[] }> {
    const path = `/orders?offset=${offset}&limit=${limit}`;
    return (await this.#get(path, signal)) as { total: number; orders: OrderRecord[] };
  }

  async #get(path: string, signal: AbortSignal | undefined): Promise<unknown> {
    const url = `${this.orderService()}${path}`;
    const response = await fetch(url, {
      signal: AbortSignal.any([AbortSignal.timeout(ANSWER_WITHIN_MS), ...(signal ? [signal] : [])]),
    });
    if (!response.ok) throw new Error(`GET ${url} answered ${response.status}`);
    return response.json();
  }

  async #numbers(name: string): Promise<Map<string, number>> {
    const values = await this.redis.hgetall(this.#stockKey(name));
    return new Map(Object.entries(values).map(([field, value]) => [field, Number(value)]));
  }

  get #sentKey(): string {
    return `${this.dataPrefix}:{mail}:sent`;
  }

  #stockKey(name: string): string {
    return `${this.dataPrefix}:{stock}:${name}`;
  }
}
