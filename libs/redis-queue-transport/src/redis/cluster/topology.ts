import { RedisUnavailableError } from '../../core/errors/call-errors.js';
import { messageOf } from '../../core/errors/message-of.js';
import { InvalidOptionError } from '../../core/errors/start-errors.js';
import { homeContext } from '../../core/process/own-context.js';
import { failureOf, isReplyError } from '../connection/failure.js';
import type { ClusterPlace, NodeAddress } from '../connection/source.js';
import { WaitingCallers } from '../connection/waiting-callers.js';
import { readRedirect, textOf } from './slot-map.js';
import type { SlotRange } from './slot-map.js';
import { SlotReader } from './slot-reader.js';
import { SLOTS } from './slots.js';

/** How often it asks if nobody has learnt of a change. */
const READ_EVERY_MS = 10_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
/** A redirect or a lost connection has it asked at once, but not more often than this. */
const SHORTEST_PAUSE_MS = 100;
/** As for connections: a caller that waits only for the first attempt. */
const FIRST_ATTEMPT_MS = 10_001;

const NO_CLUSTER = /cluster support disabled/i;

export interface TopologyEvents {
  /** These slots have other primaries than before. */
  moved(slots: ReadonlySet<number>): void;
  /** A replica of this node has taken over all that it had: connections to it may hang, and lead nowhere that matters. */
  gone(address: string): void;
  /** A node has told its slots. */
  read(): void;
  error(error: unknown): void;
}

/** Which node of a cluster is the primary of each slot. */
export class Topology {
  readonly #home = homeContext();
  readonly #owners: (NodeAddress | undefined)[] = Array.from({ length: SLOTS });
  /** The addresses of the replicas of each primary. */
  #replicas: ReadonlyMap<string, readonly string[]> = new Map();
  #primaries: readonly NodeAddress[] = [];
  readonly #reader: SlotReader;
  readonly #waiting = new WaitingCallers();
  #isKnown = false;
  #wasTried = false;
  #failure: Error | undefined;
  /** By `performance.now()`. */
  #failingSince = 0;
  #reading: Promise<void> | undefined;
  #isReadDue = false;
  /** The node to which a reply pointed last. */
  #likely: NodeAddress | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The timer ends a pause after an attempt. It is not the one for the next regular look. */
  #isPausing = false;
  #readAt = -Infinity;
  #pauseMs = FIRST_PAUSE_MS;
  #isStopped = false;

  constructor(
    private readonly place: ClusterPlace,
    connectionName: string,
    private readonly events: TopologyEvents,
  ) {
    this.#reader = new SlotReader(place, connectionName);
  }

  get isKnown(): boolean {
    return this.#isKnown && !this.#isStopped;
  }

  /** Why it could not be read; undefined if it was read last time. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** For how long it could not be read, in ms. */
  get failingForMs(): number {
    return this.#failure === undefined ? 0 : performance.now() - this.#failingSince;
  }

  /** Those that have slots. */
  get primaries(): readonly NodeAddress[] {
    return this.#primaries;
  }

  primaryOf(slot: number): NodeAddress | undefined {
    return this.#owners[slot];
  }

