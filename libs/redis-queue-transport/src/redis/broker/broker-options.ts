import type { BrokerSettings } from '../../core/source/broker-source.js';
import type { ConnectionSource } from '../connection/source.js';

export interface RedisBrokerOptions extends BrokerSettings {
  readonly connection: ConnectionSource;
  /** How many connections may block; only tests set it. */
  readonly blockingConnections?: number;
}
