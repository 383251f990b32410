import type { PushImageOptions } from '../image/index.ts';
import { formatSize } from './table.ts';

/** One line on standard error for each layer that begins to travel, and for each that is there. */
export function pushProgress(): NonNullable<PushImageOptions['onProgress']> {
  const words = {
    transferring: 'pushing',
    sent: 'pushed',
    present: 'already there',
    mounted: 'mounted from another repository',
  } as const;
  const told = new Set<string>();
  return ({ digest, kind, state, total }) => {
    if (kind !== 'layer') return;
    const line = `${digest.slice(7, 19)}: ${words[state]} (${formatSize(total)})\n`;
    if (told.has(line)) return;
    told.add(line);
    process.stderr.write(line);
  };
}