  /** @throws RedisUnavailableError | RedisRefusedError | InvalidOptionError */
  known(timeoutMs: number): Promise<void> {
    if (this.#isStopped) return Promise.reject(this.#unavailable('it was closed'));
    if (this.#isKnown) return Promise.resolve();
    const known = this.#waiting.add(
      timeoutMs === 0 && !this.#wasTried ? FIRST_ATTEMPT_MS : timeoutMs,
      () => this.#unavailable(`no node told its slots within ${timeoutMs} ms`),
    );
    this.readAgain();
    return known;
  }

  /** Learns from a reply "MOVED 1234 host:port" of some node. */
  moved(reply: string): void {
    const redirect = readRedirect(reply, this.#primaries[0], this.place.natMap);
    if (redirect === undefined) return this.readAgain();
    const { slot, address } = redirect;
    this.#likely = address;
    const before = this.#owners[slot];
    if (before === undefined || textOf(before) !== textOf(address)) {
      this.#owners[slot] = address;
      this.events.moved(new Set([slot]));
    }
    this.readAgain();
  }

  /** Something does not fit what is known, such as a lost connection. */
  readAgain(): void {
    if (this.#isStopped) return;
    this.#isReadDue = true;
    if (this.#reading !== undefined || this.#isPausing) return;
    const sinceMs = performance.now() - this.#readAt;
    if (sinceMs >= SHORTEST_PAUSE_MS) this.#home.runInAsyncScope(() => this.#begin());
    else this.#planIn(SHORTEST_PAUSE_MS - sinceMs, true);
  }

  /** A node replied that the cluster is down: it may be cut off from the others, which may know better. */
  readElsewhere(): void {
    this.#reader.leave();
    this.readAgain();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#reader.stop();
    this.#waiting.rejectAll(() => this.#unavailable('it was closed'));
  }

  #begin(): void {
    clearTimeout(this.#timer);
    this.#isPausing = false;
    this.#isReadDue = false;
    this.#reading = this.#read().finally(() => {
      this.#reading = undefined;
      this.#readAt = performance.now();
      this.#plan();
    });
  }

  #plan(): void {
    if (this.#isStopped) return;
    if (this.#failure === undefined)
      return this.#isReadDue
        ? this.#planIn(SHORTEST_PAUSE_MS, true)
        : this.#planIn(READ_EVERY_MS, false);
    this.#planIn(this.#pauseMs, true);
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
  }

  #planIn(ms: number, isPausing: boolean): void {
    clearTimeout(this.#timer);
    this.#isPausing = isPausing;
    this.#timer = setTimeout(() => this.#begin(), ms);
    this.#timer.unref();
  }

  /** Never rejects. */
  async #read(): Promise<void> {
    const likely = this.#likely;
    this.#likely = undefined;
    try {
      const ranges = await this.#reader.read([...this.#primaries, ...this.place.seeds], likely);
      if (this.#isStopped) return;
      this.#failure = undefined;
      this.#pauseMs = FIRST_PAUSE_MS;
      this.#apply(ranges);
      this.#isKnown = true;
      this.#waiting.resolveAll();
    } catch (error) {
      if (this.#isStopped) return;
      this.#failed(error);
    }
    this.#wasTried = true;
  }

  #failed(error: unknown): void {
    const isFirst = this.#failure === undefined;
    if (isFirst) this.#failingSince = performance.now();
    this.#failure = error instanceof Error ? error : new Error(String(error));
    const failure = this.#explained(error);
    if (isFirst) this.events.error(failure);
    const isHopeless = isReplyError(error) && !error.message.startsWith('CLUSTERDOWN');
    this.#waiting.rejectAll(() => failure, isHopeless ? undefined : FIRST_ATTEMPT_MS);
  }

  #explained(error: unknown): ReturnType<typeof failureOf> {
    const text = messageOf(error);
    if (NO_CLUSTER.test(text))
      return new InvalidOptionError(
        'connection.nodes',
        `connection.nodes must name nodes of a Redis Cluster, but ${this.#seeds} is a single Redis: give it as connection without nodes`,
      );
    if (isReplyError(error)) return failureOf(error, 'read the slots of the cluster');
    return this.#unavailable(text);
  }

  #apply(ranges: readonly SlotRange[]): void {
    const moved = new Set<number>();
    /** By the address that was the primary: those that are now. */
    const successors = new Map<string, Set<string>>();
    for (const { from, to, primary } of ranges) {
      const now = textOf(primary);
      for (let slot = from; slot <= to; slot += 1) {
        const before = this.#owners[slot];
        this.#owners[slot] = primary;
        if (before === undefined) continue;
        const was = textOf(before);
        if (was === now) continue;
        moved.add(slot);
        successors.set(was, (successors.get(was) ?? new Set()).add(now));
      }
    }
    const primaries = new Map(ranges.map(({ primary }) => [textOf(primary), primary]));
    this.#primaries = [...primaries.values()];
    const replicasBefore = this.#replicas;
    this.#replicas = replicasOf(ranges);
    for (const [was, now] of successors) {
      const isTakenOver = [...now].some((address) => replicasBefore.get(was)?.includes(address));
      if (!primaries.has(was) && isTakenOver) this.events.gone(was);
    }
    if (moved.size > 0) this.events.moved(moved);
    this.events.read();
  }

  get #seeds(): string {
    return this.place.seeds.map(textOf).join(',');
  }

  #unavailable(why: string): RedisUnavailableError {
    const last = this.#failure;
    const cause =
      last === undefined || last.message === why ? '' : `; last error: ${messageOf(last)}`;
    return new RedisUnavailableError(
      `No connection to the Redis Cluster at ${this.#seeds}: ${why}${cause}`,
      { cause: last },
    );
  }
}

function replicasOf(ranges: readonly SlotRange[]): ReadonlyMap<string, readonly string[]> {
  const replicas = new Map<string, readonly string[]>();
  for (const range of ranges) replicas.set(textOf(range.primary), range.replicas);
  return replicas;
}
