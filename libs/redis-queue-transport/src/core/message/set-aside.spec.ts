import { describe, expect, test } from '@jest/globals';
import { decodeElement } from './envelope.js';
import { UndecodableError } from '../errors/data-errors.js';
import { setAside } from './set-aside.js';

function divided(element: string): [string, string] {
  const { element: kept, body } = setAside(Buffer.from(element), 'NAME', 'new');
  return [kept.toString(), body.toString()];
}

describe('an element is divided', () => {
  test.each([
    ['{"rq":1,"id":"a","at":5}\n"body"', '{"rq":1,"parked":"NAME","id":"a","at":5}\n', '"body"'],
    [
      '{"rq":1,"crashes":2,"attempt":3,"postponed":1,"id":"a"}\n"body"',
      '{"rq":1,"crashes":2,"attempt":3,"parked":"NAME","postponed":1,"id":"a"}\n',
      '"body"',
    ],
    ['{"rq": 1 , "id": "a"}\nä', '{"rq":1,"parked":"NAME", "id": "a"}\n', 'ä'],
    ['{"rq":1,"id":}\n"body"', '{"rq":1,"parked":"NAME","id":}\n', '"body"'],
    ['"data"', '{"rq":1,"parked":"NAME","id":"new"}\n', '"data"'],
    ['{"rq":1,"id":"a"}', '{"rq":1,"parked":"NAME","id":"new"}\n', '{"rq":1,"id":"a"}'],
    ['{\n"a": 1}', '{"rq":1,"parked":"NAME","id":"new"}\n', '{\n"a": 1}'],
  ])('%j', (element, kept, body) => expect(divided(element)).toEqual([kept, body]));

  test.each([
    ['of another version', '{"rq":2,"id":"a"}\n"body"'],
    ['with a body elsewhere', '{"rq":1,"parked":"x","id":"a"}\n"body"'],
    ['that is too long', `{"rq":1,"x":"${'x'.repeat(70_000)}"}\n"body"`],
  ])('and parked whole if it has a header %s, which is never read', (_, element) => {
    const [kept, body] = divided(element);
    expect(kept).toBe('{"rq":1,"parked":"NAME","id":"new","unreadable":true}\n');
    expect(body === element).toBe(true);
    expect(() => decodeElement(Buffer.from(kept))).toThrow(UndecodableError);
  });
});
