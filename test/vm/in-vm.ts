import { join } from 'node:path';
import { build } from 'esbuild';

import { projectRoot } from '../support/paths.ts';
import { runCommand } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

/**
 * The lines that a program of this folder prints in the small machine, and one more unless it ends well. `kernel`: words
 * for the kernel.
 */
export async function linesInVm(
  name: string,
  { kernel = '' }: { readonly kernel?: string } = {},
): Promise<{ readonly lines: readonly string[]; readonly stderr: string }> {
  using folder = tempFolder('vm', { remove: true });
  const program = join(folder.path, 'guest.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, name)],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    minifyWhitespace: true,
    define: { 'import.meta.dirname': JSON.stringify(join(projectRoot, 'dist')) },
    banner: { js: 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);' },
  });
  const argv = ['bash', join(projectRoot, 'scripts/vm.sh'), process.execPath, program];
  const env = { ...process.env, TSBUILD_VM_KERNEL: kernel };
  const { status, stdout, stderr } = await runCommand(argv, { env });
  const lines = stdout.split('\n').filter((line) => line !== '');
  return { lines: status === 0 ? lines : [...lines, `ended with ${status}`], stderr };
}
