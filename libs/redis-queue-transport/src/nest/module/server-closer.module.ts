import { Module } from '@nestjs/common';
import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { PrintableLogger } from '../log/printable-logger.js';
import { warnOfOtherTransports } from '../internals/other-transports.js';
import type { RpcTarget } from '../internals/other-transports.js';
import { isRedisQueueServer } from '../server/redis-queue-server.js';
import { warnOfIdleServers, warnOfUnclearProviders } from './unclear-providers.js';

/** Nest destroys modules by their distance from the root module, which has 1: the near ones first. */
const BEFORE_THE_ROOT = -1;

/**
 * Closes this library's servers before anything else of the app is destroyed. A standalone app's `close()` does so by
 * itself. After a signal, and in hybrid apps, Nest would only close them after destroying what their handlers need.
 */
@Module({})
export class ServerCloserModule implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new PrintableLogger('RedisQueueServer');

  constructor(private readonly modules: ModulesContainer) {
    for (const module of modules.values()) {
      if (module.metatype === ServerCloserModule) module.distance = BEFORE_THE_ROOT;
    }
  }

  onApplicationBootstrap(): void {
    const connected = this.#servers();
    warnOfUnclearProviders(this.modules, this.#logger);
    warnOfIdleServers(this.modules, connected, this.#logger);
    const servers = [...connected];
    if (!servers.some((server) => isRedisQueueServer(server))) return;
    const served = new Set(servers.map(({ transportId }) => transportId));
    warnOfOtherTransports(this.modules, served, this.#logger);
  }

  async onModuleDestroy(): Promise<void> {
    const servers = [...this.#servers()].filter((server) => isRedisQueueServer(server));
    await Promise.all(servers.map((server) => server.close()));
  }

  /** The servers of all transports. */
  #servers(): ReadonlySet<RpcTarget> {
    const servers = new Set<RpcTarget>();
    // The registry replays all servers added so far, synchronously.
    const registry = this.modules.getRpcTargetRegistry<RpcTarget>().subscribe((target) => {
      servers.add(target);
    });
    registry.unsubscribe();
    return servers;
  }
}
