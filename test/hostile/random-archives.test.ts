import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { attack, bothModes } from '../support/hostile.ts';
import type { TarSpec } from '../support/make-tar.ts';

/** Few names, so that entries meet: links to links, files over directories, whiteouts of what was just made. */
const name = fc.constantFrom(
  'a',
  'b',
  'c',
  '.',
  '..',
  '.wh.a',
  '.wh.b',
  '.wh..wh..opq',
  '.wh.',
  'outside',
  'canary',
  '',
);
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
const link = fc.oneof(
  path,
  path.map((text) => `/${text}`),
  fc.constantFrom(
    '../outside',
    '../outside/canary',
    '../../../outside/folder',
    '/proc/self/root',
    '/proc/self/cwd',
  ),
);
const type = fc.constantFrom(
  'file',
  'file',
  'directory',
  'directory',
  'symlink',
  'symlink',
  'hardlink',
  'fifo',
  'char',
);

const spec: fc.Arbitrary<TarSpec> = fc.record({
  path,
  type,
  link,
  mode: fc.constantFrom(0o644, 0o755, 0o4777, 0o1777),
  uid: fc.constantFrom(0, 1000),
  device: fc.constant([1, 3] as const),
});

describe.each(bothModes)('S-50 any archive at all (%s)', (mode) => {
  it('changes nothing outside, and is unpacked or refused in words', async () => {
    let unpacked = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(spec, { minLength: 1, maxLength: 12 }), async (specs) => {
        const bodies = specs.map((entry) => (entry.type === 'file' ? { ...entry, body: 'evil' } : entry));
        // Below is something for whiteouts to hide.
        const before = mode === 'layer' ? [{ path: 'a/b/c' }, { path: 'b', type: 'symlink', link: 'a' }] : [];
        const { error } = await attack([...before, ...bodies], { mode });
        if (error === undefined) unpacked += 1;
        else expect(error).toMatchObject({ code: expect.stringMatching(/^ARCHIVE_INVALID$/) as string });
      }),
      { numRuns: 150 },
    );
    expect(unpacked).toBeGreaterThan(0);
  });
});
