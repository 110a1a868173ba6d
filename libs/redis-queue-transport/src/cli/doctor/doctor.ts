import { ROLES } from '../../core/admin/inspection.js';
import type { Inspection, Role } from '../../core/admin/inspection.js';
import type { RedisQueueAdmin } from '../../index.js';
import type { Call, Command } from '../command/command.js';
import { EXIT } from '../words/exit-code.js';
import { errorText } from '../words/failures.js';
import { UsageError } from '../words/usage-error.js';
import type { Check, Patient, QueueState } from './check.js';
import { CONNECTION_CHECKS, rolesOf } from './connection-checks.js';
import { note, wrong } from './finding.js';
import type { Finding } from './finding.js';
import { QUEUE_CHECKS } from './queue-checks.js';
import { reportText } from './report.js';
import { SERVER_CHECKS } from './server-checks.js';

const WEEK_MS = 7 * 86_400_000;

export const CHECKS: readonly Check[] = [...SERVER_CHECKS, ...CONNECTION_CHECKS, ...QUEUE_CHECKS];

export const doctor: Command = {
  name: 'doctor',
  about: 'look for what is wrong with Redis and the queues, and say what to do about it',
  details: [
    'It changes nothing. It looks at the version of Redis, memory, persistence, replication, connections, TLS, the clock, ' +
      'permissions, queues and groups that nobody serves, lists of dead consumers, old dead letters, and the first hundred ' +
      'messages and dead letters of each queue.',
    'Its exit code is 1 if something is wrong. Notes are worth knowing, and leave it at 0.',
  ],
  args: [],
  options: {
    role: {
      value: 'ROLE',
      about: `the role that the user of Redis should have: ${ROLES.join(', ')}; by default, any of them`,
    },
    'dead-older-than': {
      value: 'TIME',
      about: 'report dead letters that are older than this; the default is 7d',
    },
  },
  examples: [
    'doctor',
    'doctor --role consumer --url redis://consumer@127.0.0.1:6379',
    'doctor --json',
  ],
  async run(call) {
    const role = roleOf(call.given.text('role'));
    const oldAfterMs = call.given.duration('dead-older-than') ?? WEEK_MS;
    const { openInspection } = await import('../../open-broker.js');
    const inspection = openInspection(call.settings);
    call.closeLater(inspection);
    const admin = await call.admin();
    const { prefix } = call.settings;
    const findings: Finding[] = [];
    const queues = await statesOf(admin, findings);
    const isCluster = inspection.isCluster;
    const patientOf = async (node: Inspection): Promise<Patient> => {
      const info = await looked(findings, 'INFO', {}, () => node.info());
      const clock = await node.clock();
      return { inspection: node, isCluster, admin, prefix, info, clock, role, oldAfterMs, queues };
    };
    const nodes: Patient[] = [];
    for (const node of await inspection.nodes()) nodes.push(await patientOf(node));
    const patient = isCluster ? await patientOf(inspection) : nodes[0]; // a single Redis is there
    if (patient === undefined) throw new TypeError('There is always a node.');
    const well: string[] = [];
    for (const check of CHECKS) {
      const isOfQueues = QUEUE_CHECKS.includes(check);
      const found: Finding[] = [];
      for (const one of isOfQueues ? [patient] : nodes) found.push(...(await examine(check, one)));
      if (found.length === 0) well.push(check.name);
      findings.push(...found);
    }
    return tell(call, inspection, patient, findings, well);
  },
};

/** Of a node of a cluster, each finding says of which. */
async function examine(check: Check, patient: Patient): Promise<readonly Finding[]> {
  // If INFO said nothing, there is nothing to check.
  if (SERVER_CHECKS.includes(check) && Object.keys(patient.info).length === 0) return [];
  const refusals: Finding[] = [];
  const found = await looked(refusals, check.name, [], () => check.run(patient));
  const all = [...refusals, ...found];
  if (!patient.isCluster || QUEUE_CHECKS.includes(check)) return all;
  const { place } = patient.inspection.way;
  return all.map((finding) => ({ ...finding, what: `${place}: ${finding.what}` }));
}

