import type { Listed, RemovedFrom, Tending } from './commands.js';
import { byKey } from './labels.js';
import { labelOf, textOf, wasOut } from './model-message.js';
import type { ModelMessage } from './model-message.js';
import type { QueueModel } from './queue-model.js';

/** What tools do to a queue, and what they are answered. */
export function tend(model: QueueModel, tending: Tending): unknown {
  switch (tending.kind) {
    case 'setPaused':
      model.isPaused = tending.isPaused;
      return undefined;
    case 'setKeyPaused':
      if (tending.isPaused) model.keys.rest(tending.key, Infinity);
      else model.endRest(tending.key);
      return undefined;
    case 'purge':
      return purge(model, tending.what);
    case 'remove':
      return remove(model, tending.from, tending.at);
    case 'advance': {
      const chosen = model.delayed.splice(tending.from, tending.count);
      const lastDueMs = chosen.at(-1)?.dueMs ?? 0;
      for (const { dueMs, message } of chosen)
        model.delay(Math.min(dueMs, model.nowMs - lastDueMs + dueMs), message);
      return chosen.length;
    }
    case 'redrive': {
      const moved = model.dead.splice(tending.from, tending.count);
      for (const message of moved) model.enter(redriven(message));
      // The second time nothing is there any more.
      return [moved.length, 0];
    }
    case 'deleteDeadLetters': {
      const deleted = model.dead.splice(tending.from, tending.count);
      model.drop(deleted);
      return deleted.length;
    }
    case 'find':
      return find(model, `m${tending.pushed}`);
    case 'list':
      return list(model, tending.what, tending.offset, tending.count);
  }
}

function purge(model: QueueModel, what: 'waiting' | 'delayed' | 'all'): number {
  const removed: ModelMessage[] = [];
  if (what !== 'delayed') {
    removed.push(
      ...model.suspects,
      ...model.waiting,
      ...model.inLevels,
      ...[...model.lanes.values()].flat(),
    );
    model.lanes.clear();
    model.suspects = [];
    model.waiting = [];
    model.levels.clear();
  }
  if (what !== 'waiting')
    for (let left = model.delayed.length; left > 0; left -= 1)
      for (const { message } of model.delayed.splice(0, 1)) {
        removed.push(message);
        if (wasOut(message)) model.goOn(message.key);
      }
  if (what !== 'delayed') model.forgetRests();
  model.drop(removed);
  return removed.length;
}

function remove(model: QueueModel, from: RemovedFrom, at: number): boolean {
  if (from === 'held') return false;
  if (from === 'lanes') return removeFromLane(model, at);
  const [removed] =
    from === 'waiting' ? model.inOrder.slice(at, at + 1) : model[from].splice(at, 1);
  if (removed === undefined) return false;
  const message = 'message' in removed ? removed.message : removed;
  if (from === 'waiting') model.forget(message);
  model.drop([message]);
  if (from !== 'delayed' || wasOut(message)) model.goOn(message.key);
  return true;
}

function removeFromLane(model: QueueModel, at: number): boolean {
  const removed = inLanes(model)[at];
  if (removed?.key === undefined) return false;
  const left = (model.lanes.get(removed.key) ?? []).filter((other) => other !== removed);
  if (left.length > 0) model.lanes.set(removed.key, left);
  else model.lanes.delete(removed.key);
  model.drop([removed]);
  return true;
}

/** Key by key. */
export function inLanes({ lanes }: QueueModel): readonly ModelMessage[] {
  return [...lanes].sort(byKey).flatMap(([, lane]) => lane);
}

/** What has no header keeps nothing that could begin anew. */
function redriven(message: ModelMessage): ModelMessage {
  return message.attempt === 1 && message.id === undefined
    ? message
    : { ...message, attempt: 1, crashes: 0 };
}

function find(model: QueueModel, id: string): string | undefined {
  const isSought = (message: ModelMessage): boolean => message.id === id;
  if (model.delayed.some(({ message }) => isSought(message))) return 'delayed';
  if ([inLanes(model), model.waiting, model.inLevels, model.suspects].flat().some(isSought))
    return 'waiting';
  const holder = model.consumers.findIndex(({ held }) => held.some(isSought));
  return holder === -1 ? undefined : `held by ${holder}`;
}

function list(
  { consumers, dead, inOrder, suspects }: QueueModel,
  what: Listed,
  offset: number,
  count: number,
): readonly string[] {
  const page = <T>(all: readonly T[]): T[] => all.slice(offset, offset + count);
  switch (what) {
    case 'waiting':
      return page(inOrder).map(textOf);
    case 'suspects':
      return page(suspects).map(textOf);
    case 'oldestDead':
      return page(dead).map(labelOf);
    case 'newestDead':
      return page(dead.toReversed()).map(labelOf);
    case 'held':
      // All: the order of consumers follows from the ends of their leases, which the model does not know.
      return consumers
        .flatMap(({ held }, index) => held.map((message) => `${index} ${textOf(message)}`))
        .sort();
  }
}
