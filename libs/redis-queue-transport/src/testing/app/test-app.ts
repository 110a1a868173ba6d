import type {
  INestApplication,
  INestApplicationContext,
  INestMicroservice,
  InjectionToken,
} from '@nestjs/common';
import { TestKitError } from '../errors/test-kit-error.js';

/** An app that runs in a test. */
export class RedisQueueTestApp {
  /** @internal The kit makes it. */
  constructor(
    readonly name: string,
    private readonly nest: INestApplication | INestMicroservice,
    private readonly die: () => void,
  ) {}

  /** The Nest app. */
  get app(): INestApplicationContext {
    return this.nest;
  }

  /** The Nest app as one that speaks HTTP, for tools such as supertest. @throws TestKitError without the option `http` */
  get httpApp(): INestApplication {
    if ('getHttpServer' in this.nest) return this.nest;
    throw new TestKitError(`The app "${this.name}" was started without the option http: true.`);
  }

  /** A provider from any module of the app. */
  get<T>(token: InjectionToken<T>): T {
    return this.nest.get<T>(token, { strict: false });
  }

  /**
   * Ends all leases of the app's servers at once, as if their process had died and been started again: what runs is handed
   * out once more, and its results count for nothing. The code of handlers that run now cannot be stopped.
   */
  crash(): void {
    this.die();
  }

  /** Stops it in order: running handlers end first. May be called twice. The kit does so at its end. */
  async close(): Promise<void> {
    await this.nest.close();
  }
}
