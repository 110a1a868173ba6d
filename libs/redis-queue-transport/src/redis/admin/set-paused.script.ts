import { Script } from '../script/script.js';

/** What a consumer is told on the channel `wake` when its queue is paused. Other news has no text. */
export const PAUSED = 'paused';

/** Pauses ('1') or resumes ('0') a queue, and tells its consumers. */
export const setPaused = new Script({
  action: 'pause or resume a queue',
  keys: ['paused'],
  args: ['isPaused', 'wake'],
  lua: `
if isPaused == '1' then redis.call('SET', paused, '1') else redis.call('DEL', paused) end
redis.call('PUBLISH', wake, isPaused == '1' and '${PAUSED}' or '')
return 1
`,
  read: () => undefined,
});
