import { formatTable } from '../table.ts';
import { statsHeadings } from './rows.ts';

/** Shows a list again and again; on a terminal in place of the one before. */
export interface StatsScreen {
  show(rows: readonly (readonly string[])[]): void;
}

/** Standard output: its size counts where it is a terminal. */
export interface Terminal {
  readonly isTTY: boolean;
  readonly rows: number;
  readonly columns: number;
  write(text: string): unknown;
}

/**
 * Neither the cursor nor a mode of the terminal is changed for longer than one write: however the command ends, the
 * terminal is as it was, with the last list on it.
 */
export function statsScreen(output: Terminal): StatsScreen {
  let height = 0;
  return {
    show(rows) {
      const lines = formatTable(statsHeadings, rows).trimEnd().split('\n');
      if (!output.isTTY) {
        output.write(`${lines.join('\n')}\n`);
        return;
      }
      // A line that wraps, or more of them than the window has, could not be gone back over.
      const shown = lines.slice(0, Math.max(1, output.rows - 1)).map((line) => line.slice(0, output.columns));
      const back = height === 0 ? '' : `\x1b[${height}A\r\x1b[J`;
      output.write(`${back}${shown.join('\n')}\n`);
      height = shown.length;
    },
  };
}
