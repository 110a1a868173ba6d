import type { ServerFigures } from './servers/server.js';

/** What one sample measured, by name. */
export interface Figures {
  /** Messages, or answered requests, per second. */
  perSecond?: number;
  /** From a request to its reply. */
  p50Us?: number;
  p90Us?: number;
  p99Us?: number;
  mostUs?: number;
  /** CPU time for each message; with several consumers, that of one of them. */
  producerCpuUs?: number;
  consumerCpuUs?: number;
  serverCpuUs?: number;
  /**
   * The three together or, if producer and consumer take turns, consumer and server. It suffers least from a busy
   * machine.
   */
  cpuUs?: number;
  /** Redis commands for each message, including those that scripts call. */
  commands?: number;
  bytesIn?: number;
  bytesOut?: number;
  /** Redis memory for each waiting message. */
  bytesPerQueued?: number;
  /** Per second of an idle consumer: CPU time (its own, the server's, and both), and Redis commands. */
  idleConsumerUsPerSecond?: number;
  idleServerUsPerSecond?: number;
  idleUsPerSecond?: number;
  commandsPerSecond?: number;
  commandsPerSecondPerPattern?: number;
  /** Other messages that pass through the queue of the delayed ones, per second. */
  loadPerSecond?: number;
  /** Delayed messages: how many ms after they were due they were handled. */
  lateP50Ms?: number;
  lateP99Ms?: number;
  lateMostMs?: number;
  lateLeastMs?: number;
}

export type FigureName = keyof Figures;

/** What the server did in between, for each message. */
export function serverShare(
  before: ServerFigures,
  after: ServerFigures,
  messages: number,
): Figures {
  const figures: Figures = {};
  if (before.cpuUs !== undefined && after.cpuUs !== undefined)
    figures.serverCpuUs = (after.cpuUs - before.cpuUs) / messages;
  if (before.redis && after.redis) {
    figures.commands = (after.redis.commands - before.redis.commands) / messages;
    figures.bytesIn = (after.redis.bytesIn - before.redis.bytesIn) / messages;
    figures.bytesOut = (after.redis.bytesOut - before.redis.bytesOut) / messages;
  }
  return figures;
}

/** The CPU time of several processes for each message; unknown if one of them is. */
export function cpuSum(...shares: readonly (number | undefined)[]): Pick<Figures, 'cpuUs'> {
  const known = shares.filter((share) => share !== undefined);
  if (known.length < shares.length) return {};
  return { cpuUs: known.reduce((sum, share) => sum + share, 0) };
}
