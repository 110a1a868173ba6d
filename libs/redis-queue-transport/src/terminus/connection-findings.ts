import type { RedisQueueHealth } from '../index.js';
import type { Findings } from './verdict.js';
import { seconds } from './verdict.js';

/** What a server or a client knows without asking Redis. */
export function lookAtConnections(
  health: RedisQueueHealth,
  downAfterMs: number,
  findings: Findings,
): void {
  const { status, reason = 'It is down.', downForMs = Infinity } = health;
  if (status === 'down') findings.lasts(reason, downForMs, downAfterMs);
  for (const { queue, sinceMs, lastError } of health.refusedQueues ?? [])
    findings.lasts(
      `Redis has refused calls of the consumer of "${queue}" for ${seconds(sinceMs)}: ${lastError}`,
      sinceMs,
      downAfterMs,
    );
  for (const { queue, sinceMs } of health.lostLeases ?? [])
    findings.lasts(
      `The consumer of "${queue}" lost its lease ${seconds(sinceMs)} ago, and does not have another yet.`,
      sinceMs,
      downAfterMs,
    );
  // The last error may quote a message, and a probe may be open to anybody.
  for (const { queue, sinceMs } of health.slowedQueues ?? [])
    findings.isDegraded(`Nearly every attempt in "${queue}" has failed for ${seconds(sinceMs)}.`);
}
