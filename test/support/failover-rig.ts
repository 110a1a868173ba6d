import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import type { Redis, RedisOptions } from 'ioredis';
import type { LocalRedis } from 'local-redis';
import { NestRig } from './nest-rig.js';
import { ReplicatedRedis } from './replicated-redis.js';

type Setting = Parameters<typeof ReplicatedRedis.start>[0];

/** A primary with replicas and Sentinels for a spec file. Looks and checks go to whichever server is the primary. */
export class FailoverRig extends NestRig {
  #servers: ReplicatedRedis | undefined;

  constructor(private readonly setting: Setting = {}) {
    super({});
  }

  get servers(): ReplicatedRedis {
    if (this.#servers === undefined)
      throw new Error('The servers of this file have not been started.');
    return this.#servers;
  }

  override get redis(): LocalRedis {
    return this.servers.primary.redis;
  }

  override get commands(): Redis {
    return this.servers.primary.commands;
  }

  /** How a client finds the primary: by the Sentinels, if there are any. */
  override get connection(): string | RedisOptions {
    return this.servers.sentinels.length > 0 ? this.servers.connection : this.redis.url;
  }

  protected override async launch(): Promise<void> {
    this.#servers = await ReplicatedRedis.start(this.setting);
    await this.#servers.heal();
  }

  override async stop(): Promise<void> {
    await this.#servers?.stop();
    await super.stop();
  }

  /** Those of replicas and Sentinels come and go. */
  protected override isOfTest(name: string): boolean {
    return name.startsWith('rq-');
  }
}

/** A rig that lives as long as the spec file. Call it at the top of one. */
export function failoverRig(setting: Setting = {}): FailoverRig {
  const rig = new FailoverRig(setting);
  beforeAll(() => rig.start(), 60_000);
  afterAll(() => rig.stop());
  beforeEach(() => rig.beginTest());
  afterEach(() => rig.endTest());
  return rig;
}
