import { describe, expect, it } from 'vitest';

import { careCliBefore } from '../support/care-cli.ts';
import { requires } from '../support/requires.ts';

interface Row {
  readonly Type: string;
  readonly TotalCount: number;
  readonly Active: number;
  readonly SizeBytes: number;
  readonly SharedBytes: number;
  readonly ReclaimableBytes: number;
}

interface Entry {
  readonly ID: string;
  readonly Type: string;
  readonly Description: string;
  readonly CreatedAt: string | null;
  readonly LastUsedAt: string;
  readonly SizeBytes: number;
  readonly Shared: boolean;
  readonly InUse: boolean;
}

describe('C-75 O-21 du', () => {
  requires('root', 'overlay', 'tool:busybox');
  const world = careCliBefore();

  it('of an empty and a used store agrees with the file system within 1 %, and its rows with its total', async () => {
    const { care } = world;
    await care.build();
    await care.cli.ok([
      'run',
      '--name',
      'stopped',
      '-v',
      'data:/data',
      'app',
      'sh',
      '-c',
      'echo x > /data/x; echo y > /y',
    ]);
    for (const script of ['du', 'prune', 'rm stopped', 'prune --all']) {
      await care.cli.ok(script.split(' '));
      const rows = await care.rows<Row>('du', '--format', 'json');
      const total = rows.find(({ Type }) => Type === 'Total')?.SizeBytes ?? 0;
      const actual = await care.diskUse();
      expect(Math.abs(total - actual)).toBeLessThanOrEqual(actual / 100);
      const parts = rows.filter(({ Type }) => Type !== 'Total');
      expect(parts.reduce((sum, row) => sum + row.SizeBytes - row.SharedBytes, 0)).toBe(total);
    }
  });

  it('shows each kind with its count, what is shared and what would come free', async () => {
    const { care } = world;
    await care.build();
    await care.cli.ok(['run', '--name', 'kept', 'app', 'true']);
    const rows = new Map((await care.rows<Row>('du', '--format', 'json')).map((row) => [row.Type, row]));
    expect([...rows.keys()]).toEqual([
      'Images',
      'Cached steps',
      'Cache mounts',
      'Sources',
      'Containers',
      'Volumes',
      'Build history',
      'Temporary',
      'Bookkeeping',
      'Total',
    ]);
    expect(rows.get('Images')).toMatchObject({
      TotalCount: (await care.cli.ok(['images', '-q'])).split('\n').length,
      Active: 1,
    });
    expect(rows.get('Build history')?.TotalCount).toBeGreaterThan(0);
    expect(rows.get('Build history')?.ReclaimableBytes).toBeGreaterThan(0);
    expect(rows.get('Cache mounts')).toMatchObject({ TotalCount: 1, Active: 0 });
    expect(rows.get('Cache mounts')?.ReclaimableBytes).toBeGreaterThan(200_000);
    expect(rows.get('Containers')).toMatchObject({ TotalCount: 1, Active: 0 });
    const steps = rows.get('Cached steps');
    // The stage `tools` stands on the base, and adds a file that no image has in this layer.
    expect(steps?.SharedBytes).toBeGreaterThan(1_000_000);
    expect(steps?.ReclaimableBytes).toBeGreaterThan(300_000);
    expect(steps?.ReclaimableBytes).toBeLessThan(1_000_000);
    await care.cli.ok(['rm', 'kept']);
  });

  it('--verbose has a line for each step and cache mount, the last used first', async () => {
    const { care } = world;
    await care.build();
    const entries = await care.rows<Entry>('du', '--verbose', '--format', 'json');
    const texts = entries.map(({ Description }) => Description);
    expect(texts).toContain('RUN head -c 300000 /dev/zero > /tool');
    expect(texts).toContain('COPY file /file');
    expect(entries.find(({ Type }) => Type === 'exec.cachemount')?.Description).toBe('objects');
    expect(new Set(entries.map(({ ID }) => ID)).size).toBe(entries.length);
    const used = entries.map(({ LastUsedAt }) => Date.parse(LastUsedAt));
    expect(used).toEqual(used.toSorted((one, other) => other - one));
    const tool = entries.find(({ Description }) => Description.includes('> /tool'));
    expect(tool).toMatchObject({ Shared: false, InUse: false, Type: 'regular' });
    expect(tool?.SizeBytes).toBeGreaterThan(600_000);
    expect(entries.find(({ Description }) => Description === 'COPY file /file')?.Shared).toBe(true);
    const mounts = ['du', '--format', 'json', '--filter', 'type=exec.cachemount', '--filter', 'until=1h'];
    expect(await care.rows<Entry>(...mounts)).toEqual([]);
    const both = await care.rows<Entry>(...mounts.slice(0, -2));
    expect(both.map(({ Description }) => Description)).toEqual(['objects']);
    expect(await care.cli.ok(['du', '-v'])).toMatch(
      /^ID +TYPE +CREATED +LAST USED +SIZE +SHARED +IN USE +WHAT$/m,
    );
  });
});
