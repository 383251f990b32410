import { beforeEach, describe, expect, it } from 'vitest';

import { matchesLabel, parseImageFilters, type ImageFilter } from '../../src/ops/store-care/image-filter.ts';
import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';

describe('O-20 image prune', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  let earlier: string;
  let later: string;

  async function build(label: string): Promise<string> {
    const dockerfile = `FROM busybox:1\nLABEL kind=${label}\nRUN head -c 300000 /dev/urandom > /${label}\n`;
    return cli.ok(['build', '-q', '-t', 'app', makeContext({ Dockerfile: dockerfile })]);
  }

  /** The later build takes its name from the earlier. */
  beforeEach(async () => {
    cli = await tsbuildWithBusybox();
    [earlier, later] = [await build('earlier'), await build('later')];
  });

  const ids = async (): Promise<readonly string[]> =>
    (await cli.ok(['image', 'ls', '-q', '--no-trunc'])).split('\n');

  it('takes those without a name, and says what it frees', async () => {
    // Its layer stays as long as the cache has it.
    await cli.ok(['prune', '--all']);
    expect(await cli.ok(['image', 'prune', '-f'])).toMatch(
      new RegExp(`^Deleted Images:\ndeleted: ${earlier}\n\nTotal reclaimed space: [3-9]\\d\\dkB$`),
    );
    expect(await ids()).not.toContain(earlier);
    expect(await cli.ok(['fsck'])).toBe('the store is whole');
    expect(await cli.ok(['image', 'prune'])).toBe('Total reclaimed space: 0B');
  });

  it('--all takes all that no container has', async () => {
    await cli.ok(['create', '--name', 'keeps', 'app', 'true']);
    const text = await cli.ok(['image', 'prune', '--all']);
    expect(text).toContain('untagged: busybox:1\n');
    expect(await ids()).toEqual([later]);
    await cli.ok(['rm', 'keeps']);
    expect(await cli.ok(['image', 'prune', '--all'])).toContain(`untagged: app:latest\ndeleted: ${later}\n`);
    expect(await cli.ok(['images', '-q'])).toBe('');
  });

  it('--filter: all of them have to hold', async () => {
    const prune = (...filters: readonly string[]): Promise<string> =>
      cli.ok(['image', 'prune', ...filters.flatMap((filter) => ['--filter', filter])]);
    for (const filter of ['label=kind=later', 'label!=kind', 'until=24h', 'until=0'])
      expect(await prune(filter, 'label!=other')).toBe('Total reclaimed space: 0B');
    expect(await prune('label=kind=earlier', 'dangling=true')).toContain(`deleted: ${earlier}\n`);
    expect((await ids()).includes(later)).toBe(true);
    const { status, stderr } = await cli.run(['image', 'prune', '--filter', 'colour=red']);
    expect([status, stderr]).toEqual([2, expect.stringContaining('invalid value "colour=red"')]);
  });
});

describe('O-20 filters of image prune', () => {
  const parse = (...texts: readonly string[]): ImageFilter => parseImageFilters(texts, Number);

  it.each<readonly [filter: string, labels: Readonly<Record<string, string>>, matches: boolean]>([
    ['label=kind', { kind: '' }, true],
    ['label=kind', {}, false],
    ['label=kind=a=b', { kind: 'a=b' }, true],
    ['label=kind=a', { kind: 'b' }, false],
    ['label!=kind', { other: '' }, true],
    ['label!=kind', { kind: 'a' }, false],
    ['label!=kind=a', { kind: 'b' }, true],
    ['label!=kind=a', { kind: 'a' }, false],
    ['label=constructor', {}, false],
  ])('%s of %j: %s', (filter, labels, matches) => {
    expect(parse(filter).labels.every((label) => matchesLabel(label, labels))).toBe(matches);
  });

  it('the earliest time counts', () => {
    expect(parse('until=5', 'until=3', 'until=4', 'dangling=0')).toEqual({
      until: 3,
      labels: [],
      dangling: false,
    });
  });

  it.each(['colour=red', 'until=', 'until!=24h', 'dangling=maybe', 'dangling!=true', 'label', ''])(
    'refuses %j',
    (filter) => {
      expect(() => parse(filter)).toThrow(expect.objectContaining({ code: 'USAGE' }) as Error);
    },
  );
});
