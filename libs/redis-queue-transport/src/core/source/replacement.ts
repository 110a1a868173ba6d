import { mark } from '../errors/mark.js';
import type { RedisQueueObserver } from '../lifecycle/observer.js';

/**
 * The injection token under which a test puts a {@link Replacement} into an app, with `overrideProvider` of
 * `@nestjs/testing`. Each registration of `RedisQueueModule` has a provider of this token, which is undefined outside
 * of tests. So an app pays for it with one comparison for each registration, when it starts.
 */
export const REPLACEMENT = mark('replacement');

/** Applies to every client, admin and server that `RedisQueueModule` provides in an app, over the app's own options. */
export interface Replacement {
  /** Like the option of the same name. */
  readonly connection: unknown;
  readonly prefix: string;
  /** In addition to the app's own. */
  readonly observers: readonly RedisQueueObserver[];
}
