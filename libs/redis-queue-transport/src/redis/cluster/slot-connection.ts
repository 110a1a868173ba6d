import type { Redis } from 'ioredis';
import { RedisUnavailableError } from '../../core/errors/call-errors.js';
import { pause } from '../../core/process/pause.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import type { ConnectionHealth } from '../../core/broker/health.js';
import type { Connection, SentScripts } from '../connection/connection.js';
import { isElsewhere, replyOf } from '../connection/failure.js';
import { asking } from './asking.js';

/** How long it waits for one node before it looks whether another one has the slot now. */
export const LOOK_AGAIN_MS = 250;
/** Pauses between tries while a slot is on its way, or nobody has it. */
export const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 250;

/** What the way to a slot needs from its cluster. */
export interface SlotSurroundings {
  /** Resolves when it is known which node has which slots. */
  readonly known: (timeoutMs: number) => Promise<void>;
  /** The connection to the node that has the slot; undefined if none is known to. */
  readonly primaryOf: (slot: number) => Connection | undefined;
  /** The connection to the node to which a reply "ASK 1234 host:port" points. */
  readonly asked: (reply: string) => Connection | undefined;
  /** A node replied that the cluster is down. */
  readonly onDown: () => void;
  readonly isClosed: () => boolean;
  /** How long a call waits while its slot is nowhere. */
  readonly patienceMs: number;
}

type Command<T> = (client: Redis, scripts: SentScripts) => Promise<T>;

/**
 * The way to the node that has a slot. A node that does not have the keys of a call executes nothing of it, so the call goes
 * to where the reply points, or is tried again a little later. Meanwhile later calls wait, so that they keep their order.
 */
export class SlotConnection implements Connection {
  readonly database = 0;
  readonly isCluster = true;
  /** The last of the calls that are made one after the other. */
  #last: Promise<unknown> | undefined;
  #waiting = 0;
  /** A call went to the node that is getting the slot: {@link serverId}. */
  #wasAsked = false;

  constructor(
    private readonly slot: number,
    private readonly cluster: SlotSurroundings,
  ) {}

  at(): this {
    return this;
  }

  primaries(): Promise<readonly Connection[]> {
    return Promise.resolve([this]);
  }

  get isReady(): boolean {
    return this.#primary?.isReady === true;
  }

  get isBusy(): boolean {
    return this.#waiting > 0 || this.#primary?.isBusy === true;
  }

  get isAwaited(): boolean {
    return this.#waiting > 0;
  }

  get scripts(): SentScripts {
    return this.#primary?.scripts ?? new Map();
  }

  get client(): Redis {
    return this.#known.client;
  }

  get socket(): unknown {
    return this.#primary?.socket;
  }

  get serverId(): Promise<number | undefined> {
    const { serverId } = this.#known;
    // What another node has executed is not known to the one that is asked next.
    return this.#wasAsked ? serverId.then() : serverId;
  }

  get health(): ConnectionHealth {
    return this.#known.health;
  }

  async ready(timeoutMs = 1_000): Promise<void> {
    if (this.isReady) return;
    const deadline = performance.now() + timeoutMs;
    await this.cluster.known(timeoutMs);
    for (;;) {
      const leftMs = Math.max(0, deadline - performance.now());
      if (await this.#isReadyWithin(Math.min(leftMs, LOOK_AGAIN_MS), leftMs)) return;
    }
  }

  async run<T>(action: string, command: Command<T>, messageId?: string): Promise<T> {
    const primary = this.#primary;
    if (this.#last === undefined && primary?.isReady === true) {
      try {
        const reply = await primary.run(action, command, messageId);
        this.#wasAsked = false;
        return reply;
      } catch (error) {
        if (!isElsewhere(error)) throw error;
        return this.#inOrder(() => this.#follow(error, action, command, messageId));
      }
    }
    return this.#inOrder(() => this.#follow(undefined, action, command, messageId));
  }

  runPurpose<T>(action: string, command: (client: Redis) => Promise<T>): Promise<T> {
    return this.run(action, command);
  }

  longestValue(): Promise<number> {
    return this.#known.longestValue();
  }

  reconnect(): void {
    this.#primary?.reconnect();
  }

  close(): void {
    this.#primary?.close();
  }

  get #primary(): Connection | undefined {
    return this.cluster.primaryOf(this.slot);
  }

