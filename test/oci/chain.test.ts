import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { chainId, chainIds } from '../../src/oci/index.ts';
import { runOk } from '../support/run-command.ts';

describe('chain ids (image-spec config.md)', () => {
  const [a, b, c] = [digestOf('a'), digestOf('b'), digestOf('c')];
  const diffIds = [a, b, c];

  it('nothing has no chain id, one layer its own diff id', () => {
    expect(chainId([])).toBeUndefined();
    expect(chainId(diffIds.slice(0, 1))).toBe(a);
    expect(chainIds([])).toEqual([]);
  });

  it('hashes the chain below and the diff id, as sha256sum does', async () => {
    const sum = async (text: string) =>
      `sha256:${(await runOk(['sha256sum'], { input: text })).slice(0, 64)}`;
    const two = await sum(`${a} ${b}`);
    const three = await sum(`${two} ${c}`);
    expect(chainIds(diffIds)).toEqual([a, two, three]);
    expect(chainId(diffIds)).toBe(three);
  });
});
