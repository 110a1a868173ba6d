import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import type { ClusterOptions } from '../../libs/redis-queue-transport/src/redis/address/cluster-settings.js';
import { eventually } from './eventually.js';
import { RedisRig } from './redis-rig.js';

/** The settings of a node of a cluster. */
export const CLUSTER_SETTINGS = { 'cluster-enabled': 'yes', 'cluster-config-file': 'nodes.conf' };

/** A cluster of one node that has all slots: it refuses every call with keys of several slots. */
export class LoneCluster extends RedisRig {
  constructor() {
    super({ settings: CLUSTER_SETTINGS });
  }

  override get connection(): ClusterOptions {
    return { nodes: [this.redis.url] };
  }

  protected override async launch(): Promise<void> {
    await super.launch();
    await this.commands.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await eventually(async () => {
      const info = String(await this.commands.cluster('INFO'));
      if (!info.includes('cluster_state:ok')) throw new Error(info);
    });
  }
}

/** A rig that lives as long as the spec file. Call it at the top of one. */
export function loneCluster(): LoneCluster {
  const rig = new LoneCluster();
  beforeAll(() => rig.start());
  afterAll(() => rig.stop());
  beforeEach(() => rig.beginTest());
  afterEach(() => rig.endTest());
  return rig;
}
