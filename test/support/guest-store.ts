import { join } from 'node:path';
import { tsbuildProgram } from './cli.ts';
import { faultEnvironment, type FaultWorld } from './fault-world.ts';
import { projectRoot } from './paths.ts';
import { runCommand } from './run-command.ts';

/** What a deed in the small machine printed; `status` is undefined for one that the power was cut in. */
export interface GuestDeed {
  readonly deed: string;
  readonly said: string;
  readonly status: number | undefined;
}

/**
 * Does something with the store on a disk in the small machine (guest-store.sh). `cut`: the power goes when so many lines
 * were printed, by killing the machine.
 */
export async function inGuest(
  world: FaultWorld,
  { disk, deeds, cut }: { readonly disk: string; readonly deeds: readonly string[]; readonly cut?: number },
): Promise<{ readonly done: readonly GuestDeed[]; readonly stderr: string }> {
  const [machine, script] = [
    join(projectRoot, 'scripts/vm.sh'),
    join(projectRoot, 'test/support/guest-store.sh'),
  ];
  const settings = Object.entries({ ...faultEnvironment, TSBUILD_SYNC: '' }).map((setting) =>
    setting.join('='),
  );
  const store = [tsbuildProgram, world.context, join(world.folder, 'begin')];
  const argv = ['bash', machine, 'env', ...settings, 'sh', script, ...store, ...deeds];
  const env = { ...process.env, TSBUILD_VM_DISK: disk, TSBUILD_VM_CUT: cut?.toString() };
  const { stdout, stderr } = await runCommand(argv, { env });
  const parts = stdout.split(/^begin (\S+)\n/m).slice(1);
  const done = Array.from({ length: parts.length / 2 }, (_, index): GuestDeed => {
    const [deed = '', text = ''] = parts.slice(2 * index);
    const [said = '', status] = text.split(/^end \S+ (\d+)\n/m);
    return { deed, said, status: status === undefined ? undefined : Number(status) };
  });
  return { done, stderr };
}
