import { numberIn } from './check.js';
import type { Check } from './check.js';
import { note, wrong } from './finding.js';
import type { Finding } from './finding.js';
import { REPLICA_CHECKS } from './replica-checks.js';

const LEAST_VERSION = 7;
/** Above this part, something is nearly full. */
const NEARLY = 0.8;

const version: Check = {
  name: 'version',
  run: ({ info, isCluster }) => {
    const findings: Finding[] = [];
    const shown = info['redis_version'] ?? 'unknown';
    if (info['server_name'] !== 'valkey' && Number.parseInt(shown, 10) < LEAST_VERSION)
      findings.push(
        wrong(
          'version',
          `Redis has version ${shown}.`,
          'The scripts of this library need 7.0: servers and clients will fail.',
          'Install Redis 7.0 or later.',
        ),
      );
    const mode = info['redis_mode'] ?? 'standalone';
    if (mode !== (isCluster ? 'cluster' : 'standalone'))
      findings.push(
        wrong(
          'mode',
          `Redis runs as ${mode}.`,
          'Servers and clients refuse to start.',
          'Connect to a primary by its Sentinels (option connection: { sentinels, name }), or to a cluster by its nodes ({ nodes }).',
        ),
      );
    return findings;
  },
};

const memory: Check = {
  name: 'memory',
  run: ({ info }) => {
    const findings: Finding[] = [];
    const policy = info['maxmemory_policy'] ?? 'noeviction';
    if (policy !== 'noeviction')
      findings.push(
        wrong(
          'eviction-policy',
          `maxmemory-policy is ${policy}.`,
          policy.startsWith('volatile-')
            ? 'When memory is full, Redis throws away replies on their way, and the ids by which messages are recognised.'
            : 'When memory is full, Redis throws away whole queues with the messages in them.',
          'CONFIG SET maxmemory-policy noeviction, and the same in redis.conf; use a separate Redis for caches.',
        ),
      );
    const evicted = numberIn(info, 'evicted_keys');
    if (evicted > 0)
      findings.push(
        wrong(
          'evicted',
          `Redis has thrown away ${evicted} keys since it started, because memory was full.`,
          'Queues may have been among them: messages are lost.',
          'Raise maxmemory, set maxmemory-policy noeviction, and check with your senders what was lost.',
        ),
      );
    return [...findings, ...memoryUse(info)];
  },
};

function memoryUse(info: Readonly<Record<string, string>>): readonly Finding[] {
  const used = numberIn(info, 'used_memory');
  const limit = numberIn(info, 'maxmemory');
  const machine = numberIn(info, 'total_system_memory');
  const most = limit > 0 ? limit : machine;
  if (most > 0 && used / most >= NEARLY)
    return [
      wrong(
        'memory-full',
        `Redis uses ${mebibytes(used)} of ${mebibytes(most)} (${limit > 0 ? 'maxmemory' : 'the memory of its machine'}).`,
        'When it is full, nothing can be sent: calls fail with OOM. Consumers go on.',
        'Raise maxmemory, or see which queue grows: redis-queue queues --watch.',
      ),
    ];
  if (limit > 0) return [];
  return [
    note(
      'no-memory-limit',
      'maxmemory is not set.',
      'A growing queue takes all memory of the machine until the system kills Redis.',
      'Set maxmemory to about three quarters of what the machine has.',
    ),
  ];
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(bytes < 104_857_600 ? 1 : 0)} MiB`;
}

const persistence: Check = {
  name: 'persistence',
  run: async ({ info, inspection }) => {
    const findings: Finding[] = [];
    if (info['aof_enabled'] !== '1')
      findings.push(
        wrong(
          'not-persistent',
          'The append-only file is off (appendonly no).',
          'When Redis or its machine stops, all messages since its last snapshot are lost, or all of them if there is none.',
          'CONFIG SET appendonly yes, and the same in redis.conf.',
        ),
      );
    else if ((await inspection.setting('appendfsync')) === 'no')
      findings.push(
        wrong(
          'rarely-synced',
          'appendfsync is no.',
          'When the machine stops, up to half a minute of messages is lost.',
          'CONFIG SET appendfsync everysec.',
        ),
      );
    const failed = [
      ['aof_last_write_status', 'append to its file'],
      ['aof_last_bgrewrite_status', 'rewrite its append-only file'],
      ['rdb_last_bgsave_status', 'save a snapshot'],
    ].filter(([status = '']) => (info[status] ?? 'ok') !== 'ok');
    if (failed.length > 0)
      findings.push(
        wrong(
          'not-saved',
          `Redis could not ${failed.map(([, what]) => what).join(' or ')}.`,
          'It may refuse messages (MISCONF), and what it holds may be lost when it stops.',
          'Check its log: most often the disk is full, or Redis may not write to the directory.',
        ),
      );
    return findings;
  },
};

const clients: Check = {
  name: 'connections',
  run: ({ info }) => {
    const findings: Finding[] = [];
    const connected = numberIn(info, 'connected_clients');
    const most = numberIn(info, 'maxclients');
    if (most > 0 && connected / most >= NEARLY)
      findings.push(
        wrong(
          'connections-full',
          `${connected} of ${most} connections are taken (maxclients).`,
          'Further replicas cannot connect: they cannot start, or come back after an interruption.',
          'Raise maxclients (and the limit of open files), or run fewer replicas: each handler of messages has a connection.',
        ),
      );
    const refused = numberIn(info, 'rejected_connections');
    if (refused > 0)
      findings.push(
        note(
          'connections-refused',
          `Redis has refused ${refused} connections since it started, because maxclients was reached.`,
          'Replicas could not connect at that time.',
          'Raise maxclients if it happens again.',
        ),
      );
    return findings;
  },
};

export const SERVER_CHECKS: readonly Check[] = [
  version,
  memory,
  persistence,
  ...REPLICA_CHECKS,
  clients,
];
