import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { membersOf } from './header-members.js';

test('finds the members of any object, each in its original text', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()),
      fc.constantFrom('', ' ', '\t \r'),
      (object, space) => {
        const texts = Object.entries(object).map(
          ([name, value]) => `${JSON.stringify(name)}${space}:${space}${JSON.stringify(value)}`,
        );
        const json = `{${space}${texts.join(`${space},${space}`)}${space}}`;
        const members = membersOf(Buffer.from(json).toString('latin1'));
        const asText = (text: string): string => Buffer.from(text, 'latin1').toString();
        expect(members.map(({ text }) => asText(text))).toEqual(texts);
        const values = Object.entries(object).map(([name, value]) => [name, JSON.stringify(value)]);
        expect(members.map(({ name, value }) => [name, asText(value)])).toEqual(values);
      },
    ),
  );
});
