import type { ResolvedHealthOptions } from './health-options.js';
import type { Findings } from './verdict.js';

/** Redis's own account of itself (INFO). */
export class RedisFacts {
  readonly #facts: ReadonlyMap<string, string>;

  constructor(info: string) {
    const lines = info.matchAll(/^(\w+):([^\r\n]*)/gm);
    this.#facts = new Map([...lines].map(([, name = '', value = '']) => [name, value]));
  }

  /** Undefined if this Redis does not tell. */
  text(name: string): string | undefined {
    return this.#facts.get(name);
  }

  /** 0 if this Redis does not tell. */
  number(name: string): number {
    return Number(this.#facts.get(name) ?? 0);
  }

  /** It accepts no new data. */
  get isFull(): boolean {
    const most = this.number('maxmemory');
    return most > 0 && !this.mayEvict && this.number('used_memory') >= most;
  }

  /** When it is full, it throws keys away. */
  get mayEvict(): boolean {
    const policy = this.text('maxmemory_policy') ?? 'noeviction';
    return policy !== 'noeviction' && this.number('maxmemory') > 0;
  }
}

/** Whether Redis keeps what it was given. */
export function lookAtRedis(
  facts: RedisFacts,
  { accept }: Pick<ResolvedHealthOptions, 'accept'>,
  findings: Findings,
): void {
  if (facts.mayEvict && !accept.has('eviction'))
    findings.isDegraded(
      `Redis may evict messages when it is full (maxmemory-policy ${facts.text('maxmemory_policy')}).`,
    );
  if (accept.has('persistence')) return;
  if (facts.text('aof_enabled') === '0')
    findings.isDegraded(
      'Redis writes no append-only file: if it restarts, it loses everything since its last snapshot, or everything if it makes none.',
    );
  if (facts.text('aof_last_write_status') === 'err')
    findings.isDegraded('Redis could not write its append-only file.');
  if (facts.text('rdb_last_bgsave_status') === 'err')
    findings.isDegraded('Redis could not write its last snapshot.');
}
