import { idOf } from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import { keyOf } from '../../../libs/redis-queue-transport/src/core/message/key.js';
import type { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';
import type { CheckedRun } from './checked-run.js';

export interface Keyed {
  readonly id: string;
  readonly key: string;
  readonly wasOut: boolean;
}

/** What was read of elements: they are looked at after each command. */
const READ = new WeakMap<Buffer, Keyed | null>();

function read(element: Buffer): Keyed | undefined {
  const known = READ.get(element);
  if (known !== undefined) return known ?? undefined;
  const found = keyOf(element);
  const keyed = found === undefined ? null : { ...found, id: idOf(element) ?? '?' };
  READ.set(element, keyed);
  return keyed ?? undefined;
}

/** Those of a queue that are in front of their lanes: waiting, held, suspects, or delayed for a retry. */
function outOf(queue: StoredQueue): readonly Keyed[] {
  const { waiting, levels, suspects, processing, delayed } = queue;
  const levelled = levels.isInUse ? [...levels.byLevel.values()].flat() : [];
  const again = delayed.all.map(({ element }) => element).filter((it) => read(it)?.wasOut === true);
  const held = [...processing.values()].flat();
  return [...waiting.slice(), ...levelled, ...suspects.slice(), ...held, ...again].flatMap(
    (element) => read(element) ?? [],
  );
}

/** In which order a queue got the messages of each key, of those that are not settled for good. */
export class KeyOrder {
  readonly #ids = new Map<string, readonly string[]>();

  /** @param dataKeyOf the key that the data of a message says, while it waits for that */
  constructor(private readonly dataKeyOf: (id: string) => string | undefined) {}

  /** Its order is told by where its messages are: the replica has become the primary. */
  tookOver(): void {
    this.#ids.clear();
  }

  /** To be called after each command. Returns those that are in front of their lanes. */
  look(queue: StoredQueue): readonly Keyed[] {
    const now = new Map<string, string[]>();
    const out = outOf(queue);
    const inLanes = queue.lanes.all.flatMap((element) => read(element) ?? []);
    for (const { key, id } of [...out, ...inLanes, ...this.#unkeyed(queue)]) {
      const ids = now.get(key);
      if (ids === undefined) now.set(key, [id]);
      else ids.push(id);
    }
    for (const key of this.#ids.keys()) if (!now.has(key)) this.#ids.delete(key);
    for (const [key, ids] of now) {
      const known = this.#ids.get(key) ?? [];
      const left = known.filter((id) => ids.includes(id));
      this.#ids.set(key, [...left, ...ids.filter((id) => !known.includes(id))]);
    }
    return out;
  }

  #unkeyed({ unkeyed }: StoredQueue): readonly Pick<Keyed, 'id' | 'key'>[] {
    if (unkeyed.length === 0) return [];
    return unkeyed.slice().flatMap((element) => {
      const id = idOf(element) ?? '?';
      const key = read(element)?.key ?? this.dataKeyOf(id);
      return key === undefined ? [] : [{ id, key }];
    });
  }

  /** Those that came before it and are not settled for good. */
  before(key: string, id: string): readonly string[] {
    const ids = this.#ids.get(key) ?? [];
    return ids.slice(0, Math.max(0, ids.indexOf(id)));
  }
}

/**
 * What is counted of each key is what the lists say, and where messages are in a lane, one is in front of it, or the key
 * rests.
 */
export function checkKeys({ queues, ledger, scenario }: CheckedRun): void {
  for (const [index, queue] of queues.entries()) {
    const { lanes, rests } = queue;
    const out = outOf(queue).map(({ key }) => key);
    for (const key of new Set([...out, ...lanes.out.keys(), ...lanes.byKey.keys()])) {
      const many = out.filter((other) => other === key).length;
      const counted = lanes.out.get(key) ?? 0;
      if (many !== counted)
        ledger.violate('keys', `${many} of ${key} are out, and ${counted} are counted`);
      const { running = 1 } = scenario.queues[index]?.perKey ?? {};
      if (many > running)
        ledger.violate('keys', `${many} of ${key} are out, and ${running} may be`);
      if (many === 0 && lanes.of(key).length > 0 && !rests.has(key))
        ledger.violate('keys', `nobody is in front of the lane of ${key}`);
    }
  }
}
