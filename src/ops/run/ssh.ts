import { chmodSync, chownSync } from 'node:fs';
import { join } from 'node:path';

import { TsbuildError } from '../../core/index.ts';
import type { PlannedMount } from '../../graph/index.ts';
import type { MountConfig } from '../../oci/runtime-spec.ts';
import { memoryFolder } from '../memory-file.ts';
import type { SshAgents } from '../ssh-agents.ts';
import { proxySshAgent } from './ssh-proxy.ts';

/**
 * A socket of the step's own before the agent that `--ssh` gave (L-141). Undefined when none was given and none is
 * required. Throws SSH_INVALID.
 */
export async function sshMount(
  mount: PlannedMount,
  { agents, held }: { readonly agents: SshAgents; readonly held: AsyncDisposableStack },
): Promise<MountConfig | undefined> {
  const id = mount.id ?? 'default';
  const agent = await agents.socket(id);
  if (agent === undefined) {
    if (mount.required !== true) return undefined;
    throw new TsbuildError(
      'SSH_INVALID',
      `the SSH agent ${JSON.stringify(id)} is required but was not given`,
      {
        hint: id === 'default' ? 'add --ssh default' : `add --ssh ${id}=SOCKET or --ssh ${id}=KEY`,
      },
    );
  }
  const path = join(held.use(memoryFolder()).path, 'agent');
  held.use(await proxySshAgent(path, agent));
  chownSync(path, mount.uid ?? 0, mount.gid ?? 0);
  chmodSync(path, mount.mode ?? 0o600);
  const options = ['bind', 'ro', 'nosuid', 'noexec', 'nodev'];
  return { destination: mount.target, type: 'bind', source: path, options };
}
