import type { Cleanup } from '../cleanup.js';
import { RESERVE_QUEUE } from '../progress.js';
import { setUpStage, type Stage } from '../stage.js';
import { isServiceName, PageShop } from './page-shop.js';
import { Refusal, Supervisor } from './supervisor.js';

export interface PageRunOptions {
  /** Gets a step for everything that is started; the caller runs the steps. */
  readonly cleanup: Cleanup;
  /** Ends a start that is under way. */
  readonly signal: AbortSignal;
  /** When it fires, processes that are being stopped are killed instead. */
  readonly hurry: AbortSignal;
  /** Called when a process ends unasked. */
  readonly onCrash: (error: Error) => void;
}

export interface PageRun {
  /** The address of the page. */
  readonly address: string;
  readonly stage: Stage;
  /** Resolves when the process that serves the page is gone, asked or not. */
  readonly gone: Promise<unknown>;
}

/** Enough goods for some thousand orders, so that most of them can be filled. */
const ROUNDS = 200;
/** Slower than in the story: people want to watch orders on their way. */
const environment = { WAREHOUSE_MS: '150' };

/** Not a valid reservation, as any program could push it. The handler's validation refuses it. */
const POISON = JSON.stringify({ orderId: 'poison', lines: '<b>not lines</b>' });

/** Starts a shop and its page, and leaves them running. */
export async function openPage(options: PageRunOptions): Promise<PageRun> {
  const { cleanup } = options;
  const stage = await setUpStage({ ...options, rounds: ROUNDS, environment });
  const shop = new PageShop(stage.shop);
  const supervisor = new Supervisor((method, path) => obey(shop, stage, method, path));
  await supervisor.open();
  cleanup.add(() => supervisor.close());
  const { address, exited } = await shop.open(supervisor.url);
  return { address, stage, gone: exited };
}

async function obey(
  shop: PageShop,
  { redis }: Stage,
  method: string,
  [what, which]: readonly string[],
): Promise<unknown> {
  switch (`${method} ${what}`) {
    case 'GET processes':
      return shop.processes;
    case 'POST processes':
      if (!isServiceName(which)) throw new Refusal(404, `there is no service ${which}`);
      return shop.start(which);
    case 'DELETE processes':
      return shop.kill(Number(which));
    case 'POST poison':
      await redis.connection.rpush(`${redis.queuePrefix}:{${RESERVE_QUEUE}}:waiting`, POISON);
      return undefined;
    default:
      throw new Refusal(404, `cannot ${method} ${what}`);
  }
}
