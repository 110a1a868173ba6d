import { END_SLEEP } from '../lua/sleepers-lua.js';
import { Script } from '../script/script.js';

/** Ends the sleep of a consumer that takes messages, or has no place for one: another one watches for it. */
export const stopSleeping = new Script({
  action: 'stop sleeping',
  keys: ['waiting', 'sleepers'],
  args: ['consumer', 'wake'],
  shared: [END_SLEEP],
  lua: `
endSleep(consumer)
return 1
`,
  read: () => undefined,
});
