import type { QueueLimit } from '../../core/broker/limit.js';
import type { Connection } from '../connection/connection.js';
import type { QueueKeys } from '../keys/keys.js';
import { limitArgument } from '../lua/limit-lua.js';
import type { TakingEnd } from '../lua/moving-lua.js';
import { admit } from './admit.script.js';
import type { Admission } from './admit.script.js';

type AdmissionKeys = Pick<
  QueueKeys,
  'waiting' | 'levels' | 'suspects' | 'roles' | 'consumers' | 'rate' | 'slowed'
> & { readonly processing: string };

/** Keeps the limit of a queue for what one consumer took by a plain command. */
export class Admissions {
  /** The limit in the form that scripts read; empty for none. */
  readonly limit: string;

  constructor(
    private readonly consumer: string,
    limit: QueueLimit | undefined,
    private readonly at: { readonly commands: Connection; readonly takesFrom: TakingEnd },
    private readonly keys: AdmissionKeys,
  ) {
    this.limit = limitArgument(limit);
  }

  /** What plain commands take must be admitted. */
  get areNeeded(): boolean {
    return this.limit !== '';
  }

  async admit(elements: readonly Buffer[]): Promise<Admission | 'leaseLost'> {
    const { consumer, keys, limit } = this;
    const { commands, takesFrom } = this.at;
    await commands.ready();
    return admit.run(commands, keys, { consumer, limit, takesFrom }, elements);
  }
}
