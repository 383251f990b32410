import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Makes the files that every case of `cp` begins with, on both sides. */
export function makeCopyTree(folder: string): void {
  const script = `
    mkdir -p dir/sub full/dir clash/file
    echo dir-f >dir/f; echo dir-g >dir/sub/g; echo file >file; echo other >other
    echo old >full/dir/f; echo keep >full/dir/keep; echo old >full/file; echo in-the-way >clash/dir
    ln -s file linkfile; ln -s dir linkdir; ln -s nowhere dangling; ln -s full linkfull; ln -s other linkother`;
  execFileSync('sh', ['-ec', script], { cwd: folder });
}

/** What is in a folder: `path`, and behind it `/`, `-> target` or the file's first line. */
export function listTree(folder: string, below = ''): string[] {
  return readdirSync(join(folder, below))
    .sort()
    .flatMap((name) => {
      const path = join(below, name);
      const stat = lstatSync(join(folder, path));
      if (stat.isDirectory()) return [`${path}/`, ...listTree(folder, path)];
      if (stat.isSymbolicLink()) return [`${path} -> ${readlinkSync(join(folder, path))}`];
      return [`${path}: ${readFileSync(join(folder, path), 'utf8').trim()}`];
    });
}

/** Source, destination (below an own copy of the tree), whether -L; and lines that are new or other there, or the failure. */
export interface CopyCase {
  readonly from: string;
  readonly to: string;
  readonly follow?: boolean;
  readonly gives: readonly string[] | 'failure';
}

const dirTo = (path: string): string[] => [
  `${path}/`,
  `${path}/f: dir-f`,
  `${path}/sub/`,
  `${path}/sub/g: dir-g`,
];

export const copyCases: readonly CopyCase[] = [
  // A file.
  { from: 'file', to: 'new', gives: ['new: file'] },
  { from: 'file', to: 'new/', gives: 'failure' },
  { from: 'file', to: 'new/.', gives: 'failure' },
  { from: 'file', to: 'missing/new', gives: 'failure' },
  { from: 'file', to: 'other', gives: ['other: file'] },
  { from: 'file', to: 'other/', gives: 'failure' },
  { from: 'file', to: 'other/new', gives: 'failure' },
  { from: 'file', to: 'dir', gives: ['dir/file: file'] },
  { from: 'file', to: 'dir/', gives: ['dir/file: file'] },
  { from: 'file', to: 'dir/.', gives: ['dir/file: file'] },
  { from: 'file', to: 'full', gives: ['full/file: file'] },
  { from: 'file', to: 'clash', gives: 'failure' },
  { from: 'file/', to: 'new', gives: 'failure' },
  { from: 'missing', to: 'new', gives: 'failure' },
  { from: 'dir/../file', to: 'new', gives: ['new: file'] },
  // A folder.
  { from: 'dir', to: 'new', gives: dirTo('new') },
  { from: 'dir', to: 'new/', gives: dirTo('new') },
  { from: 'dir/', to: 'new', gives: dirTo('new') },
  { from: 'dir/.', to: 'new', gives: dirTo('new') },
  { from: 'dir', to: 'missing/new', gives: 'failure' },
  { from: 'dir', to: 'other', gives: 'failure' },
  { from: 'dir/.', to: 'other', gives: 'failure' },
  { from: 'dir', to: 'full', gives: ['full/dir/f: dir-f', 'full/dir/sub/', 'full/dir/sub/g: dir-g'] },
  { from: 'dir/', to: 'full/', gives: ['full/dir/f: dir-f', 'full/dir/sub/', 'full/dir/sub/g: dir-g'] },
  { from: 'dir/.', to: 'full', gives: ['full/f: dir-f', 'full/sub/', 'full/sub/g: dir-g'] },
  { from: 'dir', to: 'clash', gives: 'failure' },
  // Links.
  { from: 'linkfile', to: 'new', gives: ['new -> file'] },
  { from: 'linkfile', to: 'dir', gives: ['dir/linkfile -> file'] },
  { from: 'linkfile', to: 'new', follow: true, gives: ['new: file'] },
  { from: 'linkfile', to: 'dir', follow: true, gives: ['dir/linkfile: file'] },
  { from: 'linkdir', to: 'full', gives: ['full/linkdir -> dir'] },
  { from: 'linkdir', to: 'full', follow: true, gives: dirTo('full/linkdir') },
  { from: 'linkdir/', to: 'full', gives: dirTo('full/linkdir') },
  { from: 'linkdir/.', to: 'full', gives: ['full/f: dir-f', 'full/sub/', 'full/sub/g: dir-g'] },
  { from: 'dangling', to: 'new', gives: ['new -> nowhere'] },
  { from: 'dangling', to: 'new', follow: true, gives: 'failure' },
  { from: 'file', to: 'linkfull', gives: ['full/file: file'] },
  { from: 'file', to: 'linkother', gives: ['other: file'] },
  { from: 'dir', to: 'linkfull', gives: ['full/dir/f: dir-f', 'full/dir/sub/', 'full/dir/sub/g: dir-g'] },
];
