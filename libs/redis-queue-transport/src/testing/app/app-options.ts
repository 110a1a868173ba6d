import type {
  INestApplication,
  INestMicroservice,
  LoggerService,
  ModuleMetadata,
} from '@nestjs/common';
import type { TestingModuleBuilder } from '@nestjs/testing';
import type { RedisQueueServerOptions } from '../../index.js';

/** An app under test: what a module has (`imports`, `controllers`, `providers`), and how it runs. */
export interface RedisQueueTestAppOptions extends ModuleMetadata {
  /** Its name in failures and records. Default: `app`, then `app2` and so on. */
  readonly name?: string | undefined;
  /**
   * Options of a server that the kit makes for the handlers of the app. Without it, the servers of the app's
   * `RedisQueueModule` are started; if there are none, the kit makes one.
   */
  readonly server?: RedisQueueServerOptions | undefined;
  /** Whether the app also speaks HTTP, as a hybrid app. It does not listen to a port. Default false. */
  readonly http?: boolean | undefined;
  /** Replaces providers, guards, pipes …: `(builder) => builder.overrideProvider(Mailer).useValue(mailer)`. */
  readonly override?: ((builder: TestingModuleBuilder) => TestingModuleBuilder) | undefined;
  /** Does what your program does with the app before it starts, such as `app.useGlobalPipes(…)`. */
  readonly configure?: ((app: INestApplication | INestMicroservice) => void) | undefined;
  /** Where the app logs to. Default: as `@nestjs/testing`, which prints errors alone. */
  readonly logger?: LoggerService | undefined;
}
