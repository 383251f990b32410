import { describe, expect, it } from 'vitest';

import { cacheServices } from '../support/cache-services.ts';
import { blobOf, bytesIn, placeOf } from '../support/places.ts';

const kinds = Object.keys(cacheServices);

async function start(kind: string): Promise<Awaited<ReturnType<(typeof cacheServices)[string]>>> {
  const service = await cacheServices[kind]?.();
  if (service === undefined) throw new Error(kind);
  return service;
}

describe('a place for blobs and documents', () => {
  it.each(kinds)('O-13 O-14 O-15 %s: keeps blobs by their digests', async (kind) => {
    await using service = await start(kind);
    const place = placeOf(service.spec);
    // The second one goes in parts.
    for (const bytes of [Buffer.from('a small blob'), Buffer.alloc(600_000, 'a large blob')]) {
      const blob = blobOf(bytes);
      expect(await place.has(blob)).toBe(false);
      await place.put(blob);
      expect(await place.has(blob)).toBe(true);
      expect((await bytesIn(place, blob)).equals(bytes)).toBe(true);
      // Who comes second finds it there.
      await place.put(blob);
    }
  });

  it.each(kinds)('O-13 O-14 O-15 %s: says what it has not', async (kind) => {
    await using service = await start(kind);
    const place = placeOf(service.spec);
    expect(await place.documents()).toEqual([]);
    await expect(bytesIn(place, blobOf('none'))).rejects.toMatchObject({
      code: expect.stringMatching(/^BLOB_NOT_FOUND$/) as string,
    });
  });

  // Where there are no conditional writes something may be lost when one of the builds is very slow.
  const sound = kinds.filter((kind) => !/ignores|refuses/.test(kind));
  it.each(sound)('O-13 O-14 O-15 %s: loses nothing of a document that many change at once', async (kind) => {
    await using service = await start(kind);
    const words = ['one', 'two', 'three', 'four'];
    await Promise.all(
      words.map(async (word) =>
        placeOf(service.spec).replace((there) => {
          const before = there?.toString().split(' ') ?? [];
          return before.includes(word) ? undefined : Buffer.from([...before, word].join(' '));
        }),
      ),
    );
    const [document] = await placeOf(service.spec).documents();
    expect(document?.toString().split(' ').toSorted()).toEqual(words.toSorted());
  });

  it.each(kinds)('S-60 %s: tells a wrong secret and nothing of it', async (kind) => {
    await using service = await start(kind);
    const spec = service.spec.replace(
      /(secret_access_key=|sas_token=.*sig=|token=[^,]*\.)[^,]{4}/,
      '$1WRONG',
    );
    expect(spec).not.toBe(service.spec);
    const failed = await placeOf(spec)
      .has(blobOf('x'))
      .catch((error: unknown) => error as Error & { hint: string });
    expect(failed).toMatchObject({ code: 'CACHE_SERVICE_DENIED' });
    const told = failed instanceof Error ? `${failed.message} ${failed.hint}` : '';
    const secrets = [...service.secrets, /(?:key|token)=([^,]*)/.exec(spec)?.[1] ?? ''];
    expect(secrets.filter((secret) => secret !== 'AKIAIOSFODNN7EXAMPLE' && told.includes(secret))).toEqual(
      [],
    );
  });
});