  get #known(): Connection {
    const primary = this.#primary;
    if (primary === undefined) throw this.#nowhere();
    return primary;
  }

  #nowhere(): RedisUnavailableError {
    return new RedisUnavailableError(
      `No node of the Redis Cluster has slot ${this.slot}: see CLUSTER INFO and CLUSTER SLOTS.`,
    );
  }

  /** @throws the error of the node once no time is left, or if waiting does not help */
  async #isReadyWithin(timeoutMs: number, leftMs: number): Promise<boolean> {
    const primary = this.#primary;
    try {
      if (primary === undefined) throw this.#nowhere();
      await primary.ready(timeoutMs);
      return true;
    } catch (error) {
      if (!(error instanceof RedisUnavailableError) || leftMs === 0) throw error;
      await pause(primary?.isReady === false ? 0 : FIRST_PAUSE_MS, undefined, nodeRuntime);
      return false;
    }
  }

  async #inOrder<T>(call: () => Promise<T>): Promise<T> {
    this.#waiting += 1;
    const calling = this.#last === undefined ? call() : this.#last.then(call);
    const last = calling.then(noop, noop);
    this.#last = last;
    try {
      return await calling;
    } finally {
      this.#waiting -= 1;
      if (this.#last === last) this.#last = undefined;
    }
  }

  /** @param first how a node has refused the call */
  async #follow<T>(
    first: Error | undefined,
    action: string,
    command: Command<T>,
    messageId: string | undefined,
  ): Promise<T> {
    const deadline = performance.now() + this.cluster.patienceMs;
    let refusal = first;
    let pauseMs = FIRST_PAUSE_MS;
    let wasMoved = false;
    for (;;) {
      const leftMs = deadline - performance.now();
      if (refusal !== undefined && leftMs <= 0 && refusal !== first)
        throw failureOfLast(action, refusal);
      try {
        if (isElsewhere(refusal) && refusal.reply === 'ASK')
          return await this.#ask(replyOf(refusal), action, command, messageId);
        // The first MOVED says where to go; nodes that send it to one another have not agreed yet.
        const isNews: boolean = isElsewhere(refusal) && refusal.reply === 'MOVED' && !wasMoved;
        wasMoved = isNews;
        if (refusal !== undefined && !isNews) {
          if (isElsewhere(refusal) && refusal.reply === 'CLUSTERDOWN') this.cluster.onDown();
          await pause(pauseMs, undefined, nodeRuntime);
          pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
        }
        await this.ready(Math.max(0, leftMs));
        const reply = await this.#known.run(action, command, messageId);
        this.#wasAsked = false;
        return reply;
      } catch (error) {
        if (!isElsewhere(error) && !(error instanceof RedisUnavailableError)) throw error;
        if (leftMs <= 0 || this.cluster.isClosed()) throw failureOfLast(action, error);
        refusal = error;
      }
    }
  }

  async #ask<T>(
    reply: string,
    action: string,
    command: Command<T>,
    messageId: string | undefined,
  ): Promise<T> {
    const next = this.cluster.asked(reply);
    if (next === undefined) throw this.#nowhere();
    await next.ready(LOOK_AGAIN_MS);
    const answer = await next.run(
      action,
      (client, scripts) => command(asking(client), scripts),
      messageId,
    );
    this.#wasAsked = true;
    return answer;
  }
}

/** Of a call that was tried until no time was left. */
function failureOfLast(action: string, cause: Error): Error {
  if (cause instanceof RedisUnavailableError) return cause;
  return new RedisUnavailableError(
    `Cannot ${action}: the slot of its keys is on its way to another node of the Redis Cluster, or no node serves it. ` +
      `Nothing was done. ${isElsewhere(cause) ? replyOf(cause) : cause.message}`,
    { cause },
  );
}

const noop = (): void => undefined;
