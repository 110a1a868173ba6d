import { Module } from '@nestjs/common';
import type {
  DynamicModule,
  InjectionToken,
  ModuleMetadata,
  OptionalFactoryDependency,
  Provider,
  Type,
} from '@nestjs/common';
import type { AsyncMicroserviceOptions } from '@nestjs/microservices';
import { InvalidOptionError } from '../../core/errors/start-errors.js';
import { REPLACEMENT } from '../../core/source/replacement.js';
import type { Replacement } from '../../core/source/replacement.js';
import {
  resolveAdminOptions,
  resolveClientOptions,
  resolveServerOptions,
} from '../options/resolve-options.js';
import type { ResolvedClientOptions } from '../options/resolve-options.js';
import type {
  RedisQueueAdminOptions,
  RedisQueueClientOptions,
  RedisQueueServerOptions,
} from '../options/options.js';
import { RedisQueueAdmin } from '../admin/redis-queue-admin.js';
import { RedisQueueClient } from '../client/redis-queue-client.js';
import { RedisQueueServer } from '../server/redis-queue-server.js';
import { replacedSettings } from './replaced-settings.js';
import { ServerCloserModule } from './server-closer.module.js';

interface Placement {
  /** Token under which the client is injected. Default: the class `RedisQueueClient`. */
  readonly name?: InjectionToken | undefined;
  /** Whether every module can inject it without importing this one. Default false. */
  readonly isGlobal?: boolean | undefined;
}

/** Options of the client, and of a server beside it. */
export interface RedisQueueSettings extends RedisQueueClientOptions {
  /**
   * Provides a `RedisQueueServer` too, with these options. Options that it shares with the client (connection, prefix,
   * codecs, observers …) default to those of the client. Start it with {@link RedisQueueModule.microservice}. Default:
   * no server.
   */
  readonly server?: RedisQueueServerOptions | undefined;
}

export type RedisQueueModuleOptions = RedisQueueSettings & Placement;

/** For `useClass` and `useExisting`. */
export interface RedisQueueOptionsFactory {
  createRedisQueueOptions(): Settings;
}

type Settings = RedisQueueSettings | Promise<RedisQueueSettings>;

/** The tokens of what a user's factory returned, and of the options resolved from that. */
const GIVEN = Symbol('GIVEN');
const SETTINGS = Symbol('SETTINGS');

/** The resolved options of everything that the module provides. */
interface ResolvedSettings {
  readonly client: RedisQueueClientOptions;
  readonly admin: RedisQueueAdminOptions;
  readonly server: RedisQueueServerOptions | undefined;
}

const RESOLVE = {
  provide: SETTINGS,
  useFactory: (given: RedisQueueSettings, replacement: Replacement | undefined) =>
    resolveSettings(given, replacement),
  inject: [GIVEN, REPLACEMENT],
};

type Source =
  | {
      // As in Nest's own modules: the author of the factory knows what is injected.
      // eslint-disable-next-line @typescript-eslint/no-explicit-any
      readonly useFactory: (...dependencies: any[]) => Settings;
      readonly inject?: readonly (InjectionToken | OptionalFactoryDependency)[];
    }
  | { readonly useClass: Type<RedisQueueOptionsFactory> }
  | { readonly useExisting: InjectionToken<RedisQueueOptionsFactory> };

export type RedisQueueModuleAsyncOptions = Placement & Source & Pick<ModuleMetadata, 'imports'>;

/** The injection token of the admin of a named client; without a name, the class. */
export function redisQueueAdminToken(name?: InjectionToken): InjectionToken {
  return tokenOf(RedisQueueAdmin, name);
}

/** The injection token of the server beside a named client; without a name, the class. */
export function redisQueueServerToken(name?: InjectionToken): InjectionToken {
  return tokenOf(RedisQueueServer, name);
}

function tokenOf(provided: Type, name: InjectionToken | undefined): InjectionToken {
  if (name === undefined || name === RedisQueueClient) return provided;
  return `${provided.name} of ${typeof name === 'function' ? name.name : String(name)}`;
}

/**
 * Provides a {@link RedisQueueClient}, a {@link RedisQueueAdmin}, and with the option `server` a {@link
 * RedisQueueServer}, and closes them with the app. In an app that imports it, however the app ends, this library's
 * servers are closed and their handlers have ended before any provider is destroyed.
 */
@Module({ imports: [ServerCloserModule] })
export class RedisQueueModule {
  static register(options: RedisQueueModuleOptions = {}): DynamicModule {
    const { name, isGlobal, ...settings } = options;
    // Resolved here and not by the injector, so that a wrong option fails where it was written.
    const resolved = resolveSettings(settings);
    const resolve = (replacement: Replacement | undefined): ResolvedSettings =>
      replacement === undefined ? resolved : resolveSettings(settings, replacement);
    const provided = { provide: SETTINGS, useFactory: resolve, inject: [REPLACEMENT] };
    return assemble({ name, isGlobal }, provided);
  }

