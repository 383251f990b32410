import type { PullOptions } from '../registry/index.ts';
import { formatSize } from './table.ts';

/** One line on standard error for each layer that begins to travel, is done, or was there already. */
export function pullProgress(): NonNullable<PullOptions['onProgress']> {
  const told = new Set<string>();
  return ({ digest, kind, state, total }) => {
    if (kind !== 'layer' || state === 'waiting') return;
    const line = `${digest.slice(7, 19)}: ${words[state]} (${formatSize(total)})\n`;
    if (told.has(line)) return;
    told.add(line);
    process.stderr.write(line);
  };
}

const words = { transferring: 'pulling', done: 'pulled', present: 'already there' } as const;
