import { headerAndBody } from '../../core/message/envelope.js';
import type { Element } from '../../core/message/envelope.js';
import { RedisRefusedError } from '../../core/errors/call-errors.js';
import type { Connection } from '../connection/connection.js';
import { MOST_IN_TRANSACTION, oneByOne, transact } from '../connection/transaction.js';
import { newBodyName } from '../queue/body-name.js';
import { isLarger } from '../queue/size.js';
import { LARGE_BYTES } from '../script/script.js';
import { EmitCall } from './emit-call.js';
import type { CommonIndex } from './emit-call.js';
import type { EmitReply } from './emit.script.js';
import type { Route } from './event-routes.js';

export interface LargeEvent {
  readonly messageId: string;
  readonly element: Element;
  readonly deduplicateMs: number | undefined;
}

/** Whether an event is too large to pass through a script needlessly. */
export function isLargeEvent({ element }: { readonly element: Element }): boolean {
  return isLarger(element, LARGE_BYTES);
}

/**
 * Whether commands of their own can store its bodies: not if copies keep their bodies, and not if live listeners decide
 * whether its id is remembered.
 */
export function mayBypass(
  { element, deduplicateMs }: LargeEvent,
  { lists, isHeld }: Route,
  parkAboveBytes: number,
): boolean {
  if (lists.length > 0 && !isLarger(element, parkAboveBytes)) return false;
  return isHeld || deduplicateMs === undefined;
}

/**
 * Emits a large event, but does not publish it. Commands in front of the script, in one step with it, store the bodies
 * of the groups' copies: a script would need 1 to 2 ms for each MiB and copy. If there are histories, the script gets
 * the whole event.
 */
export async function emitLarge(
  connection: Connection,
  common: CommonIndex,
  route: Route,
  { messageId, element, deduplicateMs }: LargeEvent,
): Promise<EmitReply> {
  const { lists, histories } = route;
  const { header, body } = headerAndBody(element);
  const call = new EmitCall(common, 0);
  const passed = histories.length > 0 ? element : header;
  if (deduplicateMs === undefined) call.add(route, passed);
  else call.addOnce(route, passed, messageId, deduplicateMs);
  if (lists.length === 0) return call.runUnpublished(connection);
  const bodyName = newBodyName();
  const names = lists.map(({ parked }, index) => ({ parked, name: `${bodyName}-${index + 1}` }));
  const send = (lists.length + 1) * body.length > MOST_IN_TRANSACTION ? oneByOne : transact;
  try {
    return await call.runBehind(
      connection,
      bodyName,
      (client) => names.map(({ parked, name }) => client.hsetnx(parked, name, body)),
      send,
    );
  } catch (error) {
    if (error instanceof RedisRefusedError) drop(connection, names);
    throw error;
  }
}

/** Bodies that stay, should this fail, belong to nobody. */
function drop(
  connection: Connection,
  names: readonly { readonly parked: string; readonly name: string }[],
): void {
  for (const { parked, name } of names)
    connection.run('drop a body', (client) => client.hdel(parked, name)).catch(noop);
}

const noop = (): void => undefined;
