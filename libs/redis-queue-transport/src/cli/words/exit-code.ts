/** The exit codes of the process; docs/command-line.md lists the same. */
export const EXIT = {
  /** It was done. */
  done: 0,
  /** The doctor found something wrong, nothing of that name is there, or you said no. */
  no: 1,
  /** The command line is wrong; nothing was done. */
  usage: 2,
  /** No connection to Redis; nothing was done. */
  unavailable: 3,
  /** Redis refused it or a part of it (a missing permission), or the queue is full. */
  refused: 4,
  /** The connection was lost on the way: it may or may not have been done. */
  unknown: 5,
  /** A request failed or got no reply in time, or some messages of a file were not sent. */
  failed: 6,
  /** A fault of this program. */
  fault: 70,
  /** Interrupted (Ctrl-C) before it was done. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
