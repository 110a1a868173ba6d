import { readDeadLetter } from '../../libs/redis-queue-transport/src/core/message/dead-letter.js';
import type { DeadLetterFacts } from '../../libs/redis-queue-transport/src/core/message/dead-letter.js';
import {
  decodeElement,
  encodeElement,
} from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import type { Limited } from '../../libs/redis-queue-transport/src/core/broker/limit.js';
import type { Element } from '../../libs/redis-queue-transport/src/core/message/envelope.js';

/** A message as the library writes it. */
export function element(id: string, body = '{}'): Element {
  return encodeElement({ id, sentAtMs: 1 }, body);
}

/** The same with a key. */
export function keyed(key: string, id: string, body = '{}'): Element {
  return encodeElement({ id, key, sentAtMs: 1 }, body);
}

/** A message of this name with its first letter as the key: `a1` has the key `a`, and `-1` has none. */
export function ofKeyIn(name: string): Element {
  const [key = ''] = name;
  return key === '-' ? element(name) : keyed(key, name);
}

/** Why a message of the queue is dead-lettered. */
export function failureIn(queue: string): DeadLetterFacts {
  const error = { name: 'Error', message: 'no' };
  return { reason: 'handlerFailed', error, attempt: 1, queue, consumer: 'c', at: 1 };
}

/** The same with a priority. */
export function prioritised(priority: number, id: string, key?: string): Element {
  return encodeElement({ id, key, priority, sentAtMs: 1 }, '{}');
}

/** The element that a wait returned. */
export async function brought(
  wait: Promise<Buffer | Limited | 'leaseLost' | 'look' | undefined>,
): Promise<Buffer> {
  const answer = await wait;
  if (Buffer.isBuffer(answer)) return answer;
  throw new Error(`The wait brought no message: ${JSON.stringify(answer) ?? 'nothing came'}.`);
}

/** The parts of a message that tests compare. */
export interface MessageView {
  readonly id: string | undefined;
  readonly attempt: number;
  readonly crashes: number;
  readonly body: string;
}

export function view(bytes: Buffer): MessageView {
  const { id, attempt, crashes, body } = decodeElement(bytes);
  return { id, attempt, crashes, body: body.toString('latin1') };
}

/** The ids of messages or of dead letters. */
export function ids(elements: readonly Buffer[]): (string | undefined)[] {
  return elements.map((bytes) => decodeElement(readDeadLetter(bytes)?.original ?? bytes).id);
}

/** Id, attempt and crashes of each element in short, as `id attempt/crashes`. */
export function counts(elements: readonly Buffer[]): string[] {
  return elements.map((bytes) => {
    const { id, attempt, crashes } = decodeElement(bytes);
    return `${id} ${attempt}/${crashes}`;
  });
}
