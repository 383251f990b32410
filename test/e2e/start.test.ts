import { accessSync, constants, copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
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
