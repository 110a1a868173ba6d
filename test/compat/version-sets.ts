/** Versions that are installed side by side in one project. */
export interface VersionSet {
  readonly name: string;
  /** Major versions. The library's peers say the lowest version of each. */
  readonly nest: string;
  readonly ioredis: string;
  /** What `nest new` of this Nest asks for. */
  readonly typescript: string;
  readonly vitest: boolean;
}

const NEST_11 = { nest: '11', typescript: '^5.9.0', vitest: false };
const NEST_12 = { nest: '12', typescript: '^6.0.2', vitest: true };

/** The peers that the library declares, from the oldest to the newest. */
export const versionSets: readonly VersionSet[] = [
  { name: 'nest-11-ioredis-5', ...NEST_11, ioredis: '5' },
  { name: 'nest-12-ioredis-5', ...NEST_12, ioredis: '5' },
  { name: 'nest-12-ioredis-6', ...NEST_12, ioredis: '6' },
];

/** Node's major versions, except for the one that runs this. */
export const otherNodes: readonly string[] = ['22', '24'];

/** From this version on, Jest loads ES modules by `require()`, with Node's `--experimental-vm-modules`. */
export const JEST_REQUIRES_ESM_FROM = [24, 9] as const;
