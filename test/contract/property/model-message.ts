/** A message as far as the model knows it. */
export interface ModelMessage {
  /** What tells it from others, wherever it is. */
  readonly label: string;
  /** Undefined for data of other programs. */
  readonly id: string | undefined;
  readonly attempt: number;
  readonly crashes: number;
  readonly isParked: boolean;
}

export function newMessage(label: string, id: string | undefined, isParked: boolean): ModelMessage {
  return { label, id, attempt: 1, crashes: 0, isParked };
}

export function textOf({ label, attempt, crashes }: ModelMessage): string {
  return `${label} ${attempt}/${crashes}`;
}

export function labelOf({ label }: ModelMessage): string {
  return label;
}
