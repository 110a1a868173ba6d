import type { Command } from './command/command.js';
import { doctor } from './doctor/doctor.js';
import { groups } from './events/groups.js';
import { history } from './events/history.js';
import { replay } from './events/replay.js';
import { retire } from './events/retire.js';
import { tail } from './events/tail.js';
import { send } from './messages/send.js';
import { emit, enqueue } from './messages/verbs.js';
import { deadDelete, deadList, deadRedrive, deadShow } from './queues/dead-letters.js';
import { delayedAdvance, delayedList } from './queues/delayed.js';
import { forget } from './queues/forget.js';
import { lanes } from './queues/lanes.js';
import { limits } from './queues/limits.js';
import { pause, resume } from './queues/pause.js';
import { peek } from './queues/peek.js';
import { purge } from './queues/purge.js';
import { queues } from './queues/queues.js';

/** In the order of the help. None of them loads the library before it runs. */
export const COMMANDS: readonly Command[] = [
  queues,
  peek,
  lanes,
  limits,
  deadList,
  deadShow,
  deadRedrive,
  deadDelete,
  delayedList,
  delayedAdvance,
  pause,
  resume,
  purge,
  forget,
  groups,
  history,
  replay,
  retire,
  tail,
  enqueue,
  send,
  emit,
  doctor,
];
