import type { RedisRefusedError } from '../../../libs/redis-queue-transport/src/core/errors/call-errors.js';
import {
  OutcomeUnknownError,
  RedisUnavailableError,
} from '../../../libs/redis-queue-transport/src/core/errors/call-errors.js';
import type {
  BlockingCommand,
  Command,
  Link,
  Subscription,
} from '../../../libs/redis-queue-transport/src/memory/link/link.js';
import type { CutFrom, Fate } from '../scenario/scenario.js';
import type { ProcessRuntime } from '../time/process-runtime.js';
import { BlockedCall } from './blocked-call.js';
import type { Network } from './network.js';

/** What a consumer asks the store for that reads keys. */
const READS_KEYS = 'read keys from data';

/** What a link reaches: the machine on which the store is. */
export interface StoreMachine {
  readonly runtime: ProcessRuntime;
  /** Executes a command of a process. */
  execute<T>(process: string, action: string, how: 'now' | 'late', command: () => T): T;
  /** A process begins to block. */
  blocks(process: string, action: string, how: 'now' | 'late'): void;
  /** From now on, nothing of a process goes through for so long. */
  cuts(process: string, ms: number): void;
  /** How many failovers there were. What was sent to an earlier primary is never executed. */
  readonly term: number;
  /** What it refuses all calls with; undefined if it executes them. */
  readonly refusal: RedisRefusedError | undefined;
}

interface SentCall {
  readonly action: string;
  /** How many failovers were before it was sent. */
  readonly term: number;
  /** Executes it, and answers if its caller still waits. */
  readonly execute: (isLate: boolean) => void;
  readonly fail: (error: Error) => void;
  isExecuted: boolean;
  isOver: boolean;
}

export interface Cut {
  readonly from: CutFrom;
  readonly silentMs: number;
  readonly ms: number;
  readonly fate: Fate;
  readonly lateMs: number;
}

/** The way of one process to the store: it takes its time, keeps the order, and can be cut. */
export class SimulatedLink implements Link {
  /** How often it was restored. */
  connection = 0;
  #lastExecuteAt = 0;
  #lastAnswerAt = 0;
  #lastNewsAt = 0;
  /** Without an answer yet, in order. */
  #sent: SentCall[] = [];
  readonly #blocked = new Set<BlockedCall>();
  readonly #heard = new Set<{ resubscribe: () => void; unsubscribe: () => void }>();
  #isClosed = false;
  /** Nothing goes through, and the process does not know. */
  #isSilent = false;
  #isCut = false;
  #fate: Cut = { from: 'now', silentMs: 0, ms: 0, fate: 'never', lateMs: 0 };
  /** It begins with the next call of its kind. */
  #armed: Cut | undefined;
  #waiting: (() => void)[] = [];
  /** It is restored no sooner. */
  #awayUntilMs = 0;

  constructor(
    private readonly process: string,
    private readonly runtime: ProcessRuntime,
    private readonly machine: StoreMachine,
    private readonly network: Network,
  ) {}

