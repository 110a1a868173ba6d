import 'reflect-metadata'; // before anything of Nest
import { ConsumerPart } from './consumer-part.js';
import type { Contestant } from './contestant.js';
import { ProducerPart } from './producer-part.js';

/**
 * The program of a producer's or consumer's process: `participant.js producer|consumer MODULE`. It carries out one call
 * of its part for each message from the process that started it, and ends with that process.
 */

export interface Call {
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

export type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: { readonly name: string; readonly text: string } };

const [, , role, module = ''] = process.argv;
const contestant = (await import(module)) as Contestant; // contestants.ts names modules of this shape only
const part = role === 'producer' ? new ProducerPart(contestant) : new ConsumerPart(contestant);

process.on('message', (call: Call) => void answer(call));
process.on('disconnect', () => process.exit());
process.send?.('ready');

async function answer({ id, method, argument }: Call): Promise<void> {
  process.send?.(await carryOut(id, method, argument));
}

async function carryOut(id: number, method: string, argument: unknown): Promise<Answer> {
  try {
    const call = Reflect.get(part, method) as (argument: unknown) => Promise<unknown>;
    return { id, result: await call.call(part, argument) };
  } catch (error) {
    return { id, error: errorOf(error) };
  }
}

function errorOf(error: unknown): { name: string; text: string } {
  if (!(error instanceof Error)) return { name: 'Error', text: String(error) };
  return {
    name: error.name,
    text: error.name === 'NotOffered' ? error.message : (error.stack ?? ''),
  };
}
