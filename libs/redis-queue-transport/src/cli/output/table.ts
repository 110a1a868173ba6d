import { printable } from '../../core/message/printable.js';
import type { Terminal } from './terminal.js';
import { shortened, widthOf } from './width.js';

/** How a cell is emphasised; text that comes from Redis is made harmless in any case. */
export interface Cell {
  readonly text: string;
  readonly tone?: 'good' | 'warn' | 'bad' | 'dim';
}

export interface Column<Row> {
  readonly title: string;
  /** Numbers are aligned right. Default false. */
  readonly isNumber?: boolean;
  /** Largest width in columns. Default 60. */
  readonly width?: number;
  cell(row: Row): Cell | string | number;
}

const WIDEST = 60;
const GAP = '  ';

/** A table for people. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  terminal: Terminal,
): string {
  const cells = rows.map((row) => columns.map((column) => cellOf(column, row)));
  const widths = columns.map(({ title }, at) =>
    Math.max(widthOf(title), ...cells.map((line) => widthOf(line[at]?.text ?? ''))),
  );
  const head = columns.map((column, at) =>
    terminal.bold(padded(column.title, widths[at] ?? 0, column.isNumber === true)),
  );
  const lines = cells.map((line) =>
    line.map((cell, at) => {
      const text = padded(cell.text, widths[at] ?? 0, columns[at]?.isNumber === true);
      return cell.tone === undefined ? text : terminal[cell.tone](text);
    }),
  );
  return [head, ...lines].map((line) => `${line.join(GAP).trimEnd()}\n`).join('');
}

function cellOf<Row>(column: Column<Row>, row: Row): Cell {
  const given = column.cell(row);
  const cell = typeof given === 'object' ? given : { text: String(given) };
  return { ...cell, text: shortened(printable(cell.text), column.width ?? WIDEST) };
}

function padded(text: string, width: number, isNumber: boolean): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)));
  return isNumber ? space + text : text + space;
}
