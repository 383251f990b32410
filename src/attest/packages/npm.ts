import * as z from 'zod/mini';

import { isErrno, toText, TsbuildError, type ByteString } from '../../core/index.ts';
import type { RootDir } from '../../sys/rootdir.ts';
import { plainText } from './read.ts';
import type { FoundPackage, Warn } from './types.ts';

/** What an image may make this machine do. */
export interface WalkLimits {
  readonly entries: number;
  readonly depth: number;
  readonly packages: number;
  readonly manifestBytes: number;
}

export const walkLimits: WalkLimits = {
  entries: 2_000_000,
  depth: 100,
  packages: 100_000,
  manifestBytes: 2 ** 20,
};

/** Mount points of a running container: whatever lies there was never meant to be looked at. */
const passedOver: ReadonlySet<string> = new Set(['proc', 'sys', 'dev']);

const manifestSchema = z.object({
  name: z.string(),
  version: z.string(),
  license: z.optional(z.unknown()),
});

/** The packages of every `node_modules` folder of the tree, wherever it lies (pnpm's and nested ones included). */
export function npmPackages(
  root: RootDir,
  warn: Warn,
  limits: WalkLimits = walkLimits,
): readonly FoundPackage[] {
  const walk = new Walk(warn, limits);
  for (const name of root.list('/' as ByteString)) {
    if (!passedOver.has(name)) walk.enter({ parent: root, name, path: name, depth: 1 });
  }
  return walk.finish();
}

interface Place {
  readonly parent: RootDir;
  readonly name: ByteString;
  /** From the root, for people and for `from`. */
  readonly path: string;
  readonly depth: number;
}

class Walk {
  readonly #warn: Warn;
  readonly #limits: WalkLimits;
  readonly #found = new Map<string, FoundPackage>();
  #entries = 0;
  #odd = 0;

  constructor(warn: Warn, limits: WalkLimits) {
    this.#warn = warn;
    this.#limits = limits;
  }

  finish(): readonly FoundPackage[] {
    if (this.#odd > 0) this.#warn(`the SBOM leaves out ${this.#odd} package.json files that cannot be read`);
    return [...this.#found.values()];
  }

  enter({ parent, name, path, depth }: Place): void {
    this.#entries += 1;
    if (this.#entries > this.#limits.entries) throw this.#tooMuch(`more than ${this.#limits.entries} files`);
    // Links are not followed: what they lead to is met by its own name, and circles have no end.
    if (parent.lstat(name).type !== 'directory') return;
    if (depth > this.#limits.depth) throw this.#tooMuch(`folders deeper than ${this.#limits.depth}`);
    using folder = parent.sub(name);
    const inModules = name === 'node_modules';
    for (const entry of folder.list('/' as ByteString)) {
      const place = { parent: folder, name: entry, path: `${path}/${entry}`, depth: depth + 1 };
      if (inModules) this.#module(place);
      this.enter(place);
    }
  }

  #module({ parent, name, path }: Place): void {
    if (parent.lstat(name).type !== 'directory') return;
    if (!name.startsWith('@')) {
      this.#package(parent, `${name}/package.json`, `${path}/package.json`);
      return;
    }
    using scope = parent.sub(name);
    for (const inner of scope.list('/' as ByteString)) {
      this.#package(scope, `${inner}/package.json`, `${path}/${inner}/package.json`);
    }
  }

  #package(folder: RootDir, file: string, path: string): void {
    const bytes = this.#read(folder, file as ByteString);
    if (bytes === undefined) return;
    const manifest = parse(bytes);
    const from = toText(path as ByteString);
    const name = plainText(manifest?.name, 214);
    const version = plainText(manifest?.version);
    if (name === undefined || version === undefined || !/^(@[^/@\s]+\/)?[^/@\s]+$/.test(name)) {
      this.#odd += 1;
      return;
    }
    const key = `${name}@${version}`;
    if (this.#found.has(key)) return;
    if (this.#found.size >= this.#limits.packages) {
      throw this.#tooMuch(`more than ${this.#limits.packages} npm packages`);
    }
    this.#found.set(key, { kind: 'npm', name, version, license: licenseOf(manifest?.license), from });
  }

  /** Undefined also for what is no file; what is too large is odd. */
  #read(folder: RootDir, file: ByteString): Buffer | undefined {
    try {
      if (folder.tryLstat(file)?.type !== 'file') return undefined;
      return folder.read(file, this.#limits.manifestBytes);
    } catch (error) {
      if (isErrno(error, 'ENOTDIR', 'ELOOP', 'EXDEV')) return undefined;
      if (!isErrno(error, 'EFBIG')) throw error;
      this.#odd += 1;
      return undefined;
    }
  }

  #tooMuch(what: string): TsbuildError {
    return new TsbuildError('ATTESTATION_FAILED', `the SBOM cannot be made: the image has ${what}`, {
      hint: 'build without --sbom',
    });
  }
}

function parse(bytes: Buffer): z.infer<typeof manifestSchema> | undefined {
  try {
    const result = manifestSchema.safeParse(JSON.parse(bytes.toString('utf8').replace(/^\ufeff/, '')));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}

/** A text, or what npm took before: `{ type: 'MIT' }`. */
function licenseOf(license: unknown): string | undefined {
  if (typeof license === 'string') return plainText(license);
  const type = z.object({ type: z.string() }).safeParse(license);
  return type.success ? plainText(type.data.type) : undefined;
}
