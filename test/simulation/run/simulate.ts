import { checkEnd } from '../check/check-end.js';
import { checkKeys } from '../check/key-order.js';
import { checkLevels } from '../check/level-order.js';
import { checkPlaces, isAtRest, placesIn } from '../check/places.js';
import type { Scenario } from '../scenario/scenario.js';
import { World } from '../world/world.js';

export interface RunResult {
  /** Broken rules, the first one first; none for a run that went well. */
  readonly violations: readonly string[];
  readonly traceHash: string;
  /** What happened, if it was to be told. */
  readonly lines: readonly string[];
}

/** Longer than all messages are sent, and all faults begin. */
const BUSY_MS = 9_000;
/** Time for everything that can end. */
const REST_MS = 150_000;
const LOOK_EACH_MS = 500;

/** Runs a scenario to its end, and checks it. */
export async function simulate(scenario: Scenario, isTold = false): Promise<RunResult> {
  const world = new World(scenario, isTold);
  const onRejection = (error: unknown): void =>
    world.ledger.violate('no promise floats', describe(error));
  process.on('unhandledRejection', onRejection);
  try {
    world.begin();
    await world.time.pass(BUSY_MS, () => false);
    world.calmDown();
    await rest(world, 'while its consumers lived', true);
    world.checkDeclared();
    world.replaceAll();
    // In the last process every handler ends. One before may be frozen with a message that hangs.
    await rest(world, 'after all processes were replaced', false);
    checkPlaces(world);
    checkKeys(world);
    checkLevels(world);
    checkEnd(world);
  } catch (error) {
    world.ledger.violate('nothing throws', describe(error));
  } finally {
    process.off('unhandledRejection', onRejection);
  }
  const { violations, traceHash, lines = [] } = world.ledger;
  return { violations, traceHash, lines };
}

/** Lets time pass until nothing is left to do. A queue that does not get there is wedged. */
async function rest(world: World, when: string, mayHang: boolean): Promise<void> {
  const latest = world.time.now + REST_MS;
  let nextLook = 0;
  const isOver = (): boolean => {
    if (world.time.now < nextLook) return false;
    nextLook = world.time.now + LOOK_EACH_MS;
    return isAtRest(world, mayHang);
  };
  await world.time.pass(world.time.now + 2_000, () => false);
  await world.time.pass(latest, isOver);
  if (isAtRest(world, mayHang)) return;
  world.ledger.violate('no wedge', `messages are left ${when}`);
  for (const queue of world.queues)
    for (const [id, places] of placesIn(queue)) world.tell(`${id} is ${places.join(', ')}`);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
