/** Something was not as the story says it should be. */
export class Unexpected extends Error {
  override readonly name = 'Unexpected';
}

export function check(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Unexpected(otherwise);
}
