import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Refusal, Supervisor } from '../../scripts/demo/page/supervisor.js';

let asked: string[];
let supervisor: Supervisor;

beforeEach(async () => {
  asked = [];
  supervisor = new Supervisor(async (method, path) => {
    asked.push([method, ...path].join(' '));
    if (path[0] === 'refused') throw new Refusal(409, 'four are enough');
    if (path[0] === 'broken') throw new Error('it broke');
    return path[0] === 'list' ? [1, 2] : undefined;
  });
  await supervisor.open();
});

afterEach(() => supervisor.close());

test('the supervisor does what is asked at its address, which is on this machine', async () => {
  expect(new URL(supervisor.url).hostname).toBe('127.0.0.1');
  expect(await (await fetch(new URL('list', supervisor.url))).json()).toEqual([1, 2]);
  const killed = await fetch(new URL('processes/7', supervisor.url), { method: 'DELETE' });
  expect([killed.status, await killed.json()]).toEqual([200, {}]);
  expect(asked).toEqual(['GET list', 'DELETE processes 7']);
});

test('a request without the secret of its address finds nothing', async () => {
  const { origin } = new URL(supervisor.url);
  for (const path of ['/', '/list', `/${'0'.repeat(32)}/list`]) {
    expect([path, (await fetch(origin + path)).status]).toEqual([path, 404]);
  }
  expect(asked).toEqual([]);
});

test('each supervisor has a secret of its own', async () => {
  const other = new Supervisor(async () => undefined);
  await other.open();
  expect(new URL(other.url).pathname).not.toBe(new URL(supervisor.url).pathname);
  await other.close();
});

test('a refusal gives its reason, and so does an error', async () => {
  const refused = await fetch(new URL('refused', supervisor.url));
  expect([refused.status, await refused.json()]).toEqual([409, { message: 'four are enough' }]);
  const broken = await fetch(new URL('broken', supervisor.url));
  expect([broken.status, await broken.json()]).toEqual([500, { message: 'it broke' }]);
});
