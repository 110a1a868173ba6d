import { gzipSync } from 'node:zlib';

type Make = () => Buffer;

/** Few are larger than a header may be, and very few as large as a body may be. */
const LARGE_ONE_IN = 200;
const VERY_LARGE_ONE_IN = 4_000;
/** How many elements are kept to be changed further. */
const MOST_KEPT = 500;

/**
 * Elements that others may have put into Redis. They are random, but grow from valid elements, so many are almost
 * valid.
 */
export class HostileElements {
  readonly #kept: Buffer[] = [];

  constructor(
    private readonly random: () => number,
    private readonly prefix: string,
  ) {}

  next(): Buffer {
    const element = this.#isOneIn(VERY_LARGE_ONE_IN)
      ? this.#veryLarge()
      : this.#kept.length > 20 && this.#isOneIn(2)
        ? this.#mutated(this.#oneOf(this.#kept))
        : this.#oneOf<Make>([
            this.#element,
            this.#element,
            this.#element,
            this.#counted,
            this.#bytes,
            this.#plain,
            this.#empty,
            this.#letter,
          ])();
    if (element.length < 5_000) this.#keep(element);
    return element;
  }

  giant(bytes: number): Buffer {
    const beginning = this.#element().subarray(0, 300);
    return Buffer.concat([beginning, Buffer.alloc(bytes - beginning.length, this.#number(256))]);
  }

  #keep(element: Buffer): void {
    if (this.#kept.length < MOST_KEPT) this.#kept.push(element);
    else this.#kept[this.#number(MOST_KEPT)] = element;
  }

  readonly #empty = (): Buffer => Buffer.alloc(0);

  readonly #bytes = (): Buffer =>
    Buffer.from(Array.from({ length: this.#number(100) }, () => this.#number(256)));

  readonly #plain = (): Buffer => Buffer.from(this.#value(3));

  readonly #element = (): Buffer => {
    const fields = Array.from({ length: this.#number(8) }, () => this.#field());
    return this.#joined(`{"rq":1,${fields.join(',')}}`);
  };

  /** With counts where they count, and elsewhere. */
  readonly #counted = (): Buffer => {
    const count = (): string =>
      this.#oneOf(['0', '1', '2', '3', '007', '9'.repeat(40), '-1', '1.5', '1e9']);
    const front = [
      `"crashes":${count()}`,
      `"attempt":${count()}`,
      `"parked":"${this.#oneOf(['7', 'a-b_c', 'x y', '"', 'x'.repeat(300)])}"`,
      `"postponed":${count()}`,
    ].filter(() => this.#isOneIn(2));
    const fields = [...front, this.#field(), ...(this.#isOneIn(3) ? front : [])];
    return this.#joined(`{"rq":1,${fields.join(',')}}`);
  };

  readonly #letter = (): Buffer =>
    this.#joined(`{"rq":1,"dead":${this.#value(2)},"whole":true,${this.#field()}}`);

  #veryLarge(): Buffer {
    return this.giant(this.#oneOf([1_100_000, 17_000_000, 40_000_000]));
  }

  #joined(header: string): Buffer {
    return Buffer.concat([Buffer.from(`${header}\n`), this.#body()]);
  }

  #body(): Buffer {
    return this.#oneOf<Make>([
      () => Buffer.from('{"a":1}'),
      this.#plain,
      this.#bytes,
      this.#empty,
      () => gzipSync(Buffer.from('{"a":1}')),
      () => gzipSync(Buffer.alloc(20_000_000)),
    ])();
  }

  #field(): string {
    const name = this.#oneOf([
      'id',
      'at',
      'pattern',
      'replyTo',
      're',
      'expiresAt',
      'codec',
      'zip',
      'headers',
      'metadata',
      'dead',
      'crashes',
      'attempt',
      'parked',
      'postponed',
      'rq',
      '7',
      '__proto__',
      'constructor',
      '',
      '\\u0069d',
      'new',
    ]);
    return `"${name}":${this.#isOneIn(2) ? this.#likely(name) : this.#value(3)}`;
  }

  /** A value that a field with this name could really have. */
  #likely(name: string): string {
    const lists = [
      'sessions',
      'settings',
      `${this.prefix}:{orders}:waiting`,
      'other:{reply:x}:replies',
      `${this.prefix}:{reply:x}:replies`,
      `${this.prefix}:{work}:processing:y}:replies`,
      `${this.prefix}:{reply:${'x'.repeat(500)}}:replies`,
      '',
    ];
    const likely: Readonly<Record<string, readonly string[]>> = {
      id: ['"a"', `"${'x'.repeat(300)}"`, '"\\u001b[2J\\n"'],
      pattern: ['"order.placed"', '"}"', '"#"'],
      replyTo: lists.map((list) => JSON.stringify(list)),
      re: ['1', '0', '-1', '12345678901234567890'],
      expiresAt: ['1', '1e300', '9999999999999'],
      codec: ['"raw"', '"json"', '"msgpack"', '"toString"'],
      zip: ['"gzip"', '"brotli"'],
      headers: ['{"a":"b"}', '{"__proto__":"x"}', '{"dead-letter-history":"[[1]]"}'],
    };
    return this.#oneOf(likely[name] ?? ['1']);
  }

  #value(depth: number): string {
    if (this.#isOneIn(LARGE_ONE_IN)) return this.#large();
    const nested = depth === 0 ? 0 : 3;
    switch (this.#number(9 + nested)) {
      case 0:
        return 'null';
      case 1:
        return this.#oneOf(['true', 'false', 'NaN', 'undefined']);
      case 2:
        return this.#oneOf(['0', '-0', '1e400', '-1e400', '12345678901234567890', '0.1', '1E2']);
      case 3:
        return this.#oneOf(['"\\ud800"', '"\\u0000"', '"\\u001b[31m"', '"\\u2028"', '"🚀"', '"ä']);
      case 9:
        return `[${this.#value(depth - 1)},${this.#value(depth - 1)}]`;
      case 10:
        return `{${this.#field()}}`;
      case 11:
        return `{"${String.fromCharCode(32 + this.#number(90))}":${this.#value(depth - 1)}}`;
      default:
        return JSON.stringify(String.fromCharCode(97 + this.#number(26)));
    }
  }

  #large(): string {
    const levels = this.#oneOf([6_000, 20_000, 40_000]);
    return this.#oneOf([
      '['.repeat(levels) + ']'.repeat(levels),
      `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`,
      `"${'x'.repeat(this.#oneOf([60_000, 70_000, 300_000]))}"`,
      `{${Array.from({ length: 3_000 }, (_, i) => `"${i}":${i}`).join(',')}}`,
    ]);
  }

  #mutated(element: Buffer): Buffer {
    const at = this.#number(element.length + 1);
    const to = Math.min(element.length, at + this.#number(10));
    const [before, within, after] = [
      element.subarray(0, at),
      element.subarray(at, to),
      element.subarray(to),
    ];
    switch (this.#number(5)) {
      case 0:
        return Buffer.concat([before, after]);
      case 1:
        return Buffer.concat([before, within, within, after]);
      case 2:
        return Buffer.concat([before, this.#bytes().subarray(0, 3), after]);
      case 3:
        return Buffer.concat([
          before,
          Buffer.from(this.#oneOf(['\n', '"', '}', ',', ' ', '\\'])),
          within,
          after,
        ]);
      default:
        return Buffer.concat([before, this.#oneOf(this.#kept).subarray(at)]);
    }
  }

  #isOneIn(number: number): boolean {
    return this.#number(number) === 0;
  }

  #number(below: number): number {
    return Math.floor(this.random() * below);
  }

  #oneOf<T>(choices: readonly T[]): T {
    return choices[this.#number(choices.length)] as T; // there is one
  }
}
