/** A message as far as the model knows it. */
export interface ModelMessage {
  /** What tells it from others, wherever it is. */
  readonly label: string;
  /** Undefined for data of other programs. */
  readonly id: string | undefined;
  /** Messages of one key are handled one after the other. */
  readonly key: string | undefined;
  readonly priority: number;
  readonly attempt: number;
  readonly crashes: number;
  readonly isParked: boolean;
}

export function newMessage(
  label: string,
  id: string | undefined,
  key: string | undefined,
  isParked = false,
  priority = 4,
): ModelMessage {
  return { label, id, key, priority, attempt: 1, crashes: 0, isParked };
}

/** It was handed out before. */
export function wasOut({ attempt, crashes }: ModelMessage): boolean {
  return attempt > 1 || crashes > 0;
}

export function textOf({ label, attempt, crashes }: ModelMessage): string {
  return `${label} ${attempt}/${crashes}`;
}

export function labelOf({ label }: ModelMessage): string {
  return label;
}
