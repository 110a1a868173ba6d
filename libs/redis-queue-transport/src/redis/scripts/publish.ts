import { Script, readArray } from '../script.js';

/**
 * Publishes events: for each, (channel, element). One that is refused does not touch the others. Replies for each how
 * many connections listened, or the text of Redis's error.
 */
export const publish = new Script({
  action: 'publish an event',
  keys: [],
  args: [],
  lua: `
local reply = {}
for i = FIRST, #ARGV, 2 do
  local answer = redis.pcall('PUBLISH', ARGV[i], ARGV[i + 1])
  reply[#reply + 1] = type(answer) == 'table' and answer.err or answer
end
return reply
`,
  read: (reply): readonly (number | string)[] =>
    readArray(reply).map((answer) => (typeof answer === 'number' ? answer : String(answer))),
});
