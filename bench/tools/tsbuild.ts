import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { debianBaseTar } from '../../test/support/debian-base.ts';
import { runOk } from '../../test/support/run-command.ts';
import type { Tool } from './types.ts';

export async function tsbuildTool(
  folder: string,
  { name, checkout }: { readonly name: string; readonly checkout: string },
): Promise<Tool> {
  const tsbuild = [join(checkout, 'bin/tsbuild.js'), '--root', folder];
  const base = 'debian:bookworm-slim';
  await runOk([...tsbuild, 'import', await debianBaseTar(), base]);
  // The other tools unpack a base when they get it, tsbuild when it is first used.
  await runOk([...tsbuild, 'run', '--rm', '--network', 'host', base, 'true']);
  return {
    name,
    version: (await runOk([...tsbuild, '--version'])).trim().replace(/^tsbuild /, ''),
    base,
    build: (context, tag) => ({ argv: [...tsbuild, 'build', '--network', 'host', '-t', tag, context] }),
    runTrue: (tag) => ({ argv: [...tsbuild, 'run', '--rm', '--network', 'host', tag, 'true'] }),
    push: (tag, to, packing) => ({ argv: [...tsbuild, 'push', '--compression', packing, tag, to] }),
    pull: (from) => ({ argv: [...tsbuild, 'pull', from] }),
    async [Symbol.asyncDispose]() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
