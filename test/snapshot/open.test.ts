import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { openSnapshotter } from '../../src/snapshot/index.ts';
import { requires } from '../support/requires.ts';
import { snapshotOf } from '../support/snapshotter-suite.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('which snapshots a folder gets', () => {
  const folder = (): string => join(tempFolder('snapshots').path, 'snapshots');

  it('overlays where they can be mounted, and nothing of the trial stays', () => {
    requires('overlay');
    const path = folder();
    const said: string[] = [];
    expect(openSnapshotter(path, { warn: (message) => said.push(message) }).driver).toBe('overlay');
    expect([said, readdirSync(path).filter((name) => name.startsWith('.probe'))]).toEqual([[], []]);
  });

  it('copies where nothing is mounted, told of once, when the first one is made', async () => {
    const said: string[] = [];
    const snapshotter = openSnapshotter(folder(), { mounting: false, warn: (message) => said.push(message) });
    expect(snapshotter.driver).toBe('copy');
    const base = await snapshotOf(snapshotter, undefined, ['file a 0644 x']);
    expect(said).toEqual([]);
    for (const name of ['b', 'c']) await snapshotOf(snapshotter, base, [`file ${name} 0644 x`]);
    expect(said).toEqual([expect.stringMatching(/^storage fallback "copy": /)]);
  });
});
