import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { storeCare } from '../../src/ops/index.ts';
import { openStore } from '../../src/store/index.ts';
import { tsbuild, type Tsbuild } from './cli.ts';
import { makeContext } from './context.ts';
import { runOk } from './run-command.ts';
import { smallestBase } from './smallest-base.ts';
import { tempFolder } from './temp-folder.ts';

/** A store, the context of a build in it, and how the store was. */
export interface FaultWorld {
  readonly cli: Tsbuild;
  /** Holds the root, and whatever else a command writes to. */
  readonly folder: string;
  readonly context: string;
  /** `tsbuild build` of the context, as `app:1`. Twice the same image, to the byte. */
  readonly build: readonly string[];
  /** Changes what a file of the context holds, or puts it back. */
  setFile(content?: string): void;
  save(): Promise<void>;
  /** Takes the store back to what it was when it was saved last, or to its beginning. */
  restore(to?: 'saved' | 'begin'): Promise<void>;
}

/** Of everything a build can write something: base, copy, RUN that adds and removes, two stages, cache mount, metadata. */
const dockerfile = `FROM busybox:1 AS first
RUN --mount=type=cache,id=objects,target=/cache mkdir /made && echo made >/made/file && touch -d @1000 /made/file /made /
FROM busybox:1
COPY source /source
COPY --from=first /made /made
RUN rm -r /source/sub && echo x >/source/more && touch -d @1000 /source/more /source /
LABEL a=b
CMD ["cat", "/source/more"]
`;

/** Settings of every command: the same image whenever it is built, and nothing of it goes on when it has ended. */
export const faultEnvironment: NodeJS.ProcessEnv = {
  SOURCE_DATE_EPOCH: '1000',
  NO_COLOR: '1',
  TSBUILD_SYNC: 'wait',
};

/** Its store holds the base and nothing else, and is saved so. */
export async function faultWorld(): Promise<FaultWorld> {
  const folder = tempFolder('faults').path;
  const cli = tsbuild(join(folder, 'root'));
  const context = makeContext({
    Dockerfile: dockerfile,
    'source/file': 'x',
    'source/large': Buffer.alloc(600_000, 'large'),
    'source/sub/file': 'y',
  });
  for (const name of ['file', 'large', 'sub/file', 'sub', '.']) {
    const path = join(context, 'source', name);
    chmodSync(path, name === 'sub' || name === '.' ? 0o755 : 0o644);
    utimesSync(path, 1000, 1000);
  }
  await cli.ok(['import', await smallestBase(), 'busybox:1'], {
    env: { ...process.env, ...faultEnvironment },
  });
  const copy = async (from: string, to: string): Promise<void> => {
    rmSync(to, { recursive: true, force: true });
    await runOk(['cp', '-a', '--reflink=auto', from, to]);
  };
  const save = (as: 'saved' | 'begin'): Promise<void> => copy(cli.root, join(folder, as));
  for (const as of ['begin', 'saved'] as const) await save(as);
  return {
    cli,
    folder,
    context,
    build: ['build', '--progress=plain', '-t', 'app:1', context],
    setFile(content = 'x') {
      const path = join(context, 'source/file');
      writeFileSync(path, content);
      utimesSync(path, 1000, 1000);
    },
    save: () => save('saved'),
    restore: (to = 'saved') => copy(join(folder, to), cli.root),
  };
}

/** What of a store others see and rely on; ids of snapshots, times and leftovers are not among it. */
export interface StoreFace {
  readonly index: string;
  readonly images: readonly string[];
  readonly blobs: readonly string[];
  readonly names: readonly string[];
}

export function faceOf(root: string): StoreFace {
  const names = (folder: string): readonly string[] => readdirSync(join(root, folder)).toSorted();
  return {
    index: readFileSync(join(root, 'oci/index.json'), 'utf8'),
    images: names('images'),
    blobs: names('oci/blobs/sha256'),
    // Each has up to two files.
    names: [...new Set(names('refs').map((name) => name.replace(/~$/, '')))],
  };
}

/** What `tsbuild fsck` finds: `damage blob sha256:…: its content is …`. */
export async function findingsOf(root: string, repair = false): Promise<readonly string[]> {
  await using store = await openStore(root);
  const { findings } = await (await storeCare()).fsck(store, { repair });
  return findings.map(({ severity, kind, subject, problem }) => `${severity} ${kind} ${subject}: ${problem}`);
}

export async function pruned(root: string): Promise<void> {
  await using store = await openStore(root);
  await (await storeCare()).prune(store);
}

export function emptied(folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  return folder;
}
