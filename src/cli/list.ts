import { Option } from 'commander';

import type { Json } from '../core/index.ts';
import { formatTable } from './table.ts';

export type ListFormat = 'table' | 'json';

export function formatOption(): Option {
  return new Option('--format <table|json>', 'a table for people, or one JSON object a line')
    .choices(['table', 'json'])
    .default('table');
}

/** A list as a table, or as JSON with one object a line under the same names as docker's. */
export function printList(
  format: ListFormat,
  list: {
    readonly headings: readonly string[];
    readonly rows: readonly { readonly cells: readonly string[]; readonly json: Json }[];
  },
): void {
  const text =
    format === 'json'
      ? list.rows.map(({ json }) => `${JSON.stringify(json)}\n`).join('')
      : formatTable(
          list.headings,
          list.rows.map(({ cells }) => cells),
        );
  process.stdout.write(text);
}
