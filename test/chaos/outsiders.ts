import { HUGE_BYTES, noise } from './filler.js';
import { PREFIX, type Fate, type Work } from './settings.js';

/** An element that an outsider pushes, and its fate. */
export interface Forgery {
  readonly element: string;
  readonly fate: Fate;
  /** It had already expired when it was pushed. */
  readonly isLate?: true;
}

/** What an outsider can find out and use. */
export interface Loot {
  readonly random: () => number;
  /** The id of somebody else's message. */
  readonly messageId: string;
  /** The name of somebody else's parked body. */
  readonly bodyName: string;
}

/** Keys that none of the run's processes may touch, each a list of one element. */
export const KEYS_OF_OTHERS: readonly string[] = [
  'sessions',
  `${PREFIX}:{orders}:waiting`,
  'other:{reply:x}:replies',
];

/** Deeper than most parsers go, and shorter than the limit for headers. */
const LEVELS = 20_000;
const DEEP = '['.repeat(LEVELS) + ']'.repeat(LEVELS);
/** Longer than the limit for headers. */
const ENDLESS = 'x'.repeat(100_000);

type Forge = (id: string, loot: Loot) => Forgery;

/** For a queue itself: those who can push there are trusted with its messages and nothing else. */
const FOR_QUEUE: readonly Forge[] = [
  (id, loot) => unreadable(id, `"replyTo":${JSON.stringify(oneOf(KEYS_OF_OTHERS, loot))},"re":1`),
  (id) => unreadable(id, `"x":"${ENDLESS}"`),
  (id) => ({ element: message(`"parked":"of-nobody-${id}","id":"${id}"`, ''), fate: 'bodiless' }),
  (id) => ({ element: message(`"crashes":99,"id":"${id}"`, work(id)), fate: 'crashed' }),
  (id) => ({ ...fine(id, '"expiresAt":1'), isLate: true }),
  (id) => fine(id, `"replyTo":"${PREFIX}:{reply:nobody}:replies","re":1`),
  (id) => fine(id, `"x":${DEEP}`, 'failOnce'),
  (id) => fine(id, '"7":1,"x":12345678901234567890', 'failOnce'),
  (id) => ({ element: message(`"crashes":1,"id":"${id}"`, work(id)), fate: 'finish' }),
  (id) => ({ element: message(`"attempt":2,"id":"${id}"`, work(id)), fate: 'finish' }),
  (id, { random }) => ({ element: work(id, noise(HUGE_BYTES, random)), fate: 'finish' }),
];

/** For a list that feeds a queue: all of it is data, no matter what it looks like. */
const FOR_LIST: readonly Forge[] = [
  (id, loot) => data(id, `"replyTo":${JSON.stringify(oneOf(KEYS_OF_OTHERS, loot))},"re":1`),
  (id, { bodyName }) => data(id, `"parked":"${bodyName}"`),
  (id, { bodyName }) => data(id, `"crashes":1,"attempt":3,"parked":"${bodyName}"`),
  (id, { messageId }) => data(id, `"id":"${messageId}"`),
  (id) => data(id, '"crashes":99'),
  (id) => data(id, '"expiresAt":1'),
  (id) => data(id, '"pattern":"chaos.ask","codec":"raw","zip":"gzip"'),
  (id) => data(id, `"x":${DEEP}`),
  (id) => data(id, `"x":"${ENDLESS}"`),
  (id) => ({ element: `{"rq":1,"crashes":99,${work(id).slice(1)}`, fate: 'finish' }),
  (id, { random }) => ({ element: work(id, noise(HUGE_BYTES, random)), fate: 'finish' }),
];

export function forgeForQueue(id: string, loot: Loot): Forgery {
  return oneOf(FOR_QUEUE, loot)(id, loot);
}

export function forgeForList(id: string, loot: Loot): Forgery {
  return oneOf(FOR_LIST, loot)(id, loot);
}

/** The work in what an outsider pushed: its last line, if it has a forged header. */
export function workIn(pushed: unknown): Work {
  if (typeof pushed !== 'string') return pushed as Work; // one line of JSON
  return JSON.parse(pushed.slice(pushed.lastIndexOf('\n') + 1)) as Work; // made here
}

function unreadable(id: string, fields: string): Forgery {
  return { element: message(`"id":"${id}",${fields}`, work(id)), fate: 'unreadable' };
}

function fine(id: string, fields: string, behaviour: Work['behaviour'] = 'finish'): Forgery {
  return {
    element: message(`"id":"${id}",${fields}`, work(id, undefined, behaviour)),
    fate: behaviour,
  };
}

function data(id: string, fields: string): Forgery {
  return { element: message(fields, work(id)), fate: 'finish' };
}

function message(fields: string, body: string): string {
  return `{"rq":1,${fields}}\n${body}`;
}

function work(id: string, large?: string, behaviour: Work['behaviour'] = 'finish'): string {
  return JSON.stringify({ id, behaviour, large });
}

function oneOf<T>(choices: readonly T[], { random }: Loot): T {
  return choices[Math.floor(random() * choices.length)] as T; // there is one
}
