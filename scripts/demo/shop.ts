import { describeExit, ServiceProcess } from './service-process.js';

export type ServiceName = 'order-service' | 'inventory-service';

export interface ShopOptions {
  readonly redisUrl: string;
  readonly queuePrefix?: string;
  readonly dataPrefix?: string;
  /** More variables for both services. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal;
  /** Called when a service ends unasked. */
  readonly onCrash?: (error: Error) => void;
}

/** The two services on one Redis. Each has any number of replicas, and each replica is a process. */
export class Shop {
  readonly #running: Record<ServiceName, readonly ServiceProcess[]> = {
    'order-service': [],
    'inventory-service': [],
  };
  /** Services that were asked to end: that is not a crash. */
  readonly #asked = new WeakSet<ServiceProcess>();

  constructor(private readonly options: ShopOptions) {}

  /** Replicas that are up, the oldest first. */
  running(name: ServiceName): readonly ServiceProcess[] {
    return this.#running[name];
  }

  /** Where the replicas of order-service listen; empty while none is up. */
  get addresses(): readonly string[] {
    return this.running('order-service').map(({ address }) => address);
  }

  /** Where one of them listens. */
  get address(): string {
    const [address] = this.addresses;
    if (address === undefined) throw new Error('order-service is not running');
    return address;
  }

  /** Starts replicas of both services. If a start fails, rejects once no other start is under way. */
  async open(replicas = 1): Promise<void> {
    const names = Array.from({ length: replicas }, () => ['order-service', 'inventory-service']);
    // The compiler does not infer the type of the array.
    const starts = await Promise.allSettled(
      (names.flat() as ServiceName[]).map((name) => this.start(name)),
    );
    for (const start of starts) {
      if (start.status === 'rejected') throw start.reason;
    }
  }

  /** Starts one more replica. @param environment more variables for it alone */
  async start(
    name: ServiceName,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<ServiceProcess> {
    const { redisUrl, queuePrefix = 'rq', dataPrefix = 'shop', signal } = this.options;
    const service = await ServiceProcess.start({
      name,
      environment: {
        REDIS_URL: redisUrl,
        QUEUE_PREFIX: queuePrefix,
        DATA_PREFIX: dataPrefix,
        HOST: '127.0.0.1',
        PORT: '0',
        ...this.options.environment,
        ...environment,
      },
      signal,
    });
    this.#running[name] = [...this.#running[name], service];
    void this.#reportCrash(service);
    return service;
  }

  /** SIGKILL for one replica, the oldest unless another is named. Resolves when the process is gone. */
  async kill(name: ServiceName, service = this.running(name)[0]): Promise<void> {
    if (service === undefined) throw new Error(`${name} is not running`);
    this.#forget(name, service);
    await service.kill();
  }

  /** SIGTERM for all replicas. Resolves when the processes are gone; does nothing if there are none. */
  async stop(name: ServiceName, hurry?: AbortSignal): Promise<void> {
    const stops = await Promise.allSettled(
      this.running(name).map(async (service) => {
        this.#forget(name, service);
        await service.stop(hurry);
      }),
    );
    for (const stop of stops) {
      if (stop.status === 'rejected') throw stop.reason;
    }
  }

  /**
   * Stops both services. May be called twice. @param hurry when it fires, processes that have not ended by themselves
   * are killed
   */
  async close(hurry?: AbortSignal): Promise<void> {
    try {
      await this.stop('inventory-service', hurry);
    } finally {
      await this.stop('order-service', hurry);
    }
  }

  #forget(name: ServiceName, service: ServiceProcess): void {
    this.#asked.add(service);
    this.#running[name] = this.#running[name].filter((other) => other !== service);
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
