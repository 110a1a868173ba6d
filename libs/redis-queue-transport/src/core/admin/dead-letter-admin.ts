import type { AdminBroker, DeadElement, DeadLetterPart } from './admin-broker.js';
import type { MessageReader } from './message-reader.js';
import { PAGE, pageOf, withLargeOf } from './pages.js';
import type { OffsetPage, Reading } from './pages.js';
import type { DeadLetterEntry } from './queued-message.js';
import type { Redriver } from './redriver.js';

/** Selects dead letters. `ageMs`: how long ago it was dead-lettered, by Redis's clock. */
export type DeadLetterFilter = (letter: DeadLetterEntry, ageMs: number) => boolean;

/** Inspects, redrives and deletes dead letters, while consumers run. */
export class DeadLetterAdmin {
  constructor(
    private readonly broker: Pick<
      AdminBroker,
      'deadLetters' | 'deadLetter' | 'deleteDeadLetters' | 'look'
    >,
    private readonly reader: MessageReader,
    private readonly redriver: Redriver,
  ) {}

  async list(
    queue: string,
    { from, isNewestFirst, ...page }: OffsetPage & Omit<DeadLetterPart, 'count' | 'offset'>,
  ): Promise<{ readonly letters: readonly DeadLetterEntry[]; readonly next: string | undefined }> {
    const { offset, limit, withLarge } = pageOf(page);
    const part = { from, offset, count: limit + 1, isNewestFirst };
    const elements = await this.broker.deadLetters(queue, part);
    const letters = await this.reader.letters(queue, elements.slice(0, limit), withLarge);
    return { letters, next: elements[limit]?.entry };
  }

  async get(queue: string, entry: string): Promise<DeadLetterEntry | undefined> {
    const element = await this.broker.deadLetter(queue, entry);
    if (element === undefined) return undefined;
    const [letter] = await this.reader.letters(queue, [element], true);
    return letter;
  }

  async redrive(queue: string, entry: string): Promise<boolean> {
    const element = await this.broker.deadLetter(queue, entry);
    return element !== undefined && (await this.redriver.redrive(queue, [element])) === 1;
  }

  async redriveAll(
    queue: string,
    filter: DeadLetterFilter | undefined,
    reading: Reading,
  ): Promise<number> {
    let count = 0;
    for await (const page of this.#pagesOf(queue, filter, reading))
      count += await this.redriver.redrive(queue, page);
    return count;
  }

  async delete(queue: string, entry: string): Promise<boolean> {
    return (await this.broker.deleteDeadLetters(queue, [entry])) === 1;
  }

  async deleteAll(
    queue: string,
    filter: DeadLetterFilter | undefined,
    reading: Reading,
  ): Promise<number> {
    let count = 0;
    for await (const page of this.#pagesOf(queue, filter, reading)) {
      count += await this.broker.deleteDeadLetters(
        queue,
        page.map(({ entry }) => entry),
      );
    }
    return count;
  }

  /** The dead letters that are there now. A message that is dead-lettered again meanwhile is not visited twice. */
  async *#pagesOf(
    queue: string,
    filter: DeadLetterFilter | undefined,
    reading: Reading,
  ): AsyncGenerator<readonly DeadElement[]> {
    const withLarge = withLargeOf(reading);
    const { dead, nowMs } = await this.broker.look(queue);
    let from: string | undefined;
    for (let seen = 0; seen < dead;) {
      const part = { from, offset: 0, count: PAGE + 1, isNewestFirst: false };
      const page: readonly DeadElement[] = await this.broker.deadLetters(queue, part);
      const elements = page.slice(0, Math.min(PAGE, dead - seen));
      yield filter === undefined
        ? elements
        : await this.#meant(queue, elements, withLarge, (letter) =>
            filter(letter, Math.max(0, nowMs - letter.deadAt.getTime())),
          );
      seen += elements.length;
      from = page[PAGE]?.entry;
      if (from === undefined) return;
    }
  }

  async #meant(
    queue: string,
    elements: readonly DeadElement[],
    withLarge: boolean,
    isMeant: (letter: DeadLetterEntry) => boolean,
  ): Promise<readonly DeadElement[]> {
    const letters = await this.reader.letters(queue, elements, withLarge);
    return elements.filter((_element, index) => letters.slice(index, index + 1).some(isMeant));
  }
}
