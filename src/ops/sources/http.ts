import { closeSync, constants, openSync, writeSync } from 'node:fs';

import { canonicalJson, digestOf, fileNameOfUrl, fromText, type ByteString } from '../../core/index.ts';
import type { HttpSource } from '../../dockerfile/types.ts';
import type { CacheMap, KeyParts, Op, RunContext } from '../../solver/index.ts';
import type { FetchedFile } from '../../source/types.ts';
import { copyContent, type RootDir } from '../../sys/index.ts';
import { fileChunks } from '../file-chunks.ts';
import type { BuildServices, SettledState, State } from '../types.ts';

const top = '/' as ByteString;

/** The file behind a URL, alone in a tree: `/<name>`, as ADD copies it from there (L-176). */
export class HttpOp implements Op<State> {
  readonly #source: HttpSource;
  readonly #services: Pick<BuildServices, 'sources' | 'snapshotter'>;
  #fetched: FetchedFile | undefined;

  constructor(source: HttpSource, services: Pick<BuildServices, 'sources' | 'snapshotter'>) {
    this.#source = source;
    this.#services = services;
  }

  async cacheMap(signal: AbortSignal): Promise<CacheMap<State>> {
    const { checksum, url } = this.#source;
    // A checksum says what the file is: nothing need be asked of the server.
    if (checksum !== undefined) return { parts: partsOf(url, checksum), inputs: [] };
    const { digest, modified } = await this.#fetch(signal);
    return { parts: partsOf(url, digest, modified), inputs: [] };
  }

  async exec(_inputs: readonly State[], context: RunContext): Promise<State> {
    const file = await this.#fetch(context.signal, (current, total) =>
      context.status('download', current, total),
    );
    const { snapshotter } = this.#services;
    await using active = await snapshotter.prepare(undefined);
    {
      await using mounted = await active.mount();
      await write(mounted.root, file, fileNameOfUrl(this.#source.url));
    }
    const snapshot = await active.commit();
    const { checksum, url } = this.#source;
    const parts = checksum === undefined ? partsOf(url, file.digest, file.modified) : partsOf(url, checksum);
    const settled: SettledState = { snapshot, layers: [], contentDigest: digestOf(canonicalJson(parts)) };
    return { snapshot, settled: Promise.resolve(settled) };
  }

  /** Once for key and execution: the file may change in between, and only what was keyed may be used. */
  async #fetch(
    signal: AbortSignal,
    onProgress?: (current: number, total?: number) => void,
  ): Promise<FetchedFile> {
    this.#fetched ??= await this.#services.sources.http.fetch(this.#source, { signal, onProgress });
    return this.#fetched;
  }
}

/** The URL is none of them: from wherever it comes, the same file of the same name is the same. */
function partsOf(url: string, digest: string, modified?: number): KeyParts {
  return { op: 'http', digest, filename: fileNameOfUrl(url), modified: modified ?? null };
}

async function write(root: RootDir, file: FetchedFile, name: string): Promise<void> {
  const path = `/${fromText(name)}` as ByteString;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const to = root.open(path, flags, 0o600);
  try {
    await copy(file.path, to);
  } finally {
    closeSync(to);
  }
  root.chmod(path, 0o600);
  root.chown(path, 0, 0);
  // As BuildKit: a file whose server says no time is as old as time. The folder is nobody's but this file's.
  const time = { seconds: file.modified ?? 0 };
  root.setTimes(path, time);
  root.setTimes(top, time);
}

async function copy(path: string, to: number): Promise<void> {
  const from = openSync(path, constants.O_RDONLY);
  try {
    if (copyContent(from, to)) return;
    for await (const chunk of fileChunks(from)) {
      for (let done = 0; done < chunk.length;) done += writeSync(to, chunk, done);
    }
  } finally {
    closeSync(from);
  }
}
