import type { ServiceName, Shop } from '../shop.js';
import type { ServiceProcess } from '../service-process.js';
import { Refusal } from './supervisor.js';

/** A process as order-service shows it. The shape is repeated here, since the service is a separate program. */
export interface ProcessRow {
  readonly service: ServiceName;
  /** Undefined while it is starting. */
  readonly pid: number | undefined;
  readonly servesPage: boolean;
}

/** Each takes about 100 MB. */
const MOST_REPLICAS = 4;

const names: readonly ServiceName[] = ['order-service', 'inventory-service'];

/** The shop as the page sees it: a replica of order-service that serves it, and others that come and go. */
export class PageShop {
  #page: ServiceProcess | undefined;
  readonly #starting: ServiceName[] = [];

  constructor(private readonly shop: Shop) {}

  /** Replicas of both services, and the one that serves the page. Resolves with that one. */
  async open(supervisorUrl: string): Promise<ServiceProcess> {
    const starts = await Promise.allSettled([
      this.shop.start('order-service', { ROLE: 'web', DEMO_SUPERVISOR_URL: supervisorUrl }),
      this.shop.start('order-service'),
      this.shop.start('inventory-service'),
      this.shop.start('inventory-service'),
    ]);
    // Only after all have settled: a start that is under way would go on while everything is being stopped.
    for (const start of starts) {
      if (start.status === 'rejected') throw start.reason;
    }
    const [page] = starts;
    if (page.status === 'rejected') throw page.reason;
    this.#page = page.value;
    return page.value;
  }

  /** Whether this process serves the page, so that without it nothing can be seen. */
  servesPage(service: ServiceProcess): boolean {
    return service === this.#page;
  }

  /** The processes, in the order in which they were started. */
  get processes(): ProcessRow[] {
    const running = names.flatMap((service) =>
      this.shop.running(service).map((process) => ({
        service,
        pid: process.pid,
        servesPage: this.servesPage(process),
      })),
    );
    const starting = this.#starting.map((service) => ({
      service,
      pid: undefined,
      servesPage: false,
    }));
    return [...running, ...starting];
  }

  /** Starts one more replica. Resolves when it is ready. */
  async start(name: ServiceName): Promise<void> {
    const count = this.processes.filter(({ service }) => service === name).length;
    if (count >= MOST_REPLICAS) {
      throw new Refusal(409, `${count} processes of ${name} are enough for one machine`);
    }
    this.#starting.push(name);
    try {
      await this.shop.start(name);
    } finally {
      this.#starting.splice(this.#starting.indexOf(name), 1);
    }
  }

  /** SIGKILL. Resolves when it is gone. */
  async kill(pid: number): Promise<void> {
    for (const name of names) {
      const process = this.shop.running(name).find((running) => running.pid === pid);
      if (process === undefined) continue;
      if (this.servesPage(process)) throw new Refusal(409, `process ${pid} serves the page`);
      return this.shop.kill(name, process);
    }
    throw new Refusal(404, `process ${pid} is not one of the shop's, or has ended`);
  }
}

export function isServiceName(name: string | undefined): name is ServiceName {
  return names.some((known) => known === name);
}
