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
import { publish, readJsonIfThere, removeIfThere, type Staging } from './files.ts';
import type { ImageRecord, ImageRecordStore } from './types.ts';

/** One file an image, named by its id. */
export function openImages(folder: string, staging: Staging): ImageRecordStore {
  const pathOf = (id: Digest): string => {
    const { algorithm, hex } = digestParts(parseDigest(id));
    return join(folder, `${algorithm}-${hex}.json`);
  };
  return {
    get: async (id) => readImage(pathOf(id)),
    put: async (record) => publish(staging, pathOf(record.id), canonicalJson(record as unknown as Json)),
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
  return { id: value.id, manifest: value.manifest, added: value.added, repoDigests: value.repoDigests };
}