async function tell(
  { output }: Call,
  inspection: Inspection,
  patient: Patient,
  findings: readonly Finding[],
  well: readonly string[],
): Promise<typeof EXIT.done | typeof EXIT.no> {
  const about = {
    place: inspection.way.place,
    prefix: patient.prefix,
    user: await inspection.user(),
    roles: await rolesOf(patient),
    version: patient.info['redis_version'],
    queues: patient.queues.length,
  };
  const count = findings.filter(({ level }) => level === 'wrong').length;
  output.result({ ...about, wrong: count, findings, well }, () =>
    reportText({ ...about, findings, well }, output.terminal),
  );
  return count === 0 ? EXIT.done : EXIT.no;
}

/** If Redis refuses to show something, that becomes a note. Any other failure ends the examination. */
async function looked<T>(
  findings: Finding[],
  what: string,
  otherwise: T,
  look: () => T | Promise<T>,
): Promise<T> {
  try {
    return await look();
  } catch (error) {
    if (Reflect.get(Object(error), 'code') !== 'REDIS_REFUSED') throw error;
    findings.push(
      note(
        'not-checked',
        `Not checked: ${what}. ${errorText(error)}`,
        'Something may be wrong there.',
        'Run the doctor with a user that may look, such as the observer in docs/permissions.md.',
      ),
    );
    return otherwise;
  }
}

/** The state of all queues and groups. If Redis refuses to show one, that becomes a finding about it. */
async function statesOf(
  admin: RedisQueueAdmin,
  findings: Finding[],
): Promise<readonly QueueState[]> {
  const names = await looked(findings, 'queues', [], () => admin.queues());
  const { groups } = await looked(
    findings,
    'groups',
    { groups: [], wildcards: [], histories: [] },
    () => admin.groups(),
  );
  const byQueue = new Map(groups.map((group) => [group.queue, group]));
  const states: QueueState[] = [];
  for (const name of new Set([...names, ...byQueue.keys()])) {
    try {
      const lengths = await admin.lengths(name);
      const consumers = await admin.consumers(name);
      states.push({ name, group: byQueue.get(name), lengths, consumers });
    } catch (error) {
      findings.push(ofQueue(name, error));
    }
  }
  return states;
}

/** Throws the error if it is not about this queue alone. */
function ofQueue(queue: string, error: unknown): Finding {
  const code: unknown = Reflect.get(Object(error), 'code');
  if (code === 'INVALID_PATTERN')
    return wrong(
      'foreign-name',
      `${JSON.stringify(queue)} is in the list of queues, but is not a name of a queue. ${errorText(error)}`,
      'Another program has written it: the library never lists such a name.',
      'Find that program, and remove the name from the hash of queues (PREFIX:queues).',
      queue,
    );
  if (code !== 'REDIS_REFUSED') throw error;
  const isOther = Reflect.get(Object(error), 'reply') === 'WRONGTYPE';
  return (isOther ? wrong : note)(
    isOther ? 'foreign-key' : 'not-checked',
    `A queue cannot be looked at. ${errorText(error)}`,
    isOther
      ? 'A key of the queue has another type: another program uses it. Redis refuses every call that touches it.'
      : 'Something may be wrong there.',
    isOther
      ? 'Find that program, and give it or your services another prefix.'
      : 'Run the doctor with a user that may look, such as the observer in docs/permissions.md.',
    queue,
  );
}

function roleOf(text: string | undefined): Role | undefined {
  if (text === undefined) return undefined;
  const role = ROLES.find((one) => one === text);
  if (role !== undefined) return role;
  throw new UsageError(`--role must be one of ${ROLES.join(', ')}, got "${text}".`);
}
