import type { Customers } from './customers.js';
import type { Narrator } from './narrator.js';
import type { Stage } from './stage.js';

/** What each step of the story works with. */
export interface Scene {
  readonly stage: Stage;
  readonly customers: Customers;
  readonly narrator: Narrator;
  /** How many orders of the file come in one step. */
  readonly burst: number;
  /** Ends the step, which rejects with the signal's reason. */
  readonly signal: AbortSignal;
}
