import { describe, expect, it } from 'vitest';

import { attack, bothModes, expectRefused, pathsOf } from '../support/hostile.ts';
import { makeTar } from '../support/make-tar.ts';

describe.each(bothModes)('S-51 archives cut off (%s)', (mode) => {
  const first = makeTar([{ path: 'first', body: 'x'.repeat(700) }], { open: true });
  const second = makeTar([{ path: 'second', pax: { mtime: '1.5' }, body: 'y' }], { open: true });
  const whole = Buffer.concat([first, second, Buffer.alloc(1024)]);
  const cuts = [1, 300, 511, 513, 1000, 1300, 1535, 1537, 2048, 2050, 2560, 2700, 3072, 3080, 3200, 3583];

  it.each(cuts)('after %i bytes are refused', async (length) => {
    const { error, tree } = await attack(whole.subarray(0, length), { mode });
    expect(error).toMatchObject({ code: 'ARCHIVE_INVALID' });
    expect(pathsOf(tree)).not.toContain(length < first.length ? 'second' : 'third');
  });

  it('between two entries cannot be told from archives without an end mark', async () => {
    const { error, tree } = await attack(whole.subarray(0, first.length), { mode });
    expect(error).toBeUndefined();
    expect(pathsOf(tree)).toEqual(['first']);
  });

  it('and garbage are refused', async () => {
    await expectRefused('ARCHIVE_INVALID', Buffer.alloc(5000, 'garbage'), { mode });
    await expectRefused('ARCHIVE_INVALID', Buffer.concat([first, Buffer.alloc(512, 'garbage')]), { mode });
    await expectRefused('ARCHIVE_INVALID', Buffer.from('x'), { mode });
  });

  it('with a single bit changed in a header are refused', async () => {
    for (const at of [0, 50, 100, 124, 130, 148, 156, 200, 257, 345, 500]) {
      const damaged = Buffer.from(first);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      await expectRefused('ARCHIVE_INVALID', damaged, { mode });
    }
  });
});
