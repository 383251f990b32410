import {
  accessSync,
  constants,
  copyFileSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tsbuildProgram } from '../support/cli.ts';
import { projectRoot } from '../support/paths.ts';
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

  it('keeps compiled code beside the bundle, and believes none that is damaged or of another bundle', async () => {
    using folder = tempFolder('start');
    for (const part of ['bin', 'dist', 'node_modules']) mkdirSync(join(folder.path, part));
    for (const file of ['bin/tsbuild.js', 'dist/cli.cjs', 'package.json'])
      copyFileSync(join(projectRoot, file), join(folder.path, file));
    const program = join(folder.path, 'bin/tsbuild.js');
    const kept = join(folder.path, 'dist/cache/tsbuild.code');
    const version = await runOk([process.execPath, program, '--version']);
    const first = readFileSync(kept);
    const half = first.length >> 1;
    const spoilt = Buffer.from(first);
    spoilt.fill(0x55, half);
    for (const wrong of [spoilt, first.subarray(0, half), Buffer.alloc(0)]) {
      writeFileSync(kept, wrong);
      expect(await runOk([process.execPath, program, '--version'])).toBe(version);
      expect(readFileSync(kept).length).toBeGreaterThan(half);
    }
    writeFileSync(join(folder.path, 'dist/cli.cjs'), `console.log('other');`.padEnd(first.length));
    expect(await runOk([process.execPath, program, '--version'])).toBe('other');
  });

  it('says so when nothing is built yet', async () => {
    using folder = tempFolder('start');
    mkdirSync(join(folder.path, 'bin'));
    copyFileSync(tsbuildProgram, join(folder.path, 'bin/tsbuild.js'));
    copyFileSync(join(projectRoot, 'package.json'), join(folder.path, 'package.json'));
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
        'bin/tsbuild.js',
        'native/launcher.c',
        'native/fs.c',
        'scripts/build-native.sh',
      ]),
    );
  });
});
