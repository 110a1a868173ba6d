import type { ReplicaTerms } from '../../core/broker/broker.js';
import { NotReplicatedError } from '../../core/errors/call-errors.js';
import type { Connection } from '../connection/connection.js';

/** The reply to WAIT, or the error in its place. */
type Reached = { readonly replicas: number } | { readonly cause: unknown };

/** What one connection waits for. */
interface Waiting {
  readonly reached: Promise<Reached>;
  /** For calls that come while that is under way. */
  next: Promise<Reached> | undefined;
}

/**
 * Waits until replicas have what Redis has just held. WAIT covers everything that Redis did before the last command of the
 * same connection, so all calls that come while one is under way share the next.
 */
export class Replicas {
  readonly #waiting = new Map<Connection, Waiting>();

  constructor(private readonly terms: ReplicaTerms) {}

  /**
   * Call it right after the reply on that connection, before anything else happens: another Redis would know nothing of
   * the message. Resolves to the error if too few replicas have it in time.
   */
  async missing(
    connection: Connection,
    messageId: string,
  ): Promise<NotReplicatedError | undefined> {
    const session = connection.serverId;
    const reached = await this.#reached(connection, session);
    const { count, timeoutMs } = this.terms;
    if ('cause' in reached)
      return new NotReplicatedError(messageId, undefined, count, timeoutMs, reached);
    if (reached.replicas >= count) return undefined;
    return new NotReplicatedError(messageId, reached.replicas, count, timeoutMs);
  }

  get areAwaited(): boolean {
    return this.#waiting.size > 0;
  }

  #reached(connection: Connection, session: Connection['serverId']): Promise<Reached> {
    const waiting = this.#waiting.get(connection);
    if (waiting === undefined) return this.#begin(connection, session);
    return (waiting.next ??= waiting.reached.then(() => this.#begin(connection, session)));
  }

  #begin(connection: Connection, session: Connection['serverId']): Promise<Reached> {
    const reached = this.#ask(connection, session);
    const waiting: Waiting = { reached, next: undefined };
    this.#waiting.set(connection, waiting);
    void reached.then(() => {
      if (waiting.next === undefined) this.#waiting.delete(connection);
    });
    return reached;
  }

  /** Never rejects. */
  async #ask(connection: Connection, session: Connection['serverId']): Promise<Reached> {
    const { count, timeoutMs } = this.terms;
    if (connection.serverId !== session) return LOST;
    try {
      const replicas = await connection.run('wait for replicas', (client) =>
        client.wait(count, timeoutMs),
      );
      return { replicas };
    } catch (cause) {
      return { cause };
    }
  }
}

const LOST: Reached = { cause: new Error('the connection was lost meanwhile') };
