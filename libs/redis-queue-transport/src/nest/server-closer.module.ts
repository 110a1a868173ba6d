import { Module } from '@nestjs/common';
import type { OnModuleDestroy } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { RedisQueueServer } from './redis-queue-server.js';

/** Nest destroys modules by their distance from the root module, which has 1: the near ones first. */
const BEFORE_THE_ROOT = -1;

/**
 * Closes this library's servers before anything else of the app is destroyed. A standalone app's `close()` does so by
 * itself; after a signal, and in hybrid apps, Nest would close them only when what their handlers need is gone.
 */
@Module({})
export class ServerCloserModule implements OnModuleDestroy {
  constructor(private readonly modules: ModulesContainer) {
    for (const module of modules.values()) {
      if (module.metatype === ServerCloserModule) module.distance = BEFORE_THE_ROOT;
    }
  }

  async onModuleDestroy(): Promise<void> {
    const servers = new Set<RedisQueueServer>();
    // A replay of all that were added so far: what it has to say it says at once.
    const registry = this.modules.getRpcTargetRegistry<unknown>().subscribe((target) => {
      if (target instanceof RedisQueueServer) servers.add(target);
    });
    registry.unsubscribe();
    await Promise.all([...servers].map((server) => server.close()));
  }
}
