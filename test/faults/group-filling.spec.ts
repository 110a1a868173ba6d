import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { RedisQueueClient, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import type { GroupReplicaSettings } from '../programs/group-replica.js';
import { eventually } from '../support/eventually.js';
import { readJournal } from '../support/journal.js';
import { idsOf } from '../support/ledger.js';
import { Proxy } from '../support/proxy.js';
import type { Match } from '../support/proxy.js';
import { queueKey } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { TestProcess } from '../support/test-process.js';
import { isFilling } from './commands.js';
import { LEASE_MS } from './fault-stage.js';

const rig = redisRig();

jest.setTimeout(60_000);

const PATTERN = 'order.placed';
const GROUP = 'late';
/** More than two of the parts by which a group is filled. */
const KEPT = 2_500;

let journal: string;
let client: RedisQueueClient;

beforeEach(async () => {
  Logger.overrideLogger(false);
  const directory = await mkdtemp(join(tmpdir(), 'filling-'));
  journal = join(directory, 'journal');
  rig.closeLater({ close: () => rm(directory, { recursive: true, force: true }) });
  client = rig.closeLater(
    new RedisQueueClient({
      connection: rig.connection,
      prefix: rig.prefix,
      connectTimeoutMs: 30_000,
      declare: { [PATTERN]: { history: { maxLength: 100_000 } } },
    }),
  );
});

async function emit(name: string, many: number): Promise<string[]> {
  const ids = Array.from({ length: many }, (_, index) => `${name}${index}`);
  const records = ids.map((id) => new RedisQueueRecordBuilder({ id }).id(id).build());
  await Promise.all(records.map((record) => lastValueFrom(client.emit(PATTERN, record))));
  return ids;
}

function launch(url: string): TestProcess {
  const settings: GroupReplicaSettings = {
    url,
    prefix: rig.prefix,
    pattern: PATTERN,
    group: GROUP,
    from: 'earliest',
    journal,
    leaseMs: LEASE_MS,
    concurrency: 50,
    workMs: 0,
  };
  return rig.closeLater(TestProcess.launch('programs/group-replica.js', settings));
}

/** Matches the second, or a later, of the matching calls. */
function afterTheFirst(match: Match): Match {
  let seen = 0;
  return (words, connection) => match(words, connection) && (seen += 1) > 1;
}

describe('kill -9 of a replica that fills its new group from a history', () => {
  test.each<['holdRequest' | 'holdReply', string, number]>([
    ['holdRequest', 'before', 1_000],
    ['holdReply', 'after', 2_000],
  ])(
    'during a part (%s: %s Redis has it) lets another one go on from there: nothing is lost or doubled',
    async (how, _, filled) => {
      const ids = await emit('early', KEPT);
      const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
      const frame = proxy[how](afterTheFirst(isFilling));
      const first = launch(proxy.url);
      await Promise.race([frame.happened, first.ready()]);
      expect(first.hasEnded).toBe(false);
      await first.kill();
      const key = (what: string): string => queueKey(rig.prefix, `@${GROUP}/${PATTERN}`, what);
      expect(await rig.commands.llen(key('waiting'))).toBe(filled);
      expect(await rig.commands.exists(key('cursor'))).toBe(1);

      const second = launch(rig.redis.url);
      const starting = second.ready();
      // More is emitted while the group is filled: it comes from the history, or live.
      ids.push(...(await emit('meanwhile', 500)));
      await starting;
      ids.push(...(await emit('late', 500)));

      await eventually(() => {
        expect(idsOf(readJournal(journal), 'end').length).toBeGreaterThanOrEqual(ids.length);
      }, 30_000);
      await second.close();
      expect(idsOf(readJournal(journal), 'start').sort()).toEqual([...ids].sort());
      expect(await rig.commands.exists(key('waiting'), key('cursor'))).toBe(0);
    },
  );
});
