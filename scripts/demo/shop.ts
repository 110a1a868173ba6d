import { join } from 'node:path';
import { describeExit, ServiceProcess } from './service-process.js';

export interface ShopOptions {
  readonly redisUrl: string;
  readonly queuePrefix?: string;
  readonly dataPrefix?: string;
  /** Where the services keep their files. */
  readonly directory: string;
  /** More variables for both services. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal;
  /** Told when a service ends that nobody has asked to. */
  readonly onCrash?: (error: Error) => void;
}

/** The two services, each as a process of its own, on one Redis. */
export class Shop {
  #orders: ServiceProcess | undefined;
  #inventory: ServiceProcess | undefined;
  /** Ends that are no crash. */
  readonly #asked = new WeakSet<ServiceProcess>();

  constructor(private readonly options: ShopOptions) {}

  get outboxFile(): string {
    return join(this.options.directory, 'emails.jsonl');
  }

  /** Where order-service listens. */
  get address(): string {
    if (this.#orders === undefined) throw new Error('order-service is not running');
    return this.#orders.address;
  }

  get ordersPid(): number | undefined {
    return this.#orders?.pid;
  }

  get inventoryPid(): number | undefined {
    return this.#inventory?.pid;
  }

  /** Both. Rejects when neither start is under way any more. */
  async start(): Promise<void> {
    const starts = await Promise.allSettled([this.startOrders(), this.startInventory()]);
    for (const start of starts) {
      if (start.status === 'rejected') throw start.reason;
    }
  }

  async startOrders(): Promise<void> {
    this.#orders = await this.#start('order-service', {
      HOST: '127.0.0.1',
      PORT: '0',
      OUTBOX_FILE: this.outboxFile,
    });
  }

  async startInventory(): Promise<void> {
    this.#inventory = await this.#start('inventory-service', {});
  }

  /** SIGKILL. Resolves when the process is gone. */
  async killInventory(): Promise<void> {
    const service = this.#inventory;
    if (service === undefined) throw new Error('inventory-service is not running');
    this.#inventory = undefined;
    this.#asked.add(service);
    await service.kill();
  }

  /** SIGTERM. Resolves when the process is gone; does nothing if there is none. */
  async stopInventory(): Promise<void> {
    const service = this.#inventory;
    this.#inventory = undefined;
    await this.#stop(service);
  }

  /** Both. May be called twice. */
  async stop(): Promise<void> {
    await this.stopInventory();
    const service = this.#orders;
    this.#orders = undefined;
    await this.#stop(service);
  }

  async #start(name: string, environment: Record<string, string>): Promise<ServiceProcess> {
    const { redisUrl, queuePrefix = 'rq', dataPrefix = 'shop', signal } = this.options;
    const service = await ServiceProcess.start({
      name,
      environment: {
        REDIS_URL: redisUrl,
        QUEUE_PREFIX: queuePrefix,
        DATA_PREFIX: dataPrefix,
        ...this.options.environment,
        ...environment,
      },
      signal,
    });
    void this.#reportCrash(service);
    return service;
  }

  async #stop(service: ServiceProcess | undefined): Promise<void> {
    if (service === undefined) return;
    this.#asked.add(service);
    await service.stop();
  }

  async #reportCrash(service: ServiceProcess): Promise<void> {
    const exit = await service.exited;
    if (!this.#asked.has(service)) {
      this.options.onCrash?.(
        new Error(`${service.name} is gone: ${describeExit(exit)}. Its output:\n${service.output}`),
      );
    }
  }
}
