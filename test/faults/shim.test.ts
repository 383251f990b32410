import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tsbuild, tsbuildProgram } from '../support/cli.ts';
import { faultWorld } from '../support/fault-world.ts';
import { callsOf } from '../support/faults.ts';
import { requires } from '../support/requires.ts';

/** By the name that strace has for a call: the library's, and where its arguments say which file is meant. */
const traced: Readonly<Record<string, readonly [name: string, file: RegExp]>> = {
  openat: ['open', /^\S+, "([^"]*)"/],
  openat2: ['open', /^(\S+, "[^"]*")/],
  write: ['write', /^\d+<([^>]*)>/],
  writev: ['writev', /^\d+<([^>]*)>/],
  pwrite64: ['pwrite', /^\d+<([^>]*)>/],
  ftruncate: ['ftruncate', /^\d+<([^>]*)>/],
  fsync: ['fsync', /^\d+<([^>]*)>/],
  fdatasync: ['fdatasync', /^\d+<([^>]*)>/],
  syncfs: ['syncfs', /^\d+<([^>]*)>/],
  rename: ['rename', /, "([^"]*)"\)/],
  renameat2: ['rename', /^\S+, "[^"]*", (\S+, "[^"]*")/],
  mkdir: ['mkdir', /^"([^"]*)"/],
  mkdirat: ['mkdir', /^(\S+, "[^"]*")/],
  rmdir: ['rmdir', /^"([^"]*)"/],
  unlink: ['unlink', /^"([^"]*)"/],
  unlinkat: ['unlink', /^(\S+, "[^"]*")/],
  symlinkat: ['symlink', /, (\S+, "[^"]*")\)/],
  linkat: ['link', /^\S+, "[^"]*", (\S+, "[^"]*")/],
  copy_file_range: ['copy_file_range', /^\d+<[^>]*>, \S+, \d+<([^>]*)>/],
};

/** The file of a call below the root, from `/path` or `12</folder>, "name"`. */
function below(root: string, text: string): string | undefined {
  const [, folder = '', name = text] = /^\S+?<([^>]*)>, "([^"]*)"$/.exec(text) ?? [];
  const path = name.startsWith('/') || folder === '' ? name : `${folder}/${name}`;
  return path === root || path.startsWith(`${root}/`) ? path : undefined;
}

describe('the preloaded library', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:cc', 'tool:strace');

  it('S-70 S-72 sees all calls by which a build touches its store', { timeout: 300_000 }, async () => {
    const world = await faultWorld();
    const { root } = world.cli;
    const log = join(world.folder, 'strace');
    const filter = `trace=execve,${Object.keys(traced).join(',')}`;
    const argv = ['strace', '-ff', '-qqq', '-y', '-s', '300', '--seccomp-bpf', '-e', filter, '-o', log];
    const calls = await callsOf(tsbuild(root, argv), {
      args: world.build,
      env: { SOURCE_DATE_EPOCH: '1000' },
    });
    const seen = new Map<string, number>();
    const real = new Map<string, number>();
    const count = (map: Map<string, number>, name: string): void =>
      void map.set(name, (map.get(name) ?? 0) + 1);
    for (const { name, path } of calls) if (below(root, path) !== undefined) count(seen, name);
    for (const file of readdirSync(world.folder).filter((name) => name.startsWith('strace.'))) {
      const lines = readFileSync(join(world.folder, file), 'latin1').split('\n');
      // The launcher is static, and what it runs is not meant.
      const last = lines.findLast((line) => line.startsWith('execve('));
      if (last !== undefined && !last.includes(tsbuildProgram)) continue;
      for (const line of lines) {
        const [, call = '', rest = ''] = /^(\w+)\((.*) = /.exec(line) ?? [];
        const [name, pattern] = traced[call] ?? [];
        const path = pattern?.exec(`${rest})`)?.[1] ?? pattern?.exec(rest)?.[1];
        if (name === undefined || path === undefined || below(root, path) === undefined) continue;
        count(real, call === 'unlinkat' && rest.includes('AT_REMOVEDIR') ? 'rmdir' : name);
      }
    }
    const names = Object.values(traced).map(([name]) => name);
    const counted = (map: Map<string, number>): object =>
      Object.fromEntries(names.map((name) => [name, map.get(name) ?? 0]));
    expect(counted(seen)).toEqual(counted(real));
    expect(seen.get('rename')).toBeGreaterThan(10);
  });
});
