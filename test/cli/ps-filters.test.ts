import { beforeAll, describe, expect, it } from 'vitest';

import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { requires } from '../support/requires.ts';

describe('ps --filter and --last', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
    await cli.ok(['create', '--name', 'first', '-l', 'a=1', '-l', 'b', 'busybox:1', 'true']);
    await cli.run(['run', '--name', 'second', '-l', 'a=2', 'busybox:1', 'sh', '-c', 'exit 3']);
    await cli.ok(['create', '--name', 'third', 'busybox:1', 'true']);
  });

  const names = async (...flags: readonly string[]): Promise<readonly string[]> => {
    const text = await cli.ok(['ps', '--format', 'json', ...flags]);
    return text
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { Names: string }).Names]));
  };

  it('C-71 shows those that have what is asked for', async () => {
    for (const [filters, expected] of [
      [['name=ir'], ['third', 'first']],
      [['status=created'], ['third', 'first']],
      [
        ['status=created', 'status=exited'],
        ['third', 'second', 'first'],
      ],
      [['exited=3'], ['second']],
      [['exited=0'], []],
      [['label=a'], ['second', 'first']],
      [['label=a=1', 'label=b'], ['first']],
      [['label=a=2', 'label=b'], []],
      [['ancestor=busybox:1', 'name=sec'], ['second']],
      [['health=none'], ['third', 'second', 'first']],
    ] as const)
      expect(await names('-a', ...filters.flatMap((filter) => ['-f', filter])), filters.join()).toEqual(
        expected,
      );
    // A state that was asked for is shown without -a.
    expect(await names('-f', 'status=exited')).toEqual(['second']);
    expect(await names('-f', 'name=second')).toEqual([]);
    expect(await names('-n', '2')).toEqual(['third', 'second']);
    for (const wrong of [
      ['-f', 'color=red'],
      ['-f', 'name'],
      ['-f', 'toString=x'],
      ['-n', 'x'],
    ])
      expect(await cli.run(['ps', ...wrong])).toMatchObject({ status: 2 });
  });
});
