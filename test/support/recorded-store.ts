import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tsbuildProgram } from './cli.ts';
import { emptied, faultEnvironment, type FaultWorld } from './fault-world.ts';
import {
  diskAfter,
  diskKinds,
  recordDisk,
  type DiskKind,
  type DiskLoss,
  type RecordedDisk,
} from './recorded-disk.ts';
import { afterReboot } from './power-loss.ts';
import { runCommand } from './run-command.ts';

/** What is done to a store on the way to a loss of power. */
export type StoreDeed =
  | {
      readonly does: 'build';
      /** Of the file of the context. */
      readonly content: string;
      /** It waits for the disk; leaves that to another process; or the disk gets at once what it writes, or that of it. */
      readonly disk: 'wait' | 'aside' | keyof typeof flushes;
    }
  | { readonly does: 'tag' | 'untag' | 'prune' | 'image prune' };

/** What the disk gets while a build runs. */
const flushes = {
  all: '-f mounted',
  names: 'mounted/other',
  layers: 'mounted/other mounted/root/oci/blobs/sha256/*',
  files: 'mounted/other mounted/root/snapshots/*/fs/source/*',
} as const;

/** A deed with its place in the record, and what the names meant behind it. */
export interface RecordedDeed {
  readonly deed: StoreDeed;
  readonly begin: number;
  readonly end: number;
  readonly names: Names;
}

/** Name to image id. */
export type Names = Readonly<Record<string, string>>;

export interface RecordedStore {
  readonly disk: RecordedDisk;
  readonly deeds: readonly RecordedDeed[];
  /** Ids of the images by content. */
  readonly ids: ReadonlyMap<string, string>;
}

const built = 'app:1';
const kept = 'kept:1';

/** Writes the context's file and builds it; the id goes to the file named. */
const shell = `
write() { printf %s "$1" >"$CONTEXT/source/file"; touch -d @1000 "$CONTEXT/source/file" "$CONTEXT/source"; }
tsbuild() { "$PROGRAM" --root mounted/root "$@"; }
build() { write "$1"; tsbuild build --progress=plain -t app:1 --iidfile "$2" "$CONTEXT"; }
`;

export async function recordStore(
  world: FaultWorld,
  {
    kind,
    folder,
    deeds,
  }: { readonly kind: DiskKind; readonly folder: string; readonly deeds: readonly StoreDeed[] },
): Promise<RecordedStore> {
  const lines = deeds.map((deed, index) => `mark begin-${index}; ${lineOf(deed, index)}; mark end-${index}`);
  const script = `${shell}
cp -a "$SAVED" mounted/root
sync -f mounted
${lines.join('\n')}
`;
  const { disk, marks } = await recordDisk({ kind, folder, script, env: environment(world) });
  let names: Names = {};
  const ids = new Map<string, string>();
  return {
    disk,
    ids,
    deeds: deeds.map((deed, index) => {
      if (deed.does === 'build') ids.set(deed.content, readFileSync(join(folder, `id-${index}`), 'latin1'));
      names = namesAfter(names, deed, ids);
      return { deed, names, begin: marks.get(`begin-${index}`) ?? 0, end: marks.get(`end-${index}`) ?? 0 };
    }),
  };
}

function lineOf(deed: StoreDeed, index: number): string {
  switch (deed.does) {
    case 'build': {
      const words = `build ${deed.content} id-${index} 2>log-${index}`;
      if (deed.disk === 'wait') return `TSBUILD_SYNC=wait; export TSBUILD_SYNC; ${words}; unset TSBUILD_SYNC`;
      return deed.disk === 'aside' ? words : `flushed '${flushes[deed.disk]}' ${words}`;
    }
    case 'tag':
      return 'tsbuild tag app:1 kept:1';
    case 'untag':
      return 'tsbuild rmi kept:1';
    case 'prune':
      return 'tsbuild prune --all --force';
    case 'image prune':
      return 'tsbuild image prune --force';
  }
}

