import type { AdminBroker } from '../../core/admin/admin-broker.js';
import { BROKER_SOURCE } from '../../core/source/broker-source.js';
import type {
  BrokerEvents,
  BrokerSettings,
  BrokerSource,
  OpenBroker,
  PlaceSettings,
} from '../../core/source/broker-source.js';
import { openAdmin, openBroker } from '../../open-broker.js';
import type { ConnectionSource } from '../../open-broker.js';
import type { Dead } from './dead.js';
import type { Traffic } from './traffic.js';
import { WatchedBroker } from './watched-broker.js';

/** The connection of one app: to the place of the kit, through brokers that tell what goes by and can crash. */
export class WatchedSource implements BrokerSource {
  readonly [BROKER_SOURCE] = true;
  readonly #brokers: WatchedBroker[] = [];

  constructor(
    private readonly connection: ConnectionSource,
    private readonly traffic: Traffic,
    private readonly dead: Dead,
  ) {}

  open(settings: BrokerSettings, events: BrokerEvents): OpenBroker {
    const { connection } = this;
    const opened = openBroker({ ...settings, connection }, events);
    const broker = new WatchedBroker(opened.broker, this.traffic, this.dead);
    this.#brokers.push(broker);
    return { ...opened, broker };
  }

  openAdmin(settings: PlaceSettings): AdminBroker {
    const { connection } = this;
    return openAdmin({ ...settings, connection });
  }

  /** The process of the app's servers dies, and is started again. */
  crash(): void {
    for (const broker of this.#brokers) broker.crash();
  }
}
