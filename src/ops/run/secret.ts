import { chmodSync, chownSync } from 'node:fs';
import { posix } from 'node:path';

import { TsbuildError } from '../../core/index.ts';
import type { PlannedMount } from '../../graph/index.ts';
import type { MountConfig } from '../../oci/runtime-spec.ts';
import { memoryFile } from '../memory-file.ts';
import { readSecret } from '../secrets.ts';
import type { BuildServices } from '../types.ts';

export interface SecretMount {
  /** Absent when the secret is for a variable alone. */
  readonly mount?: MountConfig | undefined;
  /** `NAME=value`. */
  readonly env?: string | undefined;
  readonly value: Uint8Array;
}

/** Undefined for a secret that nobody gave and that is not required (L-140). Throws SECRET_INVALID. */
export function secretMount(
  mount: PlannedMount,
  secrets: BuildServices['secrets'],
  held: AsyncDisposableStack,
): SecretMount | undefined {
  const id = mount.id ?? posix.basename(mount.target);
  const source = secrets.get(id);
  if (source === undefined) {
    if (mount.required !== true) return undefined;
    throw new TsbuildError('SECRET_INVALID', `secret ${id} is required but was not given`, {
      hint: `add --secret id=${id},src=FILE`,
    });
  }
  const value = readSecret(id, source);
  const env = mount.env === undefined ? undefined : `${mount.env}=${value.toString('utf8')}`;
  if (env !== undefined && !mount.targetGiven) return { env, value };
  const { path } = held.use(memoryFile(value));
  chownSync(path, mount.uid ?? 0, mount.gid ?? 0);
  chmodSync(path, mount.mode ?? 0o400);
  const options = ['bind', 'ro', 'nosuid', 'noexec', 'nodev'];
  return { env, value, mount: { destination: mount.target, type: 'bind', source: path, options } };
}
