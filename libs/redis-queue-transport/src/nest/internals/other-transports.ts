import type { Logger } from '@nestjs/common';
import { MetadataScanner } from '@nestjs/core';
import type { ModulesContainer } from '@nestjs/core';
import { Transport } from '@nestjs/microservices';
import { ListenerMetadataExplorer } from '@nestjs/microservices/listener-metadata-explorer.js';

/** Undefined for a server that accepts handlers of every transport. */
type TransportId = Transport | symbol | undefined;

/** A server of the app, of any transport. */
export interface RpcTarget {
  readonly transportId?: TransportId;
}

/**
 * Warns about handlers that name a transport that no server of the app has: Nest skips them silently. They are often left
 * from a migration, as in `@MessagePattern('x', Transport.REDIS)`.
 */
export function warnOfOtherTransports(
  modules: ModulesContainer,
  served: ReadonlySet<TransportId>,
  logger: Logger,
): void {
  if (served.has(undefined)) return;
  const explorer = new ListenerMetadataExplorer(new MetadataScanner());
  for (const { controllers } of modules.values()) {
    for (const { instance, name } of controllers.values()) {
      if (typeof instance !== 'object' || instance === null) continue;
      for (const handler of explorer.explore(instance)) {
        const { transport, patterns, methodKey, isEventHandler } = handler;
        if (transport === undefined || served.has(transport)) continue;
        const decorator = isEventHandler ? '@EventPattern' : '@MessagePattern';
        const shown = patterns.map((pattern) => JSON.stringify(pattern)).join(', ');
        logger.warn(
          `${decorator}(${shown}, ${nameOf(transport)}) of ${String(name)}.${methodKey} is not served: no server of this ` +
            'app has this transport. Leave the transport out, or name REDIS_QUEUE_TRANSPORT.',
        );
      }
    }
  }
}

function nameOf(transport: Transport | symbol): string {
  return typeof transport === 'symbol' ? String(transport) : `Transport.${Transport[transport]}`;
}
