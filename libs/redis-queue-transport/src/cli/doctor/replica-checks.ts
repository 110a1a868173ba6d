import type { ReplicaReading, SentinelReading } from '../../core/admin/inspection.js';
import { counted } from '../output/text.js';
import { numberIn } from './check.js';
import type { Check } from './check.js';
import { note, wrong } from './finding.js';
import type { Finding } from './finding.js';

const MOST_LAG_S = 10;
/** With fewer, the loss of one machine leaves none that may start a failover. */
const LEAST_SENTINELS = 3;

const replication: Check = {
  name: 'replication',
  run: async ({ info, inspection }) => {
    if (info['role'] === 'slave')
      return [
        wrong(
          'replica',
          `This is a replica of ${info['master_host']}:${info['master_port']}${info['master_link_status'] === 'up' ? '' : ', and cut off from it'}.`,
          'It takes no messages: every call fails with READONLY.',
          'Connect to the primary, or give the Sentinels that know it.',
        ),
      ];
    const count = numberIn(info, 'connected_slaves');
    const refusing = tooFew(info, await inspection.setting('min-replicas-to-write'));
    if (count === 0)
      return [
        ...refusing,
        note(
          'no-replica',
          'There is no replica.',
          'If the machine of Redis is lost with its disk, so are all messages.',
          'Run a replica on another machine if you cannot afford that.',
        ),
      ];
    const lines = Array.from({ length: count }, (_, index) => info[`slave${index}`] ?? '');
    const replicas = await inspection.replicas(info);
    return [
      ...refusing,
      ...withoutLeast(info, count),
      ...lines.flatMap(behind),
      ...replicas.flatMap((replica) => persistenceOf(replica, info)),
    ];
  },
};

/** Reads a line such as `ip=10.0.0.2,port=6379,state=online,offset=1,lag=0`. */
function behind(line: string): readonly Finding[] {
  const facts = new Map(
    line.split(',').map((pair): [string, string] => {
      const [name = '', value = ''] = pair.split('=');
      return [name, value];
    }),
  );
  const lag = Number(facts.get('lag') ?? 0);
  if (facts.get('state') === 'online' && lag <= MOST_LAG_S) return [];
  return [
    wrong(
      'replica-behind',
      `The replica ${facts.get('ip')}:${facts.get('port')} is ${facts.get('state')}, and was last heard from ${lag} s ago.`,
      'After a failover to it, messages that were accepted since are lost.',
      'Check that machine, and the network between the two.',
    ),
  ];
}

/** INFO tells how many replicas are good only if min-replicas-to-write is in use. */
const GOOD_REPLICAS = 'min_slaves_good_slaves';

function withoutLeast(info: Readonly<Record<string, string>>, count: number): readonly Finding[] {
  if (info[GOOD_REPLICAS] !== undefined) return [];
  return [
    note(
      'no-min-replicas',
      `min-replicas-to-write is 0, with ${counted(count, 'replica')}.`,
      'If the network around this Redis is cut and a replica takes over, it goes on to accept messages, and all of them are lost when the network heals.',
      'Set min-replicas-to-write 1 and min-replicas-max-lag 10, on every server. Redis then refuses messages while it has no replica that keeps up: docs/failover.md.',
    ),
  ];
}

/** @param least undefined if the user may not read the setting */
function tooFew(
  info: Readonly<Record<string, string>>,
  least: string | undefined,
): readonly Finding[] {
  const good = info[GOOD_REPLICAS];
  if (good === undefined || least === undefined || Number(good) >= Number(least)) return [];
  return [
    wrong(
      'too-few-replicas',
      `min-replicas-to-write is ${least}, and ${counted(Number(good), 'replica')} ${good === '1' ? 'keeps' : 'keep'} up.`,
      'Redis refuses all messages (NOREPLICAS), and consumers can settle nothing.',
      'Start the replicas that are missing, and check the network to those that lag.',
    ),
  ];
}

function persistenceOf(
  { place, info }: ReplicaReading,
  primary: Readonly<Record<string, string>>,
): readonly Finding[] {
  if (primary['aof_enabled'] !== '1') return [];
  if (info === undefined)
    return [
      note(
        'not-checked',
        `Not checked: the append-only file of the replica ${place}. It cannot be reached from here.`,
        'Something may be wrong there.',
        `On its machine, run the doctor, or redis-cli CONFIG GET appendonly.`,
      ),
    ];
  if (info['aof_enabled'] === '1') return [];
  return [
    wrong(
      'replica-not-persistent',
      `The replica ${place} has no append-only file (appendonly no); this Redis has one.`,
      'After a failover to it, a restart loses all messages. If it restarts before anybody notices, the others copy its empty memory.',
      'CONFIG SET appendonly yes there, and the same in its redis.conf.',
    ),
  ];
}

const sentinels: Check = {
  name: 'Sentinels',
  run: async ({ inspection }) => {
    const readings = await inspection.sentinels();
    return [...readings.flatMap(away), ...fewSentinels(readings), ...failoverOf(readings)];
  },
};

function away({ place, failure }: SentinelReading): readonly Finding[] {
  if (failure === undefined) return [];
  return [
    wrong(
      'sentinel-away',
      `The Sentinel ${place} cannot be asked. ${failure}`,
      'Services learn of a failover from the others alone, and each connection that asks it first opens later.',
      'Start it, or take it out of the option connection.sentinels if it is gone for good.',
    ),
  ];
}

function fewSentinels(readings: readonly SentinelReading[]): readonly Finding[] {
  const counts = readings.flatMap(({ known }) => known ?? []);
  const most = Math.max(...counts);
  if (counts.length === 0 || most >= LEAST_SENTINELS) return [];
  return [
    wrong(
      'few-sentinels',
      `There ${most === 1 ? 'is' : 'are'} ${counted(most, 'Sentinel')}.`,
      'If the machine of one is lost together with the primary, there is no failover.',
      'Run at least three, each on a machine of its own.',
    ),
  ];
}

function failoverOf(readings: readonly SentinelReading[]): readonly Finding[] {
  const findings: Finding[] = [];
  const refusing = readings.find(({ noQuorum }) => noQuorum !== undefined);
  if (refusing !== undefined)
    findings.push(
      wrong(
        'no-quorum',
        `The Sentinel ${refusing.place} says: ${refusing.noQuorum}`,
        'If the primary fails now, no replica takes over.',
        'Start the Sentinels that are missing. If some are gone for good, let the others forget them: SENTINEL RESET, on one after the other.',
      ),
    );
  const told = readings.filter(({ primary }) => primary !== undefined);
  if (new Set(told.map(({ primary }) => primary)).size > 1)
    findings.push(
      wrong(
        'sentinels-disagree',
        `Sentinels name different primaries: ${told.map(({ place, primary }) => `${place} says ${primary}`).join(', ')}.`,
        'Services may be connected to a server whose messages will be lost.',
        'In a failover, this passes within seconds. Otherwise check the network between the Sentinels.',
      ),
    );
  return findings;
}

export const REPLICA_CHECKS: readonly Check[] = [replication, sentinels];
