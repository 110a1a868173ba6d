import type { Redis } from 'ioredis';
import type { Element } from '../../core/message/envelope.js';
import { newBodyName } from '../queue/body-name.js';
import type { Connection } from '../connection/connection.js';
import type { Transaction } from '../connection/transaction.js';
import type { Route } from './event-routes.js';
import { emitHeld, emitLive, routeValues } from './emit.script.js';
import type { EmitReply } from './emit.script.js';
import type { ScriptArgument } from '../script/rows.js';
import type { Further } from '../script/script.js';

/** An index that is compared for all events of a call: usually that of the wildcards. */
export interface CommonIndex {
  readonly key: string;
  readonly version: string;
}

/** Publishes one event without copies: what most calls do, in the fewest steps. */
export function emitLone(
  connection: Connection,
  { key: wildcards, version }: CommonIndex,
  { index, lone }: Route,
  element: Element,
): Promise<EmitReply> {
  // Nothing is stored, so nothing is parked.
  const args = { version, checkCount: 1, routeCount: 1, parkAbove: 0, bodyName: '', bodies: '' };
  const further = { keys: [index], values: [...lone, element] };
  return emitLive.run(connection, { wildcards }, args, [], further);
}

interface EmitArguments {
  readonly version: string;
  readonly checkCount: number;
  readonly routeCount: number;
  readonly parkAbove: number;
  readonly bodyName: string;
  readonly bodies: number | '';
}

/** More bytes than any element has. */
const NEVER = Number.MAX_SAFE_INTEGER;

/** Combines events into one call of the emit script. */
export class EmitCall {
  /** Behind the index of wildcards. */
  readonly #keys: string[] = [];
  readonly #keyNumbers = new Map<string, number>();
  readonly #checks: ScriptArgument[] = [];
  readonly #checkNumbers = new Map<Route, number>();
  readonly #routes: ScriptArgument[] = [];
  readonly #routeNumbers = new Map<Route, number>();
  readonly #numbersWithIds = new Map<Route, number>();
  readonly #events: ScriptArgument[] = [];
  #isHeld = false;
  /** The route of the last event: the next one usually has the same. */
  #last: Route | undefined;
  #lastNumber = 0;

  constructor(
    private readonly common: CommonIndex,
    private readonly parkAboveBytes: number,
  ) {}

  /** Nothing is done unless this is still the index of the pattern. A pattern that has events in the call needs no mention. */
  check(route: Route): number {
    const known = this.#checkNumbers.get(route);
    if (known !== undefined) return known;
    const number = this.#checkNumbers.size + 1;
    this.#checkNumbers.set(route, number);
    this.#checks.push(this.#key(route.index), route.version);
    return number;
  }

  /** The patterns that are checked, in the order of the numbers in the reply. */
  get checked(): readonly string[] {
    return [...this.#checkNumbers.keys()].map(({ pattern }) => pattern);
  }

  add(route: Route, element: Element): void {
    if (route !== this.#last) {
      if (route.isHeld) this.#isHeld = true;
      this.#last = route;
      this.#lastNumber = this.#routeNumber(route, this.#routeNumbers, undefined);
    }
    this.#events.push(this.#lastNumber, element);
  }

  addOnce(route: Route, element: Element, messageId: string, windowMs: number): void {
    this.#isHeld = true;
    const number = this.#routeNumber(route, this.#numbersWithIds, route.emitted);
    this.#events.push(number, element, messageId, windowMs);
  }

  run(connection: Connection): Promise<EmitReply> {
    const { key: wildcards } = this.common;
    const args = this.#args(newBodyName(), '');
    return this.#script.run(connection, { wildcards }, args, [], this.#further);
  }

  /** For one large event that leaves nothing to park. */
  runUnpublished(connection: Connection): Promise<EmitReply> {
    const { key: wildcards } = this.common;
    return this.#script.run(connection, { wildcards }, this.#args('', 0), [], this.#further);
  }

  /**
   * For one large event, in one step with the commands that store its bodies, under names that begin with `bodyName`.
   */
  async runBehind(
    connection: Connection,
    bodyName: string,
    put: (client: Redis) => Promise<unknown>[],
    transact: Transaction,
  ): Promise<EmitReply> {
    const { key: wildcards } = this.common;
    const script = this.#script;
    const reply = await connection.run(script.action, (redis) =>
      transact(redis, (client) => {
        const putting = put(client);
        const args = this.#args(bodyName, putting.length);
        return [...putting, script.send(client, { wildcards }, args, [], this.#further)];
      }),
    );
    return script.read(reply);
  }

  get #script(): typeof emitHeld {
    return this.#isHeld ? emitHeld : emitLive;
  }

  get #further(): Further {
    return { keys: this.#keys, values: [...this.#checks, ...this.#routes, ...this.#events] };
  }

  #args(bodyName: string, bodies: number | ''): EmitArguments {
    const { version } = this.common;
    const { parkAboveBytes } = this;
    const routeCount = this.#routeNumbers.size + this.#numbersWithIds.size;
    const parkAbove = Math.min(parkAboveBytes, NEVER);
    const checkCount = this.#checkNumbers.size;
    return { version, checkCount, routeCount, parkAbove, bodyName, bodies };
  }

  #routeNumber(route: Route, numbers: Map<Route, number>, ids: string | undefined): number {
    const known = numbers.get(route);
    if (known !== undefined) return known;
    const number = this.#routeNumbers.size + this.#numbersWithIds.size + 1;
    numbers.set(route, number);
    this.#routes.push(...routeValues(route, this.check(route), ids, this.#key));
    return number;
  }

  readonly #key = (key: string): number => {
    const known = this.#keyNumbers.get(key);
    if (known !== undefined) return known;
    const number = this.#keys.push(key) + 1;
    this.#keyNumbers.set(key, number);
    return number;
  };
}
