import type { ConnectionOption } from '../../libs/redis-queue-transport/src/open-broker.js';
import { RedisWorld } from '../contract/redis-world.js';
import type { LoneCluster } from '../support/lone-cluster.js';

/** The contract's world on a cluster of one node. */
export class LoneClusterWorld extends RedisWorld {
  constructor(
    private readonly cluster: LoneCluster,
    blockingConnections?: number,
  ) {
    super(cluster, blockingConnections);
  }

  protected override connectionTo(port: number): ConnectionOption {
    const own = `127.0.0.1:${this.cluster.redis.port}`;
    return { nodes: [{ host: '127.0.0.1', port }], natMap: { [own]: { host: '127.0.0.1', port } } };
  }
}
