import { closeSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';

import {
  createDigester,
  digestParts,
  fromErrno,
  isDigest,
  isErrno,
  type Digest,
} from '../../../core/index.ts';
import type { Store } from '../../../store/index.ts';
import { removeFile } from '../../../sys/index.ts';
import type { ImageNeeds } from '../images.ts';
import { namesIn } from '../../../sys/index.ts';
import type { Examined, Finding } from './types.ts';

const chunkSize = 1024 * 1024;

/** Hashes every blob. What is hashed is complete: a blob gets its name when it is. */
export async function checkBlobs(
  { store, paths }: Pick<Examined, 'store' | 'paths'>,
  images: readonly ImageNeeds[],
): Promise<{ readonly findings: readonly Finding[]; readonly damaged: ReadonlySet<Digest> }> {
  const findings: Finding[] = [];
  const damaged = new Set<Digest>();
  for (const algorithm of namesIn(paths.blobs).sort()) {
    for (const hex of readdirSync(join(paths.blobs, algorithm))) {
      const digest = `${algorithm}:${hex}`;
      const path = join(paths.blobs, algorithm, hex);
      if (!isDigest(digest) || lstatSync(path, { throwIfNoEntry: false })?.isFile() === false) {
        findings.push(foreign(join('oci/blobs', algorithm, hex)));
        continue;
      }
      const actual = hashOf(path, digest);
      if (actual === undefined || actual === digest) continue;
      damaged.add(digest);
      findings.push(damagedBlob(store, digest, { actual, images }));
      // Others' signals and timers have their turn between two blobs.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return { findings, damaged };
}

function foreign(subject: string): Finding {
  return { severity: 'damage', kind: 'blob', subject, problem: 'is not a blob', hint: 'remove it yourself' };
}

function damagedBlob(
  store: Store,
  digest: Digest,
  { actual, images }: { readonly actual: Digest; readonly images: readonly ImageNeeds[] },
): Finding {
  const users = images.filter(({ blobs }) => blobs.includes(digest));
  return {
    severity: 'damage',
    kind: 'blob',
    subject: digest,
    problem: `its content is ${actual}`,
    images: users.flatMap(({ id, names }) => (names.length === 0 ? [id] : names)),
    repair: async () => store.blobs.delete(digest),
  };
}

/** Undefined when it is gone. */
function hashOf(path: string, digest: Digest): Digest | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw fromErrno(error, `reading ${path}`);
  }
  try {
    const digester = createDigester(digestParts(digest).algorithm);
    const buffer = Buffer.allocUnsafe(chunkSize);
    for (;;) {
      const length = readSync(fd, buffer, 0, chunkSize, null);
      if (length === 0) return digester.digest();
      digester.update(buffer.subarray(0, length));
    }
  } catch (error) {
    throw fromErrno(error, `reading ${path}`);
  } finally {
    closeSync(fd);
  }
}

export function removing(path: string): () => Promise<unknown> {
  return async () => removeFile(path);
}
