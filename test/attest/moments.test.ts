import { describe, expect, it } from 'vitest';

import { saidOnce, type Memory, type Moments } from '../../src/attest/moments.ts';
import { digestOf, type Json } from '../../src/core/index.ts';
import type { Attestation } from '../../src/image/index.ts';

const image = digestOf('image');
const at = (invocation: string, time: string): Moments => ({
  ...{ invocation, started: new Date(time), finished: new Date(time) },
});
const first = at('one', '2026-01-01T00:00:00Z');
const later = at('two', '2026-02-02T00:00:00Z');

function memoryOf(values = new Map<string, Json>()): Memory & { readonly values: Map<string, Json> } {
  return {
    values,
    get: async (key) => values.get(key),
    put: async (key, value) => void values.set(key, value),
  };
}

/** Says `what`, when, and by which invocation. */
const saying =
  (what: string, predicateType = 'https://example.org/says') =>
  ({ invocation, finished }: Moments): Attestation => ({
    ...{ predicateType, filename: 'says.json' },
    predicate: { what, invocation, finished: finished.toISOString() },
  });

describe('what is said of an image more than once', () => {
  it('O-80 O-82 is said with the times of the first', async () => {
    const memory = memoryOf();
    const said = await saidOnce(memory, image, { now: first, say: saying('a') });
    expect(said.predicate).toMatchObject({ invocation: 'one', finished: '2026-01-01T00:00:00.000Z' });
    expect(await saidOnce(memory, image, { now: later, say: saying('a') })).toEqual(said);
  });

  it.each([
    ['something else', image, saying('b')],
    ['of another kind', image, saying('a', 'https://example.org/other')],
    ['of another image', digestOf('other'), saying('a')],
  ])('O-80 %s is said anew', async (_what, about, say) => {
    const memory = memoryOf();
    await saidOnce(memory, image, { now: first, say: saying('a') });
    expect((await saidOnce(memory, about, { now: later, say })).predicate).toMatchObject({
      invocation: 'two',
    });
  });

  it.each<[string, Json]>([
    ['no object', 7],
    ['no time', { invocation: 'x', started: 'never', finished: 'never' }],
    ['half a record', { invocation: 'x' }],
  ])('a record that is %s counts for nothing', async (_what, record) => {
    const memory = memoryOf();
    await saidOnce(memory, image, { now: first, say: saying('a') });
    for (const key of memory.values.keys()) memory.values.set(key, record);
    const said = await saidOnce(memory, image, { now: later, say: saying('a') });
    expect(said.predicate).toMatchObject({ invocation: 'two' });
  });
});
