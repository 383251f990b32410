import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { runCommand, runOk } from './run-command.ts';
import { tempFolder } from './temp-folder.ts';

/** What two file systems are compared by. Names are latin1-coded bytes, relative to the root, without `./`. */
export interface TreeEntry {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'char' | 'block' | 'fifo' | 'socket';
  /** Permission and set-id bits, octal. */
  readonly mode: string;
  readonly owner: string;
  /** sha256 of a file, target of a symlink, `major:minor` of a device. */
  readonly content?: string;
  /** `name=hex` of every extended attribute, sorted. */
  readonly xattrs?: readonly string[];
  /** The first path, in sorted order, of the same inode, when there are several. */
  readonly hardLinkOf?: string;
  /** Seconds; only when asked for. */
  readonly mtime?: number;
}

/** A difference that is meant to be: the reason is printed nowhere, it is there to be read in the test. */
export interface IntendedDifference {
  readonly path: RegExp;
  readonly because: string;
}

export interface TreeOptions {
  readonly times?: boolean;
}

/** Reads a folder entry by entry with the host's own tools, none of tsbuild's code. */
export async function treeOfFolder(root: string, { times = false }: TreeOptions = {}): Promise<TreeEntry[]> {
  const xattrs = await readXattrs(root);
  const firstOfInode = new Map<bigint, string>();
  return walk(root, '')
    .sort()
    .map((path) => {
      const at = bytes(join(root, path));
      const stat = lstatSync(at, { bigint: true });
      const first = stat.isDirectory() ? path : (firstOfInode.get(stat.ino) ?? path);
      firstOfInode.set(stat.ino, first);
      const content = contentOf(at, stat);
      return {
        path,
        type: typeOf(stat),
        mode: (stat.mode & 0o7777n).toString(8),
        owner: `${stat.uid}:${stat.gid}`,
        ...(content === undefined ? {} : { content }),
        ...(xattrs.has(path) ? { xattrs: xattrs.get(path) ?? [] } : {}),
        ...(first === path ? {} : { hardLinkOf: first }),
        ...(times ? { mtime: Number(stat.mtimeNs / 1_000_000_000n) } : {}),
      };
    });
}

/** Unpacks a tar with GNU tar, as root, and reads the result. */
export async function treeOfTar(tar: string, options: TreeOptions = {}): Promise<TreeEntry[]> {
  using folder = tempFolder('tree', { remove: true });
  const root = join(folder.path, 'root');
  mkdirSync(root);
  await runOk(['tar', '--numeric-owner', '--xattrs', '--xattrs-include=*', '-xpf', tar, '-C', root]);
  return await treeOfFolder(root, options);
}

/**
 * The differences of two trees as lines: `- ` only in the first, `+ ` only in the second. An entry that differs in
 * some field is both. Empty when they agree but for what is intended.
 */
export function diffTrees(
  first: readonly TreeEntry[],
  second: readonly TreeEntry[],
  intended: readonly IntendedDifference[] = [],
): string[] {
  const lines = (tree: readonly TreeEntry[]): Map<string, string> =>
    new Map(
      tree
        .filter(({ path }) => !intended.some((difference) => difference.path.test(path)))
        .map((entry) => [entry.path, JSON.stringify(entry)]),
    );
  const [before, after] = [lines(first), lines(second)];
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
  return paths.flatMap((path) => {
    const [a, b] = [before.get(path), after.get(path)];
    if (a === b) return [];
    return [...(a === undefined ? [] : [`- ${a}`]), ...(b === undefined ? [] : [`+ ${b}`])];
  });
}

function walk(root: string, folder: string): string[] {
  return readdirSync(bytes(join(root, folder)), { withFileTypes: true, encoding: 'latin1' }).flatMap(
    (entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      return entry.isDirectory() ? [path, ...walk(root, path)] : [path];
    },
  );
}

function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

function typeOf(stat: BigIntStats): TreeEntry['type'] {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isCharacterDevice()) return 'char';
  if (stat.isBlockDevice()) return 'block';
  return stat.isFIFO() ? 'fifo' : 'socket';
}

function contentOf(at: Buffer, stat: BigIntStats): string | undefined {
  if (stat.isFile()) return createHash('sha256').update(readFileSync(at)).digest('hex');
  if (stat.isSymbolicLink()) return readlinkSync(at, 'latin1');
  if (!stat.isCharacterDevice() && !stat.isBlockDevice()) return undefined;
  // The kernel's layout of a 64-bit device number.
  const major = ((stat.rdev >> 8n) & 0xfffn) | ((stat.rdev >> 32n) & ~0xfffn);
  const minor = (stat.rdev & 0xffn) | ((stat.rdev >> 12n) & ~0xffn);
  return `${major}:${minor}`;
}

async function readXattrs(root: string): Promise<Map<string, string[]>> {
  const dump = await runCommand(['getfattr', '-RPh', '-d', '-m', '-', '-e', 'hex', '.'], { cwd: root });
  if (dump.status !== 0) throw new Error(`getfattr: ${dump.stderr}`);
  const found = new Map<string, string[]>();
  for (const block of dump.stdoutBytes.toString('latin1').split('\n\n')) {
    const [header = '', ...lines] = block.split('\n').filter((line) => line !== '');
    if (!header.startsWith('# file: ')) continue;
    // getfattr writes what is not plain in a name as octal escapes.
    const path = header
      .slice('# file: '.length)
      .replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
    found.set(path.replace(/^\.\//, ''), lines.sort());
  }
  return found;
}
