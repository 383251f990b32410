import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { busyboxTar } from '../support/busybox.ts';
import { runLeakSeries } from '../support/leak-machine.ts';
import { requires } from '../support/requires.ts';
import { soak } from '../support/series.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('what containers and builds leave behind', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:unshare', 'tool:ip', 'tool:nft');

  it('S-18 S-70 S-73 is nothing, however they end', { timeout: 1_800_000 }, async () => {
    const [whole, killed, interrupted] = soak ? [200, 50, 20] : [20, 8, 4];
    const reports = await runLeakSeries({
      root: join(tempFolder('leaks').path, 'root'),
      busybox: await busyboxTar(),
      seed: inject('seed'),
      whole,
      killed,
      interrupted,
    });
    expect(reports.length).toBe(5);
    expect(reports).toEqual(reports.map(({ phase }) => ({ phase, left: [] })));
  });
});
