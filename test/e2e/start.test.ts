import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tsbuildProgram } from '../support/cli.ts';
import { projectRoot } from '../support/paths.ts';
import { requires } from '../support/requires.ts';
import { runCommand, runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Every `node` of the PATH: the project's own, and with luck one too old to run the program itself. */
function installedNodes(): readonly string[] {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'];
  return [...new Set(folders.map((folder) => join(folder, 'node')))].filter((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** All of the program that it takes to say its version; returns its path. */
function copyOfProgram(folder: string): string {
  for (const part of ['bin', 'dist', 'node_modules']) mkdirSync(join(folder, part));
  for (const file of ['bin/tsbuild.js', 'bin/package.json', 'dist/cli.cjs', 'package.json'])
    copyFileSync(join(projectRoot, file), join(folder, file));
  return join(folder, 'bin/tsbuild.js');
}

describe('the starter', () => {
  it.each(installedNodes())('runs under %s, whatever its age', async (node) => {
    expect(await runOk([node, tsbuildProgram, 'version'])).toMatch(/^tsbuild +\d/m);
  });

  it('is found through symlinks, from any folder', async () => {
    using folder = tempFolder('start');
    symlinkSync(tsbuildProgram, join(folder.path, 'direct'));
    symlinkSync('direct', join(folder.path, 'tsbuild'));
    expect(await runOk(['./tsbuild', '--version'], { cwd: folder.path })).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('keeps compiled code beside the bundle, and believes none that is cut short or of another bundle', async () => {
    using folder = tempFolder('start 100% ü');
    const program = copyOfProgram(folder.path);
    const cli = join(folder.path, 'dist/cli.cjs');
    const kept = join(folder.path, 'dist/cache/tsbuild.code');
    const version = await runOk([process.execPath, program, '--version']);
    const first = readFileSync(kept);
    const half = first.length >> 1;
    for (const wrong of [first.subarray(0, half), Buffer.alloc(0)]) {
      writeFileSync(kept, wrong);
      expect(await runOk([process.execPath, program, '--version'])).toBe(version);
      expect(readFileSync(kept).length).toBeGreaterThan(half);
    }
    const { size, atime, mtime } = statSync(cli);
    writeFileSync(cli, `(() => console.log('other'))`.padEnd(size));
    utimesSync(cli, atime, mtime);
    expect(await runOk([process.execPath, program, '--version'])).toBe('other');
    expect(readdirSync(join(kept, '..')).filter((name) => name.includes('.code'))).toEqual(['tsbuild.code']);
  });

  it('keeps code anew when a command has used more of the bundle than the kept code is of', async () => {
    using folder = tempFolder('start');
    const program = copyOfProgram(folder.path);
    const kept = join(folder.path, 'dist/cache/tsbuild.code');
    const sizes: number[] = [];
    for (const flag of ['--version', '--help', '--version']) {
      await runOk([process.execPath, program, flag]);
      sizes.push(statSync(kept).size);
    }
    const [first = 0, second = 0, third] = sizes;
    expect(second).toBeGreaterThan(first);
    expect(third).toBe(second);
  });

  it('leaves alone what a process of another container with the same id is writing', async () => {
    requires('root', 'tool:unshare');
    using folder = tempFolder('start');
    const program = copyOfProgram(folder.path);
    const cache = join(folder.path, 'dist/cache');
    mkdirSync(cache, { mode: 0o700 });
    // The first process of its namespace.
    writeFileSync(join(cache, 'tsbuild.code.1'), 'half');
    await runOk(['unshare', '--pid', '--fork', process.execPath, program, '--version']);
    expect(readFileSync(join(cache, 'tsbuild.code.1'), 'latin1')).toBe('half');
    expect(readdirSync(cache)).toContain('tsbuild.code');
  });

  it('keeps none beside the bundle where others could write it', async () => {
    using folder = tempFolder('start');
    const program = copyOfProgram(folder.path);
    const cache = join(folder.path, 'dist/cache');
    mkdirSync(cache);
    chmodSync(cache, 0o777);
    await runOk([process.execPath, program, '--version']);
    expect(readdirSync(cache)).toEqual([]);
    chmodSync(cache, 0o755);
    await runOk([process.execPath, program, '--version']);
    expect(readdirSync(cache)).toContain('tsbuild.code');
  });

  it('keeps it in the home folder where the bundle is another’s, unless that is another’s, too', async () => {
    requires('root');
    using folder = tempFolder('start');
    const program = copyOfProgram(folder.path);
    chownSync(join(folder.path, 'dist'), 1, 1);
    const home = (name: string, owner: number): string => {
      const path = join(folder.path, name);
      mkdirSync(path);
      chownSync(path, owner, owner);
      return path;
    };
    const start = async (HOME: string): Promise<void> => {
      const env = { ...process.env, HOME, XDG_CACHE_HOME: 'relative' };
      await runOk([process.execPath, program, '--version'], { env, cwd: folder.path });
    };
    const [own, foreign] = [home('own', 0), home('foreign', 2)];
    for (const path of [own, foreign, join(folder.path, 'none'), '/proc']) await start(path);
    expect(readdirSync(join(own, '.cache/tsbuild/code'))).toContain('tsbuild.code');
    expect(readdirSync(foreign)).toEqual([]);
    expect(readdirSync(folder.path).toSorted()).toEqual([
      'bin',
      'dist',
      'foreign',
      'node_modules',
      'own',
      'package.json',
    ]);
    // What this user has made there once can be replaced by whoever owns what it is in.
    mkdirSync(join(foreign, '.cache/tsbuild/code'), { recursive: true, mode: 0o700 });
    await start(foreign);
    expect(readdirSync(join(foreign, '.cache/tsbuild/code'))).toEqual([]);
  });

  it('says so when nothing is built yet', async () => {
    using folder = tempFolder('start');
    mkdirSync(join(folder.path, 'bin'));
    for (const file of ['bin/tsbuild.js', 'bin/package.json', 'package.json'])
      copyFileSync(join(projectRoot, file), join(folder.path, file));
    const { status, stderr } = await runCommand([join(folder.path, 'bin/tsbuild.js'), 'version']);
    expect([status, stderr]).toEqual([8, expect.stringContaining('npm ci')]);
  });
});

describe('the npm package', () => {
  it('carries the bundles and the sources of the native part, and nothing made for this machine', async () => {
    const packed = JSON.parse(
      await runOk(['npm', 'pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: projectRoot }),
    ) as readonly { readonly files: readonly { readonly path: string }[] }[];
    const paths = packed.flatMap(({ files }) => files.map(({ path }) => path));
    expect(paths.filter((path) => path.startsWith('dist/'))).toEqual([
      'dist/cli.cjs',
      'dist/enter.cjs',
      'dist/index.js',
      'dist/monitor.cjs',
      'dist/undici.cjs',
      'dist/yaml.cjs',
    ]);
    expect(paths).toEqual(
      expect.arrayContaining([
        'bin/package.json',
        'bin/tsbuild.js',
        'native/launcher.c',
        'native/fs.c',
        'scripts/build-native.sh',
      ]),
    );
  });
});
