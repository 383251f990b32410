import { randomBytes } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import {
  digestOf,
  digestParts,
  isDigest,
  isErrno,
  isJsonObject,
  type Digest,
  type Json,
} from '../core/index.ts';

/** What is remembered of a URL. */
export interface KeptAnswer {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** As it came, `W/` included. */
  readonly etag?: string | undefined;
  /** Seconds since the epoch. */
  readonly modified?: number | undefined;
}

/** Files nobody asked for in this time go at the next download; a build that uses one touches it. */
const keptFor = 30 * 24 * 3600 * 1000;

/**
 * Downloads by digest, and what the server said about each URL, in a folder of the store that is private to its owner.
 * What one process renames into place another may see at once; neither holds a lock, since both would write the same.
 */
export class HttpCache {
  readonly #urls: string;
  readonly #files: string;

  constructor(folder: string) {
    this.#urls = join(folder, 'urls');
    this.#files = join(folder, 'files');
  }

  /** Host path of a kept file; undefined when it is not there whole. */
  file(digest: Digest, size?: number): { readonly path: string; readonly size: number } | undefined {
    const path = this.#path(digest);
    try {
      const stat = statSync(path);
      if (!stat.isFile() || (size !== undefined && stat.size !== size)) return undefined;
      const now = new Date();
      utimesSync(path, now, now);
      return { path, size: stat.size };
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw error;
    }
  }

  /** The answer to an earlier request whose file is still there. */
  answer(url: string): KeptAnswer | undefined {
    let value: Json;
    try {
      value = JSON.parse(readFileSync(this.#entry(url), 'utf8')) as Json;
    } catch (error) {
      // A power loss may have cut it short.
      if (error instanceof SyntaxError || isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
    const kept = readAnswer(value);
    return kept === undefined || this.file(kept.digest, kept.size) === undefined ? undefined : kept;
  }

  remember(url: string, answer: KeptAnswer): void {
    const staged = this.staging();
    writeFileSync(staged, JSON.stringify(answer), { mode: 0o600 });
    renameSync(staged, this.#entry(url));
  }

  /** An unused path to download to. */
  staging(): string {
    for (const folder of [this.#urls, this.#files]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    return join(this.#files, `new-${randomBytes(8).toString('hex')}`);
  }

  /** Takes a download in under its digest, and drops what has not been used for long. */
  take(staged: string, digest: Digest): string {
    const path = this.#path(digest);
    renameSync(staged, path);
    for (const folder of [this.#urls, this.#files]) sweep(folder);
    return path;
  }

  #entry(url: string): string {
    return join(this.#urls, `${digestParts(digestOf(url)).hex}.json`);
  }

  #path(digest: Digest): string {
    const { algorithm, hex } = digestParts(digest);
    return join(this.#files, `${algorithm}-${hex}`);
  }
}

/** Undefined for anything else than what `remember` writes. */
function readAnswer(value: Json): KeptAnswer | undefined {
  if (!isJsonObject(value)) return undefined;
  const { digest, size, etag, modified } = value;
  if (typeof digest !== 'string' || !isDigest(digest) || typeof size !== 'number') return undefined;
  return {
    digest,
    size,
    etag: typeof etag === 'string' ? etag : undefined,
    modified: typeof modified === 'number' ? modified : undefined,
  };
}

function sweep(folder: string): void {
  const limit = Date.now() - keptFor;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat !== undefined && stat.mtimeMs < limit) rmSync(path, { force: true });
  }
}
