import 'reflect-metadata';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { BadRequestException, ValidationPipe } from '@nestjs/common';
import { PlaceOrderDto } from './place-order.dto.js';

const customer = { name: 'Zoë Müller-Weiß', email: 'zoe@mail.example' };
const lines = [{ sku: 'TEA-100', quantity: 2 }];

/** The reasons for which an order is refused; none if it is taken. */
async function reasonsAgainst(order: unknown): Promise<string[]> {
  const pipe = new ValidationPipe({ transform: true, whitelist: true });
  try {
    await pipe.transform(order, { type: 'body', metatype: PlaceOrderDto });
    return [];
  } catch (error) {
    if (!(error instanceof BadRequestException)) throw error;
    return (error.getResponse() as { message: string[] }).message;
  }
}

describe('an order', () => {
  test.each([
    ['with a name in another script', { customer: { ...customer, name: '山田 太郎' }, lines }],
    ['with quotes and markup in the name', { customer: { ...customer, name: `"O'B" <b>` }, lines }],
    ['with a note of several lines', { customer, lines, note: 'ring\ntwice' }],
    ['by transfer', { customer, lines, payment: 'transfer' }],
    ['with the largest quantity', { customer, lines: [{ sku: 'TEA-100', quantity: 1_000 }] }],
  ])('%s is taken', async (_, order) => {
    expect(await reasonsAgainst(order)).toEqual([]);
  });

  test.each([
    ['that is empty', {}, 'customer must be a non-empty object'],
    ['without a customer', { lines }, 'customer must be a non-empty object'],
    ['without an e-mail', { customer: { name: 'A' }, lines }, 'customer.email must be an email'],
    [
      'with a blank name',
      { customer: { ...customer, name: '  ' }, lines },
      'customer.name must not be blank',
    ],
    [
      'with a line break in the name',
      { customer: { ...customer, name: 'A\r\nBcc: b@c.example' }, lines },
      'customer.name must not hold control characters',
    ],
    [
      'with another way to pay',
      { customer, lines, payment: 'shells' },
      'payment must be one of the following values: card, transfer',
    ],
    ['without lines', { customer, lines: [] }, 'lines must contain at least 1 elements'],
    ['with lines that are not objects', { customer, lines: [null] }, /lines/],
    [
      'with the same item twice',
      { customer, lines: [...lines, ...lines] },
      'lines must not name the same sku twice',
    ],
    [
      'with a quantity of none',
      { customer, lines: [{ sku: 'TEA-100', quantity: 0 }] },
      'lines.0.quantity must not be less than 1',
    ],
    [
      'with a quantity as text',
      { customer, lines: [{ sku: 'TEA-100', quantity: '2' }] },
      'lines.0.quantity must be an integer number',
    ],
    [
      'with an invalid sku',
      { customer, lines: [{ sku: 'tea 100', quantity: 1 }] },
      'lines.0.sku must look like TEA-100',
    ],
  ])('%s is refused with the reason', async (_, order, reason) => {
    expect(await reasonsAgainst(order)).toContainEqual(expect.stringMatching(reason));
  });
});

test('of the 200 orders in the file, one in twenty is invalid', async () => {
  const content = await readFile(new URL('../../../data/orders.jsonl', import.meta.url), 'utf8');
  const orders = content.trimEnd().split('\n');
  const refused = await Promise.all(orders.map(isRefused));
  expect(orders).toHaveLength(200);
  expect(refused.filter(Boolean)).toHaveLength(10);
});

async function isRefused(line: string): Promise<boolean> {
  try {
    return (await reasonsAgainst(JSON.parse(line))).length > 0;
  } catch (error) {
    if (error instanceof SyntaxError) return true;
    throw error;
  }
}
