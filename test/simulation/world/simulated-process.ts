import type { Broker } from '../../../libs/redis-queue-transport/src/core/broker/broker.js';
import { SendBudget } from '../../../libs/redis-queue-transport/src/core/requests/send-budget.js';
import { MemoryBroker } from '../../../libs/redis-queue-transport/src/memory/broker/memory-broker.js';
import type { Store } from '../../../libs/redis-queue-transport/src/memory/store/store.js';
import type { ProcessRuntime } from '../time/process-runtime.js';
import type { Cut } from './simulated-link.js';
import { SimulatedLink } from './simulated-link.js';
import type { StoreMachine } from './simulated-link.js';
import type { Network } from './network.js';

/** All that the store holds is under this prefix. */
export const PREFIX = 'rq';

const noop = (): void => undefined;

/** One process with a broker of its own. */
export class SimulatedProcess {
  readonly link: SimulatedLink;
  readonly broker: Broker;

  constructor(
    readonly name: string,
    readonly runtime: ProcessRuntime,
    store: Store,
    machine: StoreMachine,
    network: Network,
  ) {
    this.link = new SimulatedLink(name, runtime, machine, network);
    this.broker = new MemoryBroker(
      store,
      {
        prefix: PREFIX,
        connectTimeoutMs: 5_000,
        parkAboveBytes: false,
        budget: new SendBudget(10_000, 10_000_000),
        process: name,
        runtime,
        link: this.link,
      },
      { status: noop, interrupted: noop, unserved: noop, error: noop },
    );
  }

  /** From now on nothing of it runs. What it has sent can still arrive. */
  kill(cut: Cut): void {
    this.runtime.die();
    this.link.die(cut);
  }
}
