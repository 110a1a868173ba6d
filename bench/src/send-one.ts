import type { Producer } from './contestant.js';
import type { BenchMessage } from './message.js';

/** Resolves when the message is confirmed. */
export function sendOne(producer: Producer, message: BenchMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    producer.send(message, (error) => {
      if (error === undefined) resolve();
      else reject(new Error('a message was not sent', { cause: error }));
    });
  });
}
