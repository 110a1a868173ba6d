import 'reflect-metadata';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { OrderConfig } from '../config/order-config.js';
import type { Email } from './email.js';
import { Outbox } from './outbox.js';

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'outbox-spec-'));
  file = join(directory, 'mail', 'outbox.jsonl');
});

afterEach(() => rm(directory, { recursive: true }));

async function openOutbox(): Promise<Outbox> {
  const outbox = new Outbox(new OrderConfig('redis://unused', { OUTBOX_FILE: file }));
  await outbox.onModuleInit();
  return outbox;
}

function emailAbout(orderId: string): Email {
  return { orderId, outcome: 'confirmed', to: 'a@b.example', subject: 's', text: 'Dear "山田",\n' };
}

async function written(): Promise<string[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  return lines.map((line) => (JSON.parse(line) as Email).orderId);
}

test('an outbox is there, and empty, before the first e-mail', async () => {
  await openOutbox();
  expect(await written()).toEqual([]);
});

test('an order gets one e-mail, however often and closely its event comes', async () => {
  const outbox = await openOutbox();
  await Promise.all(['a', 'b', 'a', 'a'].map((id) => outbox.add(emailAbout(id))));
  await outbox.add(emailAbout('b'));
  expect((await written()).sort()).toEqual(['a', 'b']);
});

test('an order gets no second e-mail after a restart', async () => {
  await (await openOutbox()).add(emailAbout('a'));
  await (await openOutbox()).add(emailAbout('a'));
  expect(await written()).toEqual(['a']);
});

test('an e-mail that a crash cut off is written again, whole', async () => {
  await (await openOutbox()).add(emailAbout('a'));
  const whole = await readFile(file, 'utf8');
  await writeFile(file, `${whole}{"orderId":"b","out`);
  await (await openOutbox()).add(emailAbout('b'));
  expect(await written()).toEqual(['a', 'b']);
});

test('an e-mail that could not be written is tried again when the event comes again', async () => {
  const outbox = await openOutbox();
  await rm(join(directory, 'mail'), { recursive: true });
  await expect(outbox.add(emailAbout('a'))).rejects.toThrow('ENOENT');
  await outbox.onModuleInit();
  await outbox.add(emailAbout('a'));
  expect(await written()).toEqual(['a']);
});
