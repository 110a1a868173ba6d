/** Something was not as the story says that it has to be. */
export class Unexpected extends Error {
  override readonly name = 'Unexpected';
}

export function check(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Unexpected(otherwise);
}
