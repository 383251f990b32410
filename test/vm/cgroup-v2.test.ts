import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

import { projectRoot } from '../support/paths.ts';
import { requires } from '../support/requires.ts';
import { runCommand } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

it('R-16 R-25 R-28 R-60 R-62 R-64 S-10 S-19 C-24 cgroup v2 and the overlay of Linux 6.1, in a machine of their own', async () => {
  requires('vm');
  using folder = tempFolder('vm', { remove: true });
  const program = join(folder.path, 'guest.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'guest.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    minifyWhitespace: true,
    define: { 'import.meta.dirname': JSON.stringify(join(projectRoot, 'dist')) },
    banner: { js: 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);' },
  });
  const { stdout, stderr } = await runCommand([
    'bash',
    join(projectRoot, 'scripts/vm.sh'),
    process.execPath,
    program,
  ]);
  const lines = stdout.split('\n').filter((line) => line !== '');
  expect(
    lines.filter((line) => !line.startsWith('ok ')),
    stderr,
  ).toEqual(['all checks made']);
}, 300_000);