  ready(withinMs: number): Promise<void> {
    if (!this.#isCut) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push(resolve);
      const late = new RedisUnavailableError('Redis cannot be reached.');
      this.runtime.post(this.runtime.localMs + withinMs, () => reject(late));
    });
  }

  call<T>(action: string, command: Command<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#isCut || this.#isClosed) {
        const away = new RedisUnavailableError(`Cannot ${action}: Redis cannot be reached.`);
        this.runtime.post(this.runtime.localMs, () => reject(away));
        return;
      }
      const call: SentCall = {
        action,
        term: this.machine.term,
        isExecuted: false,
        isOver: false,
        fail: reject,
        execute: (isLate) => {
          if (call.term !== this.machine.term) return;
          call.isExecuted = true;
          let tell: () => void;
          try {
            if (this.machine.refusal !== undefined) throw this.machine.refusal;
            const value = this.machine.execute(
              this.process,
              action,
              isLate ? 'late' : 'now',
              command,
            );
            tell = () => resolve(value);
          } catch (error) {
            // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what the command threw is the answer
            tell = () => reject(error);
          }
          if (!isLate) this.#answer(call, tell);
        },
      };
      this.#sent.push(call);
      this.#lastExecuteAt = Math.max(
        this.#lastExecuteAt,
        this.runtime.localMs + this.network.tripMs(),
      );
      this.machine.runtime.post(this.#lastExecuteAt, () => {
        if (!call.isExecuted && !call.isOver && !this.#isSilent) call.execute(false);
      });
      this.#sentNow('next call');
      if (action === READS_KEYS) this.#sentNow('next reading');
    });
  }

  #answer(call: SentCall, tell: () => void): void {
    this.#lastAnswerAt = Math.max(this.#lastAnswerAt, this.#now + this.network.tripMs());
    this.runtime.post(this.#lastAnswerAt, () => {
      if (call.isOver || this.#isSilent) return;
      call.isOver = true;
      this.#sent = this.#sent.filter((one) => one !== call);
      tell();
    });
  }

  get #now(): number {
    return this.machine.runtime.localMs;
  }

  block<T>(
    action: string,
    command: BlockingCommand<T>,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#isCut || this.#isClosed) {
        const away = new RedisUnavailableError(`Cannot ${action}: Redis cannot be reached.`);
        this.runtime.post(this.runtime.localMs, () => reject(away));
        return;
      }
      const blocked = new BlockedCall(action, this.machine.term, reject);
      this.#blocked.add(blocked);
      const answer = (value: T | undefined): void => {
        if (blocked.isOver || blocked.isAnswered) return;
        blocked.isAnswered = true;
        this.runtime.post(this.#now + this.network.tripMs(), () => {
          if (blocked.isOver || this.#isSilent) return;
          blocked.isOver = true;
          this.#blocked.delete(blocked);
          signal.removeEventListener('abort', unblock);
          resolve(value);
        });
      };
      const unblock = (): void => {
        this.machine.runtime.post(this.runtime.localMs + this.network.tripMs(), () => {
          if (!this.#isSilent) blocked.end();
        });
      };
      blocked.begin = () => {
        this.machine.blocks(this.process, action, blocked.isOver ? 'late' : 'now');
        return command(answer);
      };
      this.machine.runtime.post(this.runtime.localMs + this.network.tripMs(), () => {
        if (blocked.isOver || this.#isSilent) return;
        if (this.machine.refusal === undefined) blocked.start();
        else this.#refuse(blocked, this.machine.refusal);
      });
      signal.addEventListener('abort', unblock, { once: true });
      if (signal.aborted) unblock();
      this.#sentNow('next wait');
    });
  }

  hear<News>(
    _action: string,
    subscription: Subscription<News>,
    onNews: (news: News) => void,
    onInterrupted: () => void,
  ): Promise<() => void> {
    if (this.#isCut || this.#isClosed)
      return Promise.reject(new RedisUnavailableError('Cannot hear: Redis cannot be reached.'));
    let isOpen = true;
    const subscribe = (): (() => void) =>
      subscription((news) => {
        if (this.#isSilent || this.#isCut) return;
        this.#lastNewsAt = Math.max(this.#lastNewsAt, this.#now + this.network.tripMs());
        this.runtime.post(this.#lastNewsAt, () => {
          if (isOpen && !this.#isSilent && !this.#isCut) onNews(news);
        });
      });
    const heard = {
      unsubscribe: subscribe(),
      resubscribe: () => {
        heard.unsubscribe = subscribe();
        onInterrupted();
      },
    };
    this.#heard.add(heard);
    const end = (): void => {
      isOpen = false;
      this.#heard.delete(heard);
      heard.unsubscribe();
    };
    return Promise.resolve(end);
  }

  close(): void {
    this.#isClosed = true;
    this.#failAll('The connection was closed.');
    for (const heard of this.#heard) heard.unsubscribe();
    this.#heard.clear();
  }

  /** Nothing goes through for a while; then the process learns of it, and cannot connect for a while. */
  cut(cut: Cut): void {
    if (this.#isCut || this.#isSilent || this.runtime.isDead) return;
    if (cut.from !== 'now') {
      this.#armed = cut;
      return;
    }
    this.#fate = cut;
    this.#isSilent = true;
    this.machine.cuts(this.process, cut.silentMs + cut.ms);
    const now = this.machine.runtime.localMs;
    this.runtime.post(now + cut.silentMs, () => {
      this.#isCut = true;
      this.#isSilent = false;
      this.#failAll('The connection was lost.');
      for (const heard of this.#heard) heard.unsubscribe();
      this.runtime.post(this.runtime.localMs + cut.ms, () => this.#restore());
    });
  }

  /** The primary is gone, and nobody has what was sent to it. It is reached again no sooner than in so many ms. */
  failOver(silentMs: number, ms: number): void {
    this.#awayUntilMs = this.machine.runtime.localMs + ms;
    for (const heard of this.#heard) heard.unsubscribe();
    this.cut({ from: 'now', silentMs, ms: Math.max(0, ms - silentMs), fate: 'never', lateMs: 0 });
  }

  /** What it wants is about to be elsewhere: all that waits ends, and no news is heard until it is there. */
  move(refusal: Error): void {
    for (const heard of this.#heard) heard.unsubscribe();
    if (!this.#isSilent) for (const blocked of this.#blocked) this.#refuse(blocked, refusal);
  }

  /** It is there. */
  moved(): void {
    if (this.#isCut || this.#isSilent || this.#isClosed) return;
    this.connection += 1;
    for (const heard of this.#heard) heard.resubscribe();
  }

  #refuse(blocked: BlockedCall, refusal: Error): void {
    if (blocked.isOver || blocked.isAnswered) return;
    blocked.isAnswered = true;
    blocked.end();
    this.runtime.post(this.#now + this.network.tripMs(), () => {
      if (blocked.isOver || this.#isSilent) return;
      blocked.isOver = true;
      this.#blocked.delete(blocked);
      blocked.fail(refusal);
    });
  }

  #sentNow(what: CutFrom): void {
    const armed = this.#armed;
    if (armed?.from !== what) return;
    this.#armed = undefined;
    this.cut({ ...armed, from: 'now' });
  }

  #restore(): void {
    if (this.#now < this.#awayUntilMs)
      return void this.runtime.post(this.#awayUntilMs, () => this.#restore());
    this.#isCut = false;
    this.connection += 1;
    if (this.#isClosed) return;
    for (const goOn of this.#waiting.splice(0)) goOn();
    for (const heard of this.#heard) heard.resubscribe();
  }

  /** The process is dead. What it has sent is still under way, and may arrive. */
  die(cut: Cut): void {
    this.#fate = cut;
    this.#isClosed = true;
    this.#failAll(undefined);
    for (const heard of this.#heard) heard.unsubscribe();
    this.#heard.clear();
  }

  /** @param why undefined for a process that is dead, which learns nothing */
  #failAll(why: string | undefined): void {
    const sent = this.#sent;
    this.#sent = [];
    for (const call of sent) {
      if (call.isOver) continue;
      call.isOver = true;
      if (!call.isExecuted) this.#later(() => call.execute(true));
      if (why !== undefined) call.fail(new OutcomeUnknownError(`Cannot ${call.action}: ${why}`));
    }
    for (const blocked of this.#blocked) {
      this.#later(() => {
        const { refusal, term } = this.machine;
        if (blocked.term === term && refusal === undefined) blocked.endLate();
      });
      blocked.isOver = true;
      if (why !== undefined)
        blocked.fail(new OutcomeUnknownError(`Cannot ${blocked.action}: ${why}`));
    }
    this.#blocked.clear();
  }

  /** Decides about what was sent: its bytes are lost, or arrive late. */
  #later(run: () => void): void {
    const { fate, lateMs } = this.#fate;
    if (fate === 'late') this.machine.runtime.post(this.#now + lateMs, run);
  }
}
