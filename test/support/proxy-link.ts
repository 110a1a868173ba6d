import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Gate } from './gate.js';
import { FrameReader, commandWords } from './resp.js';

export type FaultKind = 'dropRequest' | 'dropReply' | 'cutReply' | 'holdRequest' | 'holdReply';

/** What has passed so far. */
export interface ProxyCounts {
  connections: number;
  refused: number;
  requests: number;
  replies: number;
  /** How many frames were swallowed by a fault or by silence. */
  swallowed: number;
  cut: number;
}

/** A fault that has found its command. */
export interface LinkFault {
  readonly kind: FaultKind;
  readonly happened: Gate;
  readonly released: Gate;
}

/** What a link asks its proxy. */
export interface LinkRules {
  readonly counts: ProxyCounts;
  readonly delayMs: number;
  takeFault(words: readonly string[], connection: string): LinkFault | undefined;
  closed(link: ProxyLink): void;
}

/** The answers to these come as messages, not as replies. */
const WITHOUT_REPLY = new Set(['SUBSCRIBE', 'UNSUBSCRIBE', 'PSUBSCRIBE', 'PUNSUBSCRIBE']);
const PUSHED = '>'.charCodeAt(0);

/** One connection through the proxy, frame by frame. Each direction keeps its order, even if frames are held back. */
export class ProxyLink {
  /** The name that the client gave this connection. */
  name = '';
  readonly #server: Socket;
  readonly #requests = new FrameReader();
  readonly #replies = new FrameReader();
  /** For each command that Redis has not answered, the fault for its reply. */
  readonly #unanswered: (LinkFault | undefined)[] = [];
  #upstream: Promise<void> = Promise.resolve();
  #downstream: Promise<void> = Promise.resolve();
  #isSilent = false;
  #isCut = false;

  constructor(
    private readonly client: Socket,
    targetPort: number,
    private readonly rules: LinkRules,
  ) {
    this.#server = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    client.on('data', (bytes) => this.#onRequests(bytes));
    this.#server.on('data', (bytes) => this.#onReplies(bytes));
    client.on('error', () => undefined); // 'close' follows
    this.#server.on('error', () => undefined);
    client.on('close', () => this.#onClientGone());
    this.#server.on('close', () => {
      if (!this.#isSilent) client.destroy();
      this.rules.closed(this);
    });
  }

  get isOpen(): boolean {
    return !this.client.destroyed && !this.#server.destroyed;
  }

  goSilent(): void {
    this.#isSilent = true;
  }

  stopReading(): void {
    this.#server.pause();
  }

  goOnReading(): void {
    this.#server.resume();
  }

  /** Ends it on both sides. What was already passed to Redis is still executed. */
  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.rules.counts.cut += 1;
    this.client.destroy();
    this.#server.end();
  }

  destroy(): void {
    this.#isCut = true;
    this.client.destroy();
    this.#server.destroy();
  }

  #onRequests(bytes: Buffer): void {
    for (const frame of this.#requests.read(bytes)) {
      this.#upstream = this.#upstream.then(() => this.#passRequest(frame));
    }
  }

  async #passRequest(frame: Buffer): Promise<void> {
    const words = commandWords(frame);
    this.#learnName(words);
    if (this.#isSilent) return this.#swallow();
    const fault = this.#isCut ? undefined : this.rules.takeFault(words, this.name);
    if (fault?.kind === 'dropRequest') {
      this.#swallow();
      this.cut();
      return fault.happened.open();
    }
    if (fault?.kind === 'holdRequest') {
      fault.happened.open();
      await fault.released.opened;
    }
    if (this.rules.delayMs > 0) await pause(this.rules.delayMs);
    if (this.#server.destroyed || this.#isCut) return this.#swallow();
    this.rules.counts.requests += 1;
    if (!WITHOUT_REPLY.has((words[0] ?? '').toUpperCase())) this.#unanswered.push(fault);
    this.#server.write(frame);
    if (this.client.destroyed) this.#server.end();
  }

  #onReplies(bytes: Buffer): void {
    for (const frame of this.#replies.read(bytes)) {
      const fault = frame[0] === PUSHED ? undefined : this.#unanswered.shift();
      this.#downstream = this.#downstream.then(() => this.#passReply(frame, fault));
    }
  }

  async #passReply(frame: Buffer, fault: LinkFault | undefined): Promise<void> {
    if (this.#isSilent || this.#isCut) return this.#swallow();
    if (fault?.kind === 'dropReply') {
      this.#swallow();
      this.cut();
      return fault.happened.open();
    }
    if (fault?.kind === 'cutReply') {
      const half = frame.subarray(0, Math.floor(frame.length / 2));
      // No other reply may follow half of this one.
      await new Promise((resolve) => this.client.write(half, resolve));
      this.cut();
      return fault.happened.open();
    }
    if (fault?.kind === 'holdReply') {
      fault.happened.open();
      await fault.released.opened;
    }
    if (this.rules.delayMs > 0) await pause(this.rules.delayMs);
    if (this.client.destroyed) return this.#swallow();
    this.rules.counts.replies += 1;
    this.client.write(frame);
  }

  /** Redis learns of it too, unless that direction is silent or something is still held back. */
  #onClientGone(): void {
    if (this.#isSilent) return;
    this.#upstream = this.#upstream.then(() => {
      this.#server.end();
    });
  }

  #swallow(): void {
    this.rules.counts.swallowed += 1;
  }

  #learnName(words: readonly string[]): void {
    const upper = words.map((word) => word.toUpperCase());
    const at = upper.indexOf('SETNAME');
    if ((upper[0] === 'CLIENT' || upper[0] === 'HELLO') && at !== -1)
      this.name = words[at + 1] ?? '';
  }
}
