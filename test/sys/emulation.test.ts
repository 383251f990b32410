import { chmodSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { foreignProgram } from '../../src/sys/foreign-program.ts';
import { registerOwnEmulators, tryEmulation } from '../../src/sys/index.ts';
import { hostPlatform } from '../../src/oci/index.ts';
import { ownEmulators, registration } from '../support/own-emulators.ts';
import { projectRoot } from '../support/paths.ts';
import { requires } from '../support/requires.ts';
import { runCommand, runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

const own = hostPlatform().architecture;

/** By architecture, the name of qemu's emulator of it. */
const emulators: readonly (readonly [string, string])[] = [
  ['386', 'i386'],
  ['amd64', 'x86_64'],
  ['arm', 'arm'],
  ['arm64', 'aarch64'],
  ['loong64', 'loongarch64'],
  ['mips64le', 'mips64el'],
  ['ppc64le', 'ppc64le'],
  ['riscv64', 'riscv64'],
  ['s390x', 's390x'],
];

function fileOf(architecture: string): string {
  const path = join(tempFolder('program').path, 'program');
  writeFileSync(path, foreignProgram(architecture) ?? '', { mode: 0o755 });
  return path;
}

describe('programs for other processors', () => {
  it.each(emulators)('R-55 the one for %s runs in qemu-%s', async (architecture, name) => {
    requires(`tool:qemu-${name}-static`);
    expect(await runCommand([`qemu-${name}-static`, fileOf(architecture)])).toMatchObject({ status: 42 });
  });

  it('R-55 programs of the machine run on it; of unknown processors nothing is known', () => {
    requires('root');
    expect(tryEmulation(own, tempFolder('own').path)).toBe('runs');
    expect(tryEmulation('wasm', tempFolder('wasm').path)).toBe('unknown');
    expect(foreignProgram('constructor')).toBeUndefined();
  });

  it('R-55 outside of user namespaces nothing is registered', () => {
    requires('root');
    const before = readdirSync('/proc/sys/fs/binfmt_misc');
    expect(registerOwnEmulators()).toBe(false);
    expect(readdirSync('/proc/sys/fs/binfmt_misc')).toEqual(before);
  });
});

describe('emulators of a namespace', () => {
  requires('root', 'own-binfmt');
  const agent = join(projectRoot, 'test/support/emulation-agent.ts');

  /** Stands in for qemu: it ends as every program does that is tried. */
  const emulator = fileOf(own);
  chmodSync(emulator, 0o755);

  const tried = async (enter: readonly string[]): Promise<string> =>
    (await runOk([...enter, process.execPath, agent, 'try', 'arm64', tempFolder('tried').path])).trim();

  it.each([
    ['missing', undefined],
    ['runs', 'F'],
    ['runs', 'OPF'],
    ['outside', ''],
  ] as const)('R-55 an arm64 program: %s, registered with the flags %j', async (found, flags) => {
    if (own === 'arm64') return;
    const registered = flags === undefined ? {} : { registered: registration(emulator, flags) };
    expect(await tried(ownEmulators(registered))).toBe(found);
  });

  it('R-55 those that are installed are registered, for all roots, whatever flags they ask for', async () => {
    if (own === 'arm64') return;
    for (const flags of ['', 'OP', 'F']) {
      const enter = ownEmulators({ installed: registration(emulator, flags) });
      const [run, script] = [process.execPath, tempFolder('tried').path];
      const both = `"${run}" "${agent}" register && "${run}" "${agent}" try arm64 "${script}"`;
      expect(await runOk([...enter, 'sh', '-c', both])).toBe('true\nruns');
    }
  });

  it('R-55 nothing is registered where none is installed', async () => {
    const enter = ownEmulators({ installed: '# nothing' });
    expect(await runOk([...enter, process.execPath, agent, 'register'])).toBe('false');
  });
});
