import { Module } from '@nestjs/common';
import type {
  DynamicModule,
  InjectionToken,
  ModuleMetadata,
  OptionalFactoryDependency,
  Provider,
  Type,
} from '@nestjs/common';
import { jsonCodec } from '../core/codec.js';
import { resolveClientOptions } from './options.js';
import type { RedisQueueClientOptions } from './options.js';
import { RedisQueueAdmin } from './redis-queue-admin.js';
import { RedisQueueClient } from './redis-queue-client.js';
import { ServerCloserModule } from './server-closer.module.js';

interface Placement {
  /** Token under which the client is injected. Default: the class `RedisQueueClient`. */
  readonly name?: InjectionToken | undefined;
  /** Whether every module can inject it without importing this one. Default false. */
  readonly isGlobal?: boolean | undefined;
}

export type RedisQueueModuleOptions = RedisQueueClientOptions & Placement;

/** For `useClass` and `useExisting`. */
export interface RedisQueueOptionsFactory {
  createRedisQueueOptions(): ClientOptions;
}

type ClientOptions = RedisQueueClientOptions | Promise<RedisQueueClientOptions>;

const CLIENT_OPTIONS = Symbol('CLIENT_OPTIONS');

type Source =
  | {
      readonly useFactory: (...dependencies: never[]) => ClientOptions;
      readonly inject?: readonly (InjectionToken | OptionalFactoryDependency)[];
    }
  | { readonly useClass: Type<RedisQueueOptionsFactory> }
  | { readonly useExisting: InjectionToken<RedisQueueOptionsFactory> };

export type RedisQueueModuleAsyncOptions = Placement & Source & Pick<ModuleMetadata, 'imports'>;

/**
 * Provides a {@link RedisQueueClient} and a {@link RedisQueueAdmin}, and closes them with the app. Where it is imported,
 * this library's servers of the same app are closed, and their handlers waited for, before any provider is destroyed,
 * however the app ends.
 */
@Module({ imports: [ServerCloserModule] })
export class RedisQueueModule {
  static register(options: RedisQueueModuleOptions = {}): DynamicModule {
    const { name, isGlobal, ...clientOptions } = options;
    // Checked here and not by the injector, so that a wrong option fails where it is written.
    resolveClientOptions(clientOptions);
    return assemble({ name, isGlobal }, { provide: CLIENT_OPTIONS, useValue: clientOptions });
  }

  static registerAsync(options: RedisQueueModuleAsyncOptions): DynamicModule {
    const ask = (factory: RedisQueueOptionsFactory): ClientOptions =>
      factory.createRedisQueueOptions();
    if ('useFactory' in options) {
      const { useFactory, inject = [] } = options;
      return assemble(options, { provide: CLIENT_OPTIONS, useFactory, inject: [...inject] });
    }
    if ('useClass' in options) {
      const { useClass } = options;
      return assemble(options, useClass, {
        provide: CLIENT_OPTIONS,
        useFactory: ask,
        inject: [useClass],
      });
    }
    const { useExisting } = options;
    return assemble(options, { provide: CLIENT_OPTIONS, useFactory: ask, inject: [useExisting] });
  }
}

/** What provides the options, and what is made of them. */
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
    useFactory: (options: RedisQueueClientOptions) => new RedisQueueClient(checked(options)),
    inject: [CLIENT_OPTIONS],
  };
  const admin = {
    provide: RedisQueueAdmin,
    useFactory: (options: RedisQueueClientOptions) => {
      const { connection, prefix, connectTimeoutMs, maxPayloadBytes } = checked(options);
      const { codec = jsonCodec, codecs = [] } = options;
      return new RedisQueueAdmin({
        connection,
        prefix,
        connectTimeoutMs,
        codecs: [codec, ...codecs],
        maxPayloadBytes,
      });
    },
    inject: [CLIENT_OPTIONS],
  };
  return {
    module: RedisQueueModule,
    global: isGlobal,
    imports,
    providers: [...sources, client, admin],
    exports: [name, RedisQueueAdmin],
  };
}

/** A factory may have forgotten to answer anything. @throws InvalidOptionError */
function checked(options: RedisQueueClientOptions): RedisQueueClientOptions {
  resolveClientOptions(options);
  return options;
}
