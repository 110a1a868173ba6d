import type { QueueDump } from '../support/queue-dump.js';
import type { RunRecord } from './run-record.js';

/** A queue that is empty, and always was. */
export const EMPTY_DUMP: QueueDump = {
  waiting: [],
  levels: new Map(),
  suspects: [],
  processing: new Map(),
  lanes: new Map(),
  out: new Map(),
  resting: new Map(),
  inLanes: 0,
  unkeyed: [],
  delayed: [],
  dead: [],
  expired: 0,
  repeated: 0,
  deadLettersDropped: 0,
  parked: [],
  parkedEver: 0,
};

/** A run in which nothing happened. */
export const EMPTY_RECORD: RunRecord = {
  entries: [],
  dump: EMPTY_DUMP,
  bulk: EMPTY_DUMP,
  partner: EMPTY_DUMP,
  keyed: new Map(),
  groups: new Map(),
  history: [],
  strikes: [],
  clockSteps: [],
  lives: [],
  garbage: 0,
  hung: [],
  deaf: [],
  taken: [],
  touched: [],
  littered: [],
  miscounted: [],
};
