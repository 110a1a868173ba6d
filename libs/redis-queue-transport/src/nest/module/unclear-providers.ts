import type { InjectionToken, Logger } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { RedisQueueAdmin } from '../admin/redis-queue-admin.js';
import { RedisQueueClient } from '../client/redis-queue-client.js';
import { RedisQueueServer } from '../server/redis-queue-server.js';
import { isRedisQueueServer } from '../server/redis-queue-server.js';

type Module = ModulesContainer extends Map<string, infer M> ? M : never;
type Wrapper = Module['providers'] extends Map<InjectionToken, infer W> ? W : never;

/** Classes that each registration of the module may provide. */
const PROVIDED = [RedisQueueAdmin, RedisQueueClient, RedisQueueServer] as const;

/** Warns if Nest silently injects the first of several. */
export function warnOfUnclearProviders(modules: ModulesContainer, logger: Logger): void {
  for (const module of modules.values()) {
    for (const provided of PROVIDED) {
      const sources = [...module.imports].filter((imported) => imported.exports.has(provided));
      if (sources.length < 2) continue;
      for (const wrapper of [...module.controllers.values(), ...module.providers.values()]) {
        if (!dependenciesOf(wrapper).includes(provided)) continue;
        logger.warn(
          `${String(wrapper.name)} of ${module.name} gets one of ${sources.length} ${provided.name}s: that of the module ` +
            'that is imported first. Inject the one that you mean by name: a client by the name itself, its admin by ' +
            'redisQueueAdminToken(name), its server by redisQueueServerToken(name).',
        );
      }
    }
  }
}

/** Warns about servers that a module provides but nothing starts. */
export function warnOfIdleServers(
  modules: ModulesContainer,
  connected: ReadonlySet<unknown>,
  logger: Logger,
): void {
  const provided = [...modules.values()].flatMap(({ providers }) => [...providers.values()]);
  const servers = new Set(provided.map(({ instance }): unknown => instance));
  const idle = [...servers].filter(
    (instance) => isRedisQueueServer(instance) && !connected.has(instance),
  );
  if (idle.length === 0) return;
  logger.warn(
    'RedisQueueModule has a server that nothing starts, so it serves no handlers. Create the app with ' +
      'NestFactory.createMicroservice(AppModule, RedisQueueModule.microservice()), or call ' +
      'app.connectMicroservice(RedisQueueModule.microservice()) before app.init().',
  );
}

function dependenciesOf(wrapper: Wrapper): readonly InjectionToken[] {
  const ofConstructor = wrapper.getCtorMetadata() ?? [];
  const ofProperties = (wrapper.getPropertiesMetadata() ?? []).map(({ wrapper: found }) => found);
  return [...ofConstructor, ...ofProperties].map(({ token }) => token);
}
