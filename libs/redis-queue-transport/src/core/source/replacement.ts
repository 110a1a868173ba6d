import { mark } from '../errors/mark.js';
import type { RedisQueueObserver } from '../lifecycle/observer.js';

/**
 * The injection token under which a test puts a {@link Replacement} into an app, with `overrideProvider` of
 * `@nestjs/testing`. Each registration of `RedisQueueModule` has a provider of this token, which is undefined otherwise:
 * so an app that is not tested pays one comparison for each registration, when it starts.
 */
export const REPLACEMENT = mark('replacement');

/** Holds for every client, admin and server that `RedisQueueModule` provides in an app, whatever the app's options say. */
export interface Replacement {
  /** As the option of the same name. */
  readonly connection: unknown;
  readonly prefix: string;
  /** In addition to the app's own. */
  readonly observers: readonly RedisQueueObserver[];
}
