import type { HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { lookAtConnections } from './connection-findings.js';
import { resolveHealthOptions } from './health-options.js';
import type { RedisQueueHealthOptions, ResolvedHealthOptions } from './health-options.js';
import { Looks } from './looks.js';
import { Findings } from './verdict.js';

/** What a probe is told. `reasons` are for people; absent while it is up. */
export interface ToldHealth {
  readonly reasons?: readonly string[];
  /** Terminus 11 has no status for it: there, the status is up, and this tells that somebody should look. */
  readonly isDegraded?: true;
}

/** A session of Terminus 12; one of 11 cannot be degraded. */
interface MayDegrade<Key extends string> {
  degraded?(data: ToldHealth): HealthIndicatorResult<Key>;
}

/**
 * Whether servers and clients of this library can do their work, for the readiness probe of `@nestjs/terminus` 11 or
 * 12.
 *
 * - **down** when no round trip completed, when a consumer's calls were refused, or when a lost lease was not regained,
 *   for `downAfterMs`; or when a server does not listen.
 * - **degraded** before that; when nearly every attempt fails in a queue; and with an `admin`, when a queue is beyond
 *   its limits, gets dead letters, or when Redis may evict keys or writes no append-only file. With Terminus 12, the
 *   status of the response is then 200; with 11, it is `up` with `isDegraded`.
 *
 * Not for liveness: a restart would fix nothing. docs/health.md has more.
 */
export class RedisQueueHealthIndicator {
  // `private` instead of `#`, which would break behind a Proxy (Nest's `instrument.instanceDecorator`).
  private readonly options: ResolvedHealthOptions;
  private readonly looks: Looks | undefined;

  /** @throws InvalidOptionError */
  constructor(
    private readonly terminus: HealthIndicatorService,
    options: RedisQueueHealthOptions,
  ) {
    this.options = resolveHealthOptions(options);
    const { admin } = this.options;
    this.looks = admin && new Looks(admin, this.options);
  }

  /** Never rejects, and takes at most half a second, whatever Redis does. */
  async isHealthy<const Key extends string>(key: Key): Promise<HealthIndicatorResult<Key>> {
    const { of, downAfterMs } = this.options;
    const findings = new Findings();
    for (const one of of) lookAtConnections(one.health(), downAfterMs, findings);
    if (this.looks !== undefined) findings.add(await this.looks.findings());
    const { down, degraded } = findings;
    const session = this.terminus.check(key);
    if (down.length > 0) return session.down({ reasons: [...down, ...degraded] });
    if (degraded.length === 0) return session.up();
    const mayDegrade: MayDegrade<Key> = session;
    return (
      mayDegrade.degraded?.({ reasons: degraded }) ??
      session.up({ reasons: degraded, isDegraded: true })
    );
  }
}
