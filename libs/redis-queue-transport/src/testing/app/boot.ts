import type { INestApplication, INestMicroservice } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import type { TestingModule } from '@nestjs/testing';
import { isMarked, mark } from '../../core/errors/mark.js';
import { REPLACEMENT } from '../../core/source/replacement.js';
import { RedisQueueServer } from '../../index.js';
import type { RedisQueueServerOptions } from '../../index.js';
import { TestKitError } from '../errors/test-kit-error.js';
import type { FaultInterceptor } from '../faults/fault.interceptor.js';
import type { RedisQueueTestAppOptions } from './app-options.js';

/** What an app gets from its kit. */
export interface BootParts {
  readonly name: string;
  readonly place: Required<Pick<RedisQueueServerOptions, 'connection' | 'prefix' | 'observers'>>;
  readonly interceptor: FaultInterceptor;
}

const SERVER = mark('server');

/** Makes the app of these options and starts it. Leaves nothing open if that fails. */
export async function boot(
  options: RedisQueueTestAppOptions,
  parts: BootParts,
): Promise<INestApplication | INestMicroservice> {
  const module = await compile(options, parts);
  try {
    const servers = serversOf(module, options, parts);
    if (options.http === true) return await startHybrid(module, servers, options, parts);
    return await startAlone(module, servers, options, parts);
  } catch (error) {
    await module.close();
    throw error;
  }
}

async function compile(
  { override, imports, controllers, providers, exports, logger }: RedisQueueTestAppOptions,
  { place }: BootParts,
): Promise<TestingModule> {
  const metadata = Object.entries({ imports, controllers, providers, exports });
  const given = metadata.filter(([, value]) => value !== undefined);
  const builder = Test.createTestingModule(Object.fromEntries(given));
  builder.overrideProvider(REPLACEMENT).useValue(place);
  if (logger !== undefined) builder.setLogger(logger);
  return (override?.(builder) ?? builder).compile();
}

/** Those of the app's own modules, or one that is made for it. @throws TestKitError for both */
function serversOf(
  module: TestingModule,
  { server }: RedisQueueTestAppOptions,
  { name, place }: BootParts,
): readonly RedisQueueServer[] {
  const modules = [...module.get(ModulesContainer).values()];
  const instances = modules.flatMap(({ providers }) =>
    [...providers.values()].map((provider): unknown => provider.instance),
  );
  const own = [...new Set(instances)].filter((instance) => isMarked(instance, SERVER));
  if (own.length === 0) {
    const observers = [...(server?.observers ?? []), ...(place.observers ?? [])];
    return [new RedisQueueServer({ ...server, ...place, observers })];
  }
  if (server === undefined) return own as RedisQueueServer[]; // the mark says so
  throw new TestKitError(
    `The app "${name}" has a server of its own, by RedisQueueModule: leave out the option server.`,
  );
}

async function startAlone(
  module: TestingModule,
  [strategy, ...others]: readonly RedisQueueServer[],
  { configure }: RedisQueueTestAppOptions,
  { name, interceptor }: BootParts,
): Promise<INestMicroservice> {
  if (strategy === undefined || others.length > 0) {
    throw new TestKitError(
      `The app "${name}" has several servers, which only a hybrid app can have: start it with http: true.`,
    );
  }
  const app = module.createNestMicroservice({ strategy });
  app.useGlobalInterceptors(interceptor);
  configure?.(app);
  await app.listen();
  return app;
}

/** Every module is ready before the first message comes. */
async function startHybrid(
  module: TestingModule,
  servers: readonly RedisQueueServer[],
  { configure }: RedisQueueTestAppOptions,
  { interceptor }: BootParts,
): Promise<INestApplication> {
  const app = module.createNestApplication();
  app.useGlobalInterceptors(interceptor);
  configure?.(app);
  for (const strategy of servers) app.connectMicroservice({ strategy }, { inheritAppConfig: true });
  await app.init();
  await app.startAllMicroservices();
  return app;
}
