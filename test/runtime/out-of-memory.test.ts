import { describe, expect, it } from 'vitest';

import { killedForMemory, memoryLimitText } from '../../src/runtime/index.ts';

describe('what is told of processes killed for memory', () => {
  it.each([
    [64 * 2 ** 20, 'the limit is 64 MiB (-m 64m)'],
    [2 ** 30, 'the limit is 1 GiB (-m 1g)'],
    [1536 * 2 ** 20, 'the limit is 1536 MiB (-m 1536m)'],
    [2 ** 40, 'the limit is 1024 GiB (-m 1024g)'],
    [6_291_457, 'the limit is 6291457 bytes (-m 6291457)'],
    [undefined, 'the limit is that of a cgroup above its own'],
  ])('S-19 a limit of %s bytes as one would write it', (memoryLimit, text) => {
    expect(memoryLimitText({ memoryLimit })).toBe(text);
  });

  it('S-19 how many there were, and nothing when there was none', () => {
    expect(killedForMemory({ oomKills: 1, memoryLimit: 1024 })).toMatch(/^a process was killed .* 1 KiB/);
    expect(killedForMemory({ oomKills: 2 })).toMatch(/^2 processes were killed/);
    expect([killedForMemory({ oomKills: 0 }), killedForMemory({})]).toEqual([undefined, undefined]);
  });
});
