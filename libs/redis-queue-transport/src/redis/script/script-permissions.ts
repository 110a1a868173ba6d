/**
 * Every command in Lua text, with its subcommand if it has one, and its first argument if that is a plain name. Only
 * commands are written in capitals at the beginning of a call's arguments.
 */
const COMMAND = /\(\s*'([A-Z]{2,})'\s*(?:,\s*'([A-Z]{2,})'\s*)?(?:,\s*([A-Za-z_]\w*)\s*(?=[,)]))?/g;

/**
 * Lua that looks for a missing permission before anything is written: if that were noticed later, part of the script's
 * work would already be done. It is derived from the text, so no script has to declare its commands.
 *
 * A command whose key or channel the text does not name is checked without one, since only the script knows whether,
 * and on what, it will run.
 *
 * @param named locals of the script that hold a key or a channel
 * @param runs the commands that the script runs, if its text also has others
 */
export function permissionCheck(
  lua: string,
  named: readonly string[],
  runs?: readonly string[],
): string {
  const needed = new Set<string>();
  for (const [, command = '', within, argument = ''] of lua.matchAll(COMMAND)) {
    if (runs !== undefined && !runs.includes(command)) continue;
    const on = named.includes(argument) ? argument : 'nil';
    needed.add(`{ '${command}', ${on}${within === undefined ? '' : `, '${within}'`} }`);
  }
  return `
local function mayRun(command, ...)
  local isKnown, may = pcall(redis.acl_check_cmd, command, ...)
  return isKnown and may
end
for _, needed in ipairs({ ${[...needed].join(', ')} }) do
  local command, on, within = needed[1], needed[2], needed[3]
  local may
  if within then may = mayRun(command, within, on)
  elseif on then may = mayRun(command, on, on)
  else may = mayRun(command) end
  if not may then
    return redis.error_reply("NOPERM this user has no permissions to run the '" .. string.lower(command) .. "' command" .. (on and ' on ' .. on or ''))
  end
end
`;
}
