import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import {
  canonicalJson,
  digestParts,
  fromErrno,
  isDigest,
  parseDigest,
  type Digest,
  type Json,
} from '../core/index.ts';
import { replace, readJsonIfThere, removeIfThere, type Staging } from './files.ts';
import type { ImageRecord, ImageRecordStore, KeptAttestation } from './types.ts';

/** One file an image, named by its id. */
export function openImages(folder: string, staging: Staging): ImageRecordStore {
  const pathOf = (id: Digest): string => {
    const { algorithm, hex } = digestParts(parseDigest(id));
    return join(folder, `${algorithm}-${hex}.json`);
  };
  return {
    get: async (id) => readImage(pathOf(id)),
    put: async (record) => replace(staging, pathOf(record.id), canonicalJson(record as unknown as Json)),
    delete: async (id) => removeIfThere(pathOf(id)),
    async list() {
      try {
        return readdirSync(folder)
          .sort()
          .flatMap((file) => readImage(join(folder, file)) ?? []);
      } catch (error) {
        throw fromErrno(error, `listing ${folder}`);
      }
    },
  };
}

/** A damaged file reads as no image. */
function readImage(path: string): ImageRecord | undefined {
  const value = readJsonIfThere(path) as Partial<ImageRecord> | null | undefined;
  if (typeof value?.id !== 'string' || !isDigest(value.id)) return undefined;
  if (typeof value.manifest?.digest !== 'string' || !isDigest(value.manifest.digest)) return undefined;
  if (typeof value.added !== 'string' || !Array.isArray(value.repoDigests)) return undefined;
  const { id, manifest, added, repoDigests } = value;
  const attestations = attestationsIn(value.attestations);
  return { id, manifest, added, repoDigests, ...(attestations.length === 0 ? {} : { attestations }) };
}

/** Those that are whole; the image is no worse for the others. */
function attestationsIn(value: unknown): readonly KeptAttestation[] {
  if (!Array.isArray(value)) return [];
  return value.filter((one: Partial<KeptAttestation> | null): one is KeptAttestation => {
    const texts = [one?.predicateType, one?.filename, one?.predicate];
    return texts.every((text) => typeof text === 'string') && isDigest(String(one?.predicate));
  });
}
