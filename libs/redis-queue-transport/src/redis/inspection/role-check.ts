import type { MissingPermission, Role } from '../../core/admin/inspection.js';
import type { Connection } from '../connection/connection.js';
import { missingPermissions } from './missing-permissions.script.js';
import { ROLE_RULES } from './role-rules.js';

/** Commands that take no key. */
const WITHOUT_KEYS = /^(client\|.*|exec|hello|info|multi|ping|time)$/;
/** Commands that take a text and a number of keys. */
const SCRIPTS = /^(eval|evalsha)$/;
const OF_CHANNELS = /^(publish|subscribe|psubscribe)$/;
/** Commands that take a time, a number of keys, and keys. */
const WITH_A_NUMBER = /^blmpop$/;

/** Stands for the names that a rule leaves open. */
const SAMPLE = 'redis-queue-doctor';

interface RuleGroup {
  readonly commands: readonly string[];
  readonly keys: readonly string[];
  readonly channels: readonly string[];
}

/** The permissions for a role that the user of the connection lacks. */
export async function missingForRole(
  connection: Connection,
  role: Role,
  prefix: string,
): Promise<readonly MissingPermission[]> {
  const groups = rulesOf(role, prefix, connection.database);
  const samples = new Map<string, string>();
  const sampled = (rules: readonly string[]): string[] =>
    rules.map((rule) => {
      const name = rule.replaceAll('*', SAMPLE);
      samples.set(name, rule);
      return name;
    });
  const words = groups.flatMap(({ commands, keys, channels }) =>
    [commands.map(marked), sampled(keys), sampled(channels)].flatMap((list) => [
      list.length,
      ...list,
    ]),
  );
  const missing = await missingPermissions.run(connection, {}, {}, words);
  const found = missing.map((word) => permissionOf(word, samples));
  return [...new Map(found.map((one) => [one.rule, one])).values()];
}

function permissionOf(word: string, samples: ReadonlyMap<string, string>): MissingPermission {
  const name = word.slice(1);
  if (word.startsWith('~')) return { kind: 'key', rule: `~${samples.get(name) ?? name}` };
  if (word.startsWith('&')) return { kind: 'channel', rule: `&${samples.get(name) ?? name}` };
  return { kind: 'command', rule: `+${name}` };
}

function marked(command: string): string {
  if (WITHOUT_KEYS.test(command)) return `-${command}`;
  if (SCRIPTS.test(command)) return `e${command}`;
  if (OF_CHANNELS.test(command)) return `c${command}`;
  return `${WITH_A_NUMBER.test(command) ? 'n' : 'k'}${command}`;
}

/** The rules outside of parentheses, and those within each pair of them. */
function rulesOf(role: Role, prefix: string, database: number): readonly RuleGroup[] {
  const text = ROLE_RULES[role];
  const selectors = [...text.matchAll(/\(([^)]*)\)/g)].map(([, rules = '']) => rules);
  return [text.replaceAll(/\([^)]*\)/g, ' '), ...selectors].map((rules) => {
    const words = rules.split(/\s+/);
    const of = (mark: string): string[] =>
      words.filter((word) => word.startsWith(mark)).map((word) => word.slice(1));
    const channels = database === 0 ? `${prefix}:` : `${prefix}:db${database}:`;
    return {
      commands: of('+'),
      keys: of('~').map((key) => key.replace(/^rq:/, () => `${prefix}:`)),
      channels: of('&').map((channel) => channel.replace(/^rq:/, () => channels)),
    };
  });
}
