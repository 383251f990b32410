import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';

import { careCli, type CareCli } from '../support/care-cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';

/** As if all records of the store were used last so many hours ago. */
function age(root: string, hours: number): void {
  const at = Date.now() / 1000 - hours * 3600;
  for (const entry of readdirSync(join(root, 'records'), { recursive: true, withFileTypes: true }))
    if (entry.isFile()) utimesSync(join(entry.parentPath, entry.name), at, at);
}

describe('C-75 O-20 prune', () => {
  requires('root', 'overlay', 'tool:busybox');
  let care: CareCli;
  beforeEach(async () => {
    care = await careCli();
    await care.build();
  });

  const texts = async (): Promise<readonly string[]> =>
    (await care.rows<{ Description: string }>('du', '-v', '--format', 'json')).map(
      ({ Description }) => Description,
    );
  const whole = async (): Promise<void> => {
    expect(await care.cli.ok(['fsck'])).toBe('the store is whole');
  };

  it('leaves what images stand on: the next build finds it all', async () => {
    const before = await care.diskUse();
    const text = await care.cli.ok(['prune']);
    expect(text).toMatch(
      /^Deleted build cache objects:\n(?:[0-9a-f]{12}  .+\n)+\nTotal reclaimed space: \d+kB$/,
    );
    expect(text).toContain('RUN head -c 300000 /dev/zero > /tool');
    expect(text).toContain('objects');
    expect(before - (await care.diskUse())).toBeGreaterThan(500_000);
    expect(await care.build()).toMatchObject({ ran: 0 });
    await whole();
    expect(await care.cli.ok(['prune'])).toBe('Total reclaimed space: 0B');
  });

  it('--all leaves nothing of the cache, and images whole; explain says why all runs again', async () => {
    await care.cli.ok(['prune', '--all']);
    expect(await texts()).toEqual([]);
    await whole();
    expect(await care.cli.ok(['run', '--rm', 'app', 'cat', '/made'])).toBe('made');
    expect(await care.cli.ok(['plan', care.context])).toMatch(
      /its earlier result was pruned at \d{4}-\d\d-\d\dT/,
    );
    expect(await care.build()).toMatchObject({ cached: 0 });
    await whole();
    await care.cli.ok(['rmi', '-f', ...(await care.cli.ok(['images', '-q'])).split('\n')]);
    await care.cli.ok(['prune', '--all']);
    expect(readdirSync(join(care.cli.root, 'oci/blobs/sha256'))).toEqual([]);
    expect(
      readdirSync(join(care.cli.root, 'snapshots')).filter((name) => /^[a-z0-9]{10}$/.test(name)),
    ).toEqual([]);
    expect(readdirSync(join(care.cli.root, 'locks'))).toEqual([]);
    await whole();
  });

  it('--filter until keeps what was used since; a build that finds all uses all', async () => {
    await care.cli.ok(['prune', '--all', '--keep-duration', '24h']);
    expect(await care.build()).toMatchObject({ ran: 0 });
    age(care.cli.root, 48);
    expect(await care.build()).toMatchObject({ ran: 0 });
    expect(await care.cli.ok(['prune', '--all', '--filter', 'until=24h'])).not.toContain('RUN');
    age(care.cli.root, 48);
    expect(await care.cli.ok(['prune', '--all', '--filter', 'until=24h'])).toContain('RUN head -c 300000');
    await whole();
  });

  it('--filter type and id take one kind, or one thing', async () => {
    expect(await care.cli.ok(['prune', '--filter', 'type=exec.cachemount'])).toMatch(
      /^Deleted build cache objects:\n[0-9a-f]{12} {2}objects\n\nTotal reclaimed space: \d+kB$/,
    );
    expect(readdirSync(join(care.cli.root, 'cache-mounts'))).toEqual([]);
    const entries = await care.rows<{ ID: string; Description: string }>('du', '-v', '--format', 'json');
    const tool = entries.find(({ Description }) => Description.includes('/tool'));
    await care.cli.ok(['prune', '--all', '--filter', `id=${tool?.ID}`]);
    expect(await texts()).toHaveLength(entries.length - 1);
    expect(await texts()).not.toContain(tool?.Description);
    await whole();
  });

  it('space limits remove the least recently used, and no more than they must', async () => {
    const limit = async (flags: readonly string[]): Promise<string> =>
      care.cli.ok(['prune', '--all', ...flags]);
    const all = await texts();
    expect(await limit(['--keep-storage', '1g'])).toBe('Total reclaimed space: 0B');
    expect(await limit(['--max-used-space', '1g'])).toBe('Total reclaimed space: 0B');
    expect(await limit(['--min-free-space', '1'])).toBe('Total reclaimed space: 0B');
    expect(await limit(['--max-used-space', '1', '--reserved-space', '1g'])).toBe(
      'Total reclaimed space: 0B',
    );
    expect(await texts()).toEqual(all);
    age(care.cli.root, 1);
    await care.cli.ok([
      'build',
      '-q',
      makeContext({ Dockerfile: 'FROM busybox:1\nRUN head -c 400000 /dev/zero > /new' }),
    ]);
    await limit(['--max-used-space', '500k']);
    expect(await texts()).toContain('RUN head -c 400000 /dev/zero > /new');
    expect(await texts()).not.toContain('RUN head -c 300000 /dev/zero > /tool');
    await whole();
  });

  it('--gc leaves a cache that is young and small, and takes no rules beside its own', async () => {
    const gc = ['prune', '--gc', '--reserved-space', '0', '--min-free-space', '0'];
    expect(await care.cli.ok([...gc, '--max-used-space', '1g'])).toBe('Total reclaimed space: 0B');
    expect(await care.cli.ok([...gc, '--max-used-space', '1'])).toContain('RUN head -c 300000');
    await whole();
    for (const flags of [['--all'], ['--filter', 'until=1h'], ['--keep-duration', '1h']])
      expect(await care.cli.run(['prune', '--gc', ...flags])).toMatchObject({ status: 2 });
  });

  it('leaves containers and volumes alone', async () => {
    await care.cli.ok(['run', '-d', '--name', 'runs', '-v', 'data:/data', 'app', 'sleep', '1000']);
    await care.cli.ok(['rmi', '-f', 'busybox:1']);
    await care.cli.ok(['prune', '--all']);
    expect(await care.cli.ok(['exec', 'runs', 'cat', '/made', '/file'])).toBe('made\ncontent');
    await whole();
    await care.cli.ok(['rm', '-f', 'runs']);
    await care.cli.ok(['volume', 'rm', 'data']);
  });

  it.each([
    [['--filter', 'color=red'], /--filter: invalid value "color=red"/],
    [['--filter', 'type=internal'], /no such type: "internal"/],
    [['--filter', 'until=soon'], /until: invalid value "soon"/],
    [['--max-used-space', 'much'], /--max-used-space: invalid value "much"/],
    [['--keep-storage', '1g', '--reserved-space', '1g'], /two names of one option/],
  ])('S-78 refuses %j', async (flags, message) => {
    const { status, stderr } = await care.cli.run(['prune', ...flags]);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).toContain('hint:');
  });
});
