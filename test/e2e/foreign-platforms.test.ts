import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { hostPlatform } from '../../src/oci/index.ts';
import { arm64Program } from '../support/arm64-program.ts';
import { tsbuild, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { ownEmulators, registration } from '../support/own-emulators.ts';
import { findTool, requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

const dockerfile = 'FROM scratch\nCOPY --chmod=755 say /say\nRUN ["/say"]\n';

function context(text = dockerfile): string {
  return makeContext({ Dockerfile: text, say: arm64Program() });
}

/** A tsbuild that is root of a user namespace, as an ordinary user's is. */
function inNamespace(options: Parameters<typeof ownEmulators>[0], root?: string): Tsbuild {
  return tsbuild(root, ownEmulators(options));
}

describe('steps for another processor', () => {
  requires('root', 'overlay', 'own-binfmt');
  const foreign = hostPlatform().architecture === 'arm64' ? 'linux/amd64' : 'linux/arm64';

  it('R-55 without an emulator they fail before anything runs, and the remedy is named', async () => {
    const cli = inNamespace({});
    const { status, stderr } = await cli.run(['build', '--platform', foreign, context()]);
    expect(status).toBe(8);
    expect(stderr).toContain('[EMULATOR_MISSING]');
    expect(stderr).toContain('>>> 3 | RUN ["/say"]');
    expect(stderr).toContain('apt-get install qemu-user-static');
    expect(stderr).not.toContain('#1');
  });

  it('R-55 one that the cache answers needs none, nor do stages without a step for it', async () => {
    requires('tool:qemu-aarch64-static');
    const qemu = findTool('qemu-aarch64-static') ?? '';
    const folder = context();
    const cli = inNamespace({ registered: registration(qemu, 'F') });
    const argv = ['build', '-q', '--platform', 'linux/arm64', folder];
    const id = await cli.ok(argv);
    expect(await inNamespace({}, cli.root).ok(argv)).toBe(id);
    await inNamespace({}).ok(['build', '--platform', foreign, context('FROM scratch\nCOPY say /say\n')]);
  });

  it('R-55 containers of foreign images run by what is installed; without it they say what is missing', async () => {
    requires('tool:qemu-aarch64-static');
    const installed = registration(findTool('qemu-aarch64-static') ?? '', 'OP');
    const cli = inNamespace({ installed });
    const text = 'FROM scratch\nCOPY --chmod=755 say /say\nCMD ["/say"]\n';
    await cli.ok(['build', '-q', '--platform', 'linux/arm64', '-t', 'say', context(text)]);
    const argv = ['run', '--rm', '--network', 'none', '--platform', 'linux/arm64', 'say'];
    expect(await cli.run(argv)).toMatchObject({ status: 0 });
    const { status, stderr } = await inNamespace({}, cli.root).run(argv);
    expect(status).toBe(126);
    expect(stderr).toContain('warning: say is for linux/arm64, and nothing on this machine emulates that');
    expect(stderr).toContain('it is no program of this kind of processor');
  });

  it('R-55 O-30 with qemu they run, also when it is only installed', async () => {
    requires('tool:qemu-aarch64-static');
    const qemu = findTool('qemu-aarch64-static') ?? '';
    for (const [name, emulators] of [
      ['registered', { registered: registration(qemu, 'F') }],
      ['installed', { installed: registration(qemu, 'OP') }],
    ] as const) {
      const out = join(tempFolder('out').path, name);
      const cli = inNamespace(emulators);
      await cli.ok(['build', '--platform', 'linux/arm64', '-o', out, context()]);
      expect(readFileSync(join(out, 'machine'), 'latin1'), name).toBe('aarch64\0');
    }
  });
});
