import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './paths.ts';

/** A case of a table file: its heading, its cells, and its line for messages. */
export interface TableRow {
  readonly title: string;
  readonly cells: readonly string[];
}

/**
 * Reads `fixtures/<path>`: a case is a line of cells between ` | `. A line `## text` heads the cases below it, other `#`
 * lines and empty ones are for readers. `␠`, `␉`, `␤` and `␍` stand for blank, tab, newline and carriage return.
 */
export function readTable(path: string): readonly TableRow[] {
  const rows: TableRow[] = [];
  let heading = '';
  const lines = readFileSync(join(projectRoot, 'fixtures', path), 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    if (line.startsWith('## ')) heading = line.slice(3);
    if (line.trim() === '' || line.startsWith('#')) continue;
    const cells = `${line} `.split(' | ').map((cell) => cell.trim());
    rows.push({ title: `${heading} (line ${index + 1}): ${line.trim()}`, cells: cells.map(visible) });
  }
  return rows;
}

function visible(cell: string): string {
  return cell.replaceAll('␠', ' ').replaceAll('␉', '\t').replaceAll('␤', '\n').replaceAll('␍', '\r');
}

/** The cell at an index; a row that is too short is a mistake in the table. */
export function cellOf(row: TableRow, index: number): string {
  const cell = row.cells[index];
  if (cell === undefined) throw new Error(`cell ${index} is missing in ${row.title}`);
  return cell;
}
