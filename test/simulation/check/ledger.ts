import type { MessagePlan } from '../scenario/scenario.js';
import { hashOf } from '../time/random.js';

/** One start of a handler. */
export interface Start {
  readonly process: string;
  readonly consumer: string;
  /** Which of all starts of the run it was. */
  readonly order: number;
  readonly atMs: number;
  readonly attempt: number;
  readonly crashes: number;
  readonly key: string | undefined;
  /** A failover had undone before that its consumer had taken the message. */
  readonly isUndone: boolean;
  endedAtMs: number | undefined;
  /** As its consumer learned it. */
  settledAs: string | undefined;
  end: 'ok' | 'failed' | 'later' | 'rejected' | 'timedOut' | undefined;
  /** Why it does not count, if that is known: its process is dead, its lease is lost, it was handed back or undone. */
  gone: string | undefined;
}

/** What the test itself knows of a message. */
export interface MessageRecord {
  readonly plan: MessagePlan;
  /** How its sending ended. It is lost if it was confirmed, and a failover came before the replica had it. */
  sent: 'not yet' | 'added' | 'duplicate' | 'unknown' | 'refused' | 'full' | 'lost';
  readonly starts: Start[];
  /** How many of them were before each failover. */
  readonly startsBefore: number[];
  /** Its redrives, by time. */
  readonly redrivenAtMs: number[];
  skipped: string | undefined;
  /**
   * When a late call settled or handed it back for a consumer that held it, for the first time: if it handed it back, it may
   * start again while it runs (docs/guarantees.md).
   */
  settledLateAtMs: number | undefined;
}

/** The books of a run, kept by the test alone. */
export class Ledger {
  readonly messages = new Map<string, MessageRecord>();
  readonly violations: string[] = [];
  #hash = 0x811c9dc5;
  /** What happened, for people; undefined if nobody reads it. */
  readonly lines: string[] | undefined;

  constructor(plans: readonly MessagePlan[], isTold: boolean) {
    this.lines = isTold ? [] : undefined;
    for (const plan of plans)
      this.messages.set(plan.id, {
        plan,
        sent: 'not yet',
        starts: [],
        startsBefore: [],
        redrivenAtMs: [],
        skipped: undefined,
        settledLateAtMs: undefined,
      });
  }

  /** Of everything that was told, in order: two runs with the same hash are the same run. */
  get traceHash(): string {
    return this.#hash.toString(16).padStart(8, '0');
  }

  tell(atMs: number, line: string): void {
    const text = `${atMs.toFixed(1).padStart(9)} ${line}`;
    this.#hash = hashOf(text, this.#hash);
    this.lines?.push(text);
  }

  violate(rule: string, what: string): void {
    this.violations.push(`${rule}: ${what}`);
  }

  of(id: string | undefined): MessageRecord | undefined {
    return id === undefined ? undefined : this.messages.get(id);
  }
}
