import type { Verb } from './contestant.js';

export type ServerKind = 'redis' | 'nats' | 'rabbitmq';

/** What the bench has to know about a contestant without loading it. */
export interface ContestantInfo {
  readonly id: string;
  readonly title: string;
  readonly server: ServerKind;
  readonly verbs: readonly Verb[];
  /** Whether messages wait for a consumer that is not there yet. */
  readonly keepsMessages: boolean;
  /** The module, relative to the folder of this file; those with dependencies of their own are in `rivals/`. */
  readonly module: string;
}

export const CONTESTANTS: readonly ContestantInfo[] = [
  {
    id: 'ours',
    title: 'this transport',
    server: 'redis',
    verbs: ['push', 'request', 'broadcast', 'durable', 'delay', 'keyed'],
    keepsMessages: true,
    module: './contestants/ours.js',
  },
  {
    id: 'nest-redis',
    title: 'Nest REDIS',
    server: 'redis',
    verbs: ['push', 'request', 'broadcast'],
    keepsMessages: false,
    module: './contestants/nest-redis.js',
  },
  {
    id: 'bare-loop',
    title: 'bare loop on ioredis',
    server: 'redis',
    verbs: ['push', 'request'],
    keepsMessages: true,
    module: './contestants/bare-loop.js',
  },
  {
    id: 'nest-nats',
    title: 'Nest NATS',
    server: 'nats',
    verbs: ['push', 'request', 'broadcast'],
    keepsMessages: false,
    module: '../rivals/nest-nats.js',
  },
  {
    id: 'nest-rmq',
    title: 'Nest RMQ, durable, acks',
    server: 'rabbitmq',
    verbs: ['push', 'request'],
    keepsMessages: true,
    module: '../rivals/nest-rmq.js',
  },
  {
    id: 'jetstream',
    title: 'JetStream, its own client',
    server: 'nats',
    verbs: ['push'],
    keepsMessages: true,
    module: '../rivals/jetstream.js',
  },
  {
    id: 'bullmq',
    title: 'BullMQ',
    server: 'redis',
    verbs: ['push', 'request', 'delay'],
    keepsMessages: true,
    module: '../rivals/bullmq.js',
  },
  {
    id: 'bee-queue',
    title: 'bee-queue',
    server: 'redis',
    verbs: ['push', 'delay'],
    keepsMessages: true,
    module: '../rivals/bee-queue.js',
  },
  {
    id: 'groupmq',
    title: 'groupmq',
    server: 'redis',
    verbs: ['keyed'],
    keepsMessages: true,
    module: '../rivals/groupmq.js',
  },
  {
    id: 'streams',
    title: '@nestjs-redis/streams-transporter',
    server: 'redis',
    verbs: ['push', 'request'],
    keepsMessages: true,
    module: '../rivals/streams-transporter.js',
  },
];

export const needsInstall = ({ module }: ContestantInfo): boolean => module.includes('/rivals/');
