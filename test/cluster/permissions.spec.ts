import { expect, jest, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { rulesOf } from '../docs/acl-users.js';
import { clusterRig } from '../support/cluster-rig.js';
import { eventually } from '../support/eventually.js';

jest.setTimeout(60_000);

const rig = clusterRig({ primaries: 3, replicas: 0 });

/** What docs/permissions.md adds for a cluster. */
const OF_A_CLUSTER = ['+cluster|slots', '+asking'];

const seen: number[] = [];

@Controller()
class NotesController {
  @MessagePattern('work')
  note(@Payload() number: number): number {
    seen.push(number);
    return number;
  }
}

test('the user of the docs needs two permissions more, on each node', async () => {
  const rules = (await rulesOf('shop')).map((rule) => rule.replace('rq:', `${rig.prefix}:`));
  for (const { commands } of rig.cluster.servers) {
    await commands.call('ACL', 'SETUSER', 'shop', ...rules, ...OF_A_CLUSTER);
    rig.closeLater({ close: () => commands.call('ACL', 'DELUSER', 'shop') });
  }
  const user = { username: 'shop', password: 'secret' };
  const connection = { ...rig.connection, ...user };
  await rig.serve({ controllers: [NotesController] }, { connection });
  const client = rig.client({ connection });
  const sending: Promise<unknown>[] = [];

  const source = await rig.cluster.primaryOf('{work}');
  const [target] = (await rig.cluster.primaries()).filter((server) => server !== source);
  await rig.cluster.moveSlot('{work}', target!, async () => {
    sending.push(lastValueFrom(client.enqueue('work', sending.length)));
    await Promise.resolve();
  });
  await Promise.all(sending);

  await eventually(() => expect(seen.sort()).toEqual(sending.map((_, index) => index)));
  expect(await lastValueFrom(client.send<number>('work', 100))).toBe(100);
  expect(rig.logs.matching('error', /./)).toEqual([]);
});
