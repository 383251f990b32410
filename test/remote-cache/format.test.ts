import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { parseManifest } from '../../src/oci/index.ts';
import { decodeCache, encodeCache, maxParts } from '../../src/remote-cache/format.ts';
import { inlineCache, inlineMember } from '../../src/remote-cache/inline.ts';
import { mergedCache } from '../../src/remote-cache/merge.ts';
import type { CachePart, ForeignRecord } from '../../src/remote-cache/types.ts';

const digest = fc.string().map((text) => digestOf(text));
const inputKey = fc.record({ selector: fc.option(fc.string(), { nil: undefined }), digest });
const layer = fc.record({
  diffId: digest,
  created: fc.option(fc.string(), { nil: undefined }),
  blob: fc.option(fc.record({ mediaType: fc.string({ minLength: 1 }), digest, size: fc.nat() }), {
    nil: undefined,
  }),
});
const record: fc.Arbitrary<ForeignRecord> = fc.record({
  key: digest,
  partsDigest: digest,
  parts: fc.option(fc.record({ op: fc.string(), argv: fc.array(fc.string()) }), { nil: undefined }),
  inputKeys: fc.array(inputKey),
  contents: fc.array(fc.array(inputKey), { maxLength: 4 }),
  identity: fc.string(),
  created: fc.string(),
  layers: fc.array(layer),
});
const part: fc.Arbitrary<CachePart> = fc.record({
  scope: fc.string(),
  platform: fc.constantFrom('linux/amd64', 'linux/arm64'),
  exported: fc.date({ noInvalidDate: true }).map((time) => time.toISOString()),
  records: fc.array(record, { maxLength: 5 }),
});

const reread = (parts: readonly CachePart[]): readonly CachePart[] => {
  const { manifest, config } = encodeCache(parts);
  return decodeCache(parseManifest(manifest.bytes), config.bytes);
};
const nameOf = ({ scope, platform }: CachePart): string => `${platform} ${scope}`;

describe('the format of caches', () => {
  it('is read as it was written, each blob named once', () => {
    fc.assert(
      fc.property(fc.array(part, { maxLength: 4 }), (parts) => {
        // One blob is one size and one kind, whoever names it.
        const seen = new Map<string, unknown>();
        const consistent = parts.every(({ records }) =>
          records.every(({ layers }) =>
            layers.every(({ blob }) => {
              if (blob === undefined) return true;
              const text = JSON.stringify(blob);
              const known = seen.get(blob.digest) ?? text;
              seen.set(blob.digest, known);
              return known === text;
            }),
          ),
        );
        fc.pre(consistent);
        expect(reread(parts)).toEqual(parts);
        expect(encodeCache(parts).blobs).toHaveLength(seen.size);
      }),
    );
  });

  it('B-20 a merge keeps all parts but the one of the same scope and platform', () => {
    fc.assert(
      fc.property(fc.uniqueArray(part, { selector: nameOf, maxLength: 6 }), part, (earlier, mine) => {
        const { parts } = mergedCache(earlier, mine);
        const others = earlier.filter((one) => nameOf(one) !== nameOf(mine));
        expect(new Map(parts.map((one) => [nameOf(one), one]))).toEqual(
          new Map([...others, mine].map((one) => [nameOf(one), one])),
        );
        // Whoever merges last, the same parts are the same bytes.
        const again = mergedCache(mergedCache(earlier.toReversed(), mine).parts, mine);
        expect(again.encoded).toEqual(mergedCache(earlier, mine).encoded);
      }),
    );
  });

  it('B-10 never grows past its bounds: the parts that were not exported for the longest go', () => {
    const empty = (day: number): CachePart => ({
      scope: `build ${day}`,
      platform: 'linux/amd64',
      exported: new Date(day * 86_400_000).toISOString(),
      records: [],
    });
    let parts: readonly CachePart[] = [];
    for (let day = 0; day < maxParts + 10; day++) parts = mergedCache(parts, empty(day)).parts;
    expect(parts).toHaveLength(maxParts);
    expect(parts.map(({ exported }) => exported).sort()[0]).toBe(empty(10).exported);
  });

  const make = (more: Partial<ForeignRecord>): ForeignRecord => ({
    key: digestOf('key'),
    partsDigest: digestOf('parts'),
    parts: undefined,
    inputKeys: [],
    contents: [],
    identity: 'build/1',
    created: '2020-01-01T00:00:00.000Z',
    layers: [],
    ...more,
  });

  it('O-10 an inline cache leaves out what would not be read again', () => {
    const layers = [{ diffId: digestOf('layer'), created: 'then', blob: undefined }];
    const long = make({ layers, inputKeys: [{ selector: 'x'.repeat(70_000), digest: digestOf('x') }] });
    const { [inlineMember]: member } = inlineCache([long, make({ layers })], layers);
    expect(member).toMatchObject({ records: [{ inputs: [] }] });
    expect(inlineCache([long], layers)).toEqual({});
  });

  it('leaves out what would not be read again, and keeps the rest', () => {
    const long = make({ inputKeys: [{ selector: 'x'.repeat(70_000), digest: digestOf('x') }] });
    const base = { diffId: digestOf('layer'), created: undefined, blob: undefined };
    const deep = make({ layers: Array.from({ length: 513 }, () => base) });
    const own = { scope: 'a', platform: 'linux/amd64', exported: '', records: [long, make({}), deep] };
    expect(mergedCache([], own).parts).toEqual([{ ...own, records: [make({})] }]);
  });

  it('ends where not even an empty part fits', () => {
    const endless = { scope: 'a', platform: 'x'.repeat(5000), exported: '', records: [] };
    expect(() => mergedCache([], endless)).toThrow('too large');
  });

  it('halves a part that is too large alone until it fits', () => {
    const text = 'x'.repeat(60_000);
    const records = Array.from({ length: 400 }, (_, index): ForeignRecord => ({
      key: digestOf(`key ${index}`),
      partsDigest: digestOf('parts'),
      parts: { op: 'run', text },
      inputKeys: [],
      contents: [],
      identity: `build/${index}`,
      created: '',
      layers: [],
    }));
    const { parts } = mergedCache([], { scope: 'a', platform: 'linux/amd64', exported: '', records });
    expect(parts[0]?.records).toEqual(records.slice(0, 200));
  });
});
