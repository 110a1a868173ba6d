import { describe, expect, test } from '@jest/globals';
import { inspect } from './intake.js';

const NOW = 1_000_000;
const BROKER = { nowMs: () => NOW, isReplyList: (list: string) => list === 'replies' };
const MAX_CRASHES = 3;

function intakeOf(element: string): ReturnType<typeof inspect> {
  return inspect('work', Buffer.from(element), MAX_CRASHES, BROKER);
}

describe('an element that was taken', () => {
  test.each([
    ['with a header', '{"rq":1,"id":"a"}\n{}', 'run'],
    ['that is plain data', '{"a":1}', 'run'],
    ['that has not expired yet', `{"rq":1,"id":"a","expiresAt":${NOW + 1}}\n{}`, 'run'],
    ['that has expired', `{"rq":1,"id":"a","expiresAt":${NOW}}\n{}`, 'expired'],
    ['that was running in a crash', '{"rq":1,"crashes":1,"attempt":2,"id":"a"}\n{}', 'run'],
    ['that crashed once less than allowed', '{"rq":1,"crashes":2,"attempt":3,"id":"a"}\n{}', 'run'],
    ['that crashed too often', '{"rq":1,"crashes":3,"attempt":4,"id":"a"}\n{}', 'settle'],
    [
      'that crashed and has expired',
      `{"rq":1,"crashes":1,"id":"a","expiresAt":${NOW}}\n{}`,
      'expired',
    ],
    [
      'that crashed too often and has expired: the crashes count more',
      `{"rq":1,"crashes":3,"id":"a","expiresAt":${NOW}}\n{}`,
      'settle',
    ],
    ['that asks for a reply', '{"rq":1,"id":"a","replyTo":"replies","re":1}\n{}', 'run'],
    [
      'that asks for a reply in a list that is not for replies',
      '{"rq":1,"id":"a","replyTo":"rq:{a}:waiting","re":1}\n{}',
      'settle',
    ],
    ['that is empty', '', 'settle'],
    ['of a later version', '{"rq":2}\n{}', 'settle'],
  ])('%s', (_, element, kind) => {
    const intake = intakeOf(element);
    expect(intake.kind).toBe(kind);
    expect(intake.delivery.element.toString()).toBe(element);
    expect(intake.delivery.queue).toBe('work');
  });

  test.each([
    ['{"rq":2}\n{}', 'undecodable', /version 2/],
    ['', 'undecodable', /empty/],
    ['{"rq":1,"crashes":3}\n{}', 'crashed', /died 3 times/],
  ])('%j is dead-lettered with its reason', (element, reason, message) => {
    const intake = intakeOf(element);
    expect(intake).toMatchObject({
      outcome: {
        kind: 'deadLetter',
        reason,
        error: { message: expect.stringMatching(message) as unknown },
      },
    });
  });
});
