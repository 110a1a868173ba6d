import { fork, type ChildProcess } from 'node:child_process';
import type { ConsumerPart } from './consumer-part.js';
import { NotOffered } from './contestant.js';
import type { Answer, Call } from './participant.js';
import type { ProducerPart } from './producer-part.js';

const PROGRAM = new URL('participant.js', import.meta.url);
const CLOSE_DEADLINE_MS = 5_000;

type Parts = { readonly producer: ProducerPart; readonly consumer: ConsumerPart };
type Argument<F> = F extends (argument: infer A) => unknown ? A : undefined;
type Answered<F> = F extends (...given: never[]) => Promise<infer R> ? R : never;
interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A process that runs one part of a contestant, seen from the process that started it. */
export class ParticipantProcess<Role extends keyof Parts> {
  readonly #child: ChildProcess;
  readonly #ready: Promise<unknown>;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;
  #hasEnded = false;

  constructor(
    private readonly role: Role,
    module: string,
  ) {
    this.#child = fork(PROGRAM, [role, module], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#ready = new Promise((resolve, reject) => this.#pending.set(0, { resolve, reject }));
    this.#ready.catch(() => undefined); // a call reports it
    this.#child.on('message', (answer: Answer | 'ready') => this.#answered(answer));
    this.#child.once('exit', () => {
      this.#hasEnded = true;
      const error = new Error(`the process of the ${role} ended`);
      for (const { reject } of this.#pending.values()) reject(error);
    });
  }

  /** Calls a method of the part. @throws NotOffered */
  async call<Method extends keyof Parts[Role] & string>(
    method: Method,
    argument: Argument<Parts[Role][Method]>,
  ): Promise<Answered<Parts[Role][Method]>> {
    const result = await this.#call(method, argument);
    return result as Answered<Parts[Role][Method]>; // what the method of this name returns
  }

  /** Ends the process, in order if that is possible. May be called at any time, and again. */
  async close(): Promise<void> {
    if (this.#hasEnded) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    const impatience = setTimeout(() => this.#child.kill('SIGKILL'), CLOSE_DEADLINE_MS);
    await this.#call('close', undefined).catch(() => undefined);
    if (this.#child.connected) this.#child.disconnect();
    await ended;
    clearTimeout(impatience);
  }

  async #call(method: string, argument: unknown): Promise<unknown> {
    await this.#ready;
    if (this.#hasEnded) throw new Error(`the process of the ${this.role} ended`);
    const id = ++this.#calls;
    const call: Call = { id, method, argument };
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#child.send(call);
    });
  }

  #answered(answer: Answer | 'ready'): void {
    const id = answer === 'ready' ? 0 : answer.id;
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (answer === 'ready') pending?.resolve(undefined);
    else if ('error' in answer) pending?.reject(errorOf(answer.error));
    else pending?.resolve(answer.result);
  }
}

function errorOf({ name, text }: { readonly name: string; readonly text: string }): Error {
  return name === 'NotOffered' ? new NotOffered(text) : new Error(text);
}
