import type { RedisQueueAdmin } from '../index.js';
import { messageOf } from '../core/errors/message-of.js';
import { pause } from '../core/process/pause.js';
import { nodeRuntime } from '../core/process/node-runtime.js';
import type { ResolvedHealthOptions } from './health-options.js';
import { QueueFindings } from './queue-findings.js';
import { RedisFacts, lookAtRedis } from './redis-findings.js';
import { Findings, seconds } from './verdict.js';
import type { Verdict } from './verdict.js';

/** How long a probe waits for a look: many probes have a second in all. The next probe tells what a late look found. */
const WAIT_MS = 500;

/** Looks at queues and at Redis from time to time, when a probe asks. Has no timer of its own. */
export class Looks {
  readonly #queues: QueueFindings;
  #last: Verdict = { down: [], degraded: [] };
  #lastAt = -Infinity;
  /** Since when looks have failed, by `performance.now()`. */
  #failingSince: number | undefined;
  /** Since when Redis has been full, by `performance.now()`. */
  #fullSince: number | undefined;
  #looking: Promise<void> | undefined;

  constructor(
    private readonly admin: RedisQueueAdmin,
    private readonly options: ResolvedHealthOptions,
  ) {
    this.#queues = new QueueFindings(options);
  }

  /** What the last look has found. Never rejects. */
  async findings(): Promise<Verdict> {
    if (performance.now() - this.#lastAt >= this.options.lookEveryMs) await this.#lookSoon();
    return this.#last;
  }

  async #lookSoon(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    const given = new AbortController();
    await Promise.race([this.#looking, pause(WAIT_MS, given.signal, nodeRuntime)]);
    given.abort();
  }

  async #look(): Promise<void> {
    const findings = new Findings();
    const startedAt = performance.now();
    try {
      await this.#lookAtAll(findings);
      this.#failingSince = undefined;
    } catch (error) {
      this.#failingSince ??= startedAt;
      const lastedMs = performance.now() - this.#failingSince;
      findings.lasts(
        `Looking at Redis has failed for ${seconds(lastedMs)}: ${messageOf(error)}`,
        lastedMs,
        this.options.downAfterMs,
      );
    }
    this.#last = findings;
    this.#lastAt = performance.now();
  }

  async #lookAtAll(findings: Findings): Promise<void> {
    const facts = new RedisFacts(await this.admin.redisInfo());
    lookAtRedis(facts, this.options, findings);
    this.#lookWhetherFull(facts, findings);
    const names = [...this.options.queues.keys()];
    if (names.length > 0) this.#queues.look(await this.admin.overview(names), findings);
  }

  #lookWhetherFull(facts: RedisFacts, findings: Findings): void {
    const now = performance.now();
    this.#fullSince = facts.isFull ? (this.#fullSince ?? now) : undefined;
    if (this.#fullSince === undefined) return;
    const bytes = facts.number('maxmemory');
    findings.lasts(
      `Redis is full, at ${bytes} bytes, and refuses new messages.`,
      now - this.#fullSince,
      this.options.downAfterMs,
    );
  }
}