function namesAfter(names: Names, deed: StoreDeed, ids: ReadonlyMap<string, string>): Names {
  switch (deed.does) {
    case 'build':
      return { ...names, [built]: ids.get(deed.content) ?? '' };
    case 'tag':
      return { ...names, [kept]: names[built] ?? '' };
    case 'untag': {
      const { [kept]: _, ...rest } = names;
      return rest;
    }
    case 'prune':
    case 'image prune':
      return names;
  }
}

/** What is there when the machine has started again. */
export interface Awakened {
  readonly names: Names;
  readonly fsck: string;
  /** Names that cannot be saved. */
  readonly unsaved: readonly string[];
  /** Of each content asked for: the image's id, and what its build said. */
  readonly builds: ReadonlyMap<string, { readonly id: string; readonly said: string }>;
  /** Behind all that. */
  readonly whole: string;
}

const awake = `${shell}
cd "$FOLDER"
mount -o "loop,$OPTIONS" "$IMAGE" mounted
tsbuild fsck >out/fsck || true
tsbuild images --format json --no-trunc >out/images
for name in app:1 kept:1; do
  grep -q "/$name\\"" out/images || continue
  tsbuild save -o out/saved.tar $name || echo $name >>out/unsaved
done
for content in $CONTENTS; do build $content out/id-$content 2>out/log-$content || cat out/log-$content >&2; done
tsbuild fsck --repair >&2
tsbuild fsck >out/whole || true
`;

/** Starts the machine on the disk that a loss of power left, and builds each of the contents. */
export async function awakenStore(
  world: FaultWorld,
  { disk }: RecordedStore,
  options: {
    readonly count: number;
    readonly lost: DiskLoss;
    readonly seed: number;
    readonly contents: readonly string[];
  },
): Promise<Awakened & { readonly stderr: string; readonly status: number }> {
  const { folder, kind } = disk;
  const out = emptied(join(folder, 'out'));
  const env = {
    ...environment(world),
    TSBUILD_SYNC: 'wait',
    FOLDER: folder,
    OPTIONS: diskKinds[kind].options,
    IMAGE: await diskAfter(disk, { ...options, name: 'awake' }),
    CONTENTS: options.contents.join(' '),
  };
  const argv = [...afterReboot(folder), 'sh', '-ec', awake];
  const { status, stderr } = await runCommand(argv, { env });
  return {
    status,
    stderr,
    names: namesIn(linesOf(join(out, 'images'))),
    fsck: textOf(join(out, 'fsck')),
    unsaved: linesOf(join(out, 'unsaved')),
    builds: new Map(
      options.contents.map((content) => [
        content,
        { id: textOf(join(out, `id-${content}`)), said: textOf(join(out, `log-${content}`)) },
      ]),
    ),
    whole: linesOf(join(out, 'whole')).join('\n'),
  };
}

function environment(world: FaultWorld): NodeJS.ProcessEnv {
  const { TSBUILD_ROOT: _, NODE_EXTRA_CA_CERTS: _certificates, ...env } = process.env;
  return {
    ...env,
    ...faultEnvironment,
    TSBUILD_SYNC: undefined,
    PROGRAM: tsbuildProgram,
    CONTEXT: world.context,
    SAVED: join(world.folder, 'begin'),
  };
}

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

function linesOf(path: string): readonly string[] {
  return textOf(path)
    .split('\n')
    .filter((line) => line !== '');
}

function namesIn(lines: readonly string[]): Names {
  const images = lines.map(
    (line) => JSON.parse(line) as Readonly<Record<'Repository' | 'Tag' | 'ID', string>>,
  );
  const names = images.map(({ Repository, Tag, ID }) => [`${Repository}:${Tag}`, ID] as const);
  return Object.fromEntries(names.filter(([name]) => name === built || name === kept));
}