  /**
   * Starts the server of the module: `NestFactory.createMicroservice(AppModule, RedisQueueModule.microservice())`, or
   * `app.connectMicroservice(RedisQueueModule.microservice())`.
   */
  static microservice({ name }: Pick<Placement, 'name'> = {}): AsyncMicroserviceOptions {
    return {
      inject: [redisQueueServerToken(name)],
      useFactory: (server: RedisQueueServer | undefined) => {
        if (server !== undefined) return { strategy: server };
        throw new InvalidOptionError(
          'server',
          'The RedisQueueModule of this app has no server: set its option server, for example server: { group: "billing" } or server: {}',
        );
      },
    };
  }

  static registerAsync(options: RedisQueueModuleAsyncOptions): DynamicModule {
    const ask = (factory: RedisQueueOptionsFactory): Settings => factory.createRedisQueueOptions();
    if ('useFactory' in options) {
      const { useFactory, inject = [] } = options;
      return assemble(options, { provide: GIVEN, useFactory, inject: [...inject] }, RESOLVE);
    }
    if ('useClass' in options) {
      const { useClass } = options;
      const asked = { provide: GIVEN, useFactory: ask, inject: [useClass] };
      return assemble(options, useClass, asked, RESOLVE);
    }
    const { useExisting } = options;
    const asked = { provide: GIVEN, useFactory: ask, inject: [useExisting] };
    return assemble(options, asked, RESOLVE);
  }
}

/** The providers of the options, raw and resolved. */
function assemble(
  {
    name = RedisQueueClient,
    isGlobal = false,
    imports = [],
  }: Placement & Pick<ModuleMetadata, 'imports'>,
  ...sources: Provider[]
): DynamicModule {
  const client = {
    provide: name,
    useFactory: (settings: ResolvedSettings) => new RedisQueueClient(settings.client),
    inject: [SETTINGS],
  };
  const admin = {
    provide: RedisQueueAdmin,
    useFactory: (settings: ResolvedSettings) => new RedisQueueAdmin(settings.admin),
    inject: [SETTINGS],
  };
  const server = {
    provide: redisQueueServerToken(name),
    useFactory: ({ server: options }: ResolvedSettings) => options && new RedisQueueServer(options),
    inject: [SETTINGS],
  };
  const adminOfName = redisQueueAdminToken(name);
  // Not an alias (useExisting): then injecting by class could not be told from injecting by name.
  const byName = {
    provide: adminOfName,
    useFactory: (same: RedisQueueAdmin) => same,
    inject: [RedisQueueAdmin],
  };
  const namedAdmins = adminOfName === RedisQueueAdmin ? [] : [byName];
  return {
    module: RedisQueueModule,
    global: isGlobal,
    imports,
    providers: [
      { provide: REPLACEMENT, useFactory: () => undefined },
      ...sources,
      client,
      admin,
      server,
      ...namedAdmins,
    ],
    exports: [name, RedisQueueAdmin, server.provide, ...namedAdmins.map(({ provide }) => provide)],
  };
}

/** A factory may have forgotten to return anything. @throws InvalidOptionError */
function resolveSettings(given: RedisQueueSettings, replacement?: Replacement): ResolvedSettings {
  const isObject = typeof given === 'object' && given !== null;
  const isReplaced = isObject && replacement !== undefined;
  const settings = isReplaced ? replacedSettings(given, replacement) : given;
  const { server, ...ofClient } = isObject ? settings : {};
  const client = resolveClientOptions(isObject ? ofClient : given);
  const resolved = {
    client,
    admin: resolveAdminOptions(adminOptionsOf(client)),
    server: server && resolveServerOptions(serverOptionsOf(client, server)),
  };
  // Only the connection differs: it is already resolved.
  return resolved as unknown as ResolvedSettings;
}

function adminOptionsOf(client: ResolvedClientOptions): Parameters<typeof resolveAdminOptions>[0] {
  const { connection, prefix, connectTimeoutMs, maxPayloadBytes, observers } = client;
  const codecs = [client.codec, ...client.codecs];
  return { connection, prefix, connectTimeoutMs, codecs, maxPayloadBytes, observers };
}

/** The options that a server shares with its client, and takes from it by default. */
function serverOptionsOf(
  client: ResolvedClientOptions,
  server: RedisQueueServerOptions,
): Parameters<typeof resolveServerOptions>[0] {
  const { connection, prefix, connectTimeoutMs, serializer, deserializer } = client;
  const { codec, codecs, maxPayloadBytes, compressAboveBytes, observers } = client;
  const place = { connection, prefix, connectTimeoutMs, serializer, deserializer, observers };
  const own = Object.fromEntries(Object.entries(server).filter(([, value]) => value !== undefined));
  return { ...place, codec, codecs, maxPayloadBytes, compressAboveBytes, ...own };
}
