import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { containerConfig, createRuntime, type RootfsSource, type Runtime } from '../../../runtime/index.ts';
import type { Facts, Outcome, OverlayFacts, UserFacts } from '../types.ts';
import { failureOf, outcomeOf } from './attempt.ts';
import type { Workshop } from './storage.ts';
import { randomHex } from '../../../sys/index.ts';

/**
 * Sets up a container as that of a RUN step, with nothing in it, and lets it go before a program starts; where root may
 * not make namespaces, one that is kept to its files by chroot alone.
 */
export async function containerFacts(
  { path }: Workshop,
  { overlay, user }: { readonly overlay: OverlayFacts; readonly user: UserFacts },
): Promise<NonNullable<Facts['container']>> {
  const [upper, work] = ['container-upper', 'container-work'].map((name) => join(path, name));
  if (upper === undefined || work === undefined) throw new Error('two names are two paths');
  const made = outcomeOf(() => {
    for (const folder of [upper, work]) mkdirSync(folder);
  });
  if (!made.ok) return { namespaces: made };
  const tree: RootfsSource = { kind: 'bind', path: upper };
  // Where overlay cannot be had, root file systems are plain folders.
  const rootfs: RootfsSource =
    overlay.mounted?.ok === true
      ? { kind: 'overlay', overlay: { lowers: [join(path, 'lower')], upper, work }, volatile: true }
      : tree;
  const stubs = join(path, 'runtime');
  // Without the right to configure one, steps have no network of their own.
  const network = user.capabilities.includes('CAP_NET_ADMIN') ? 'none' : 'host';
  const namespaces = await setUp({ runtime: createRuntime({ stubs }), rootfs, network });
  if (namespaces.ok || user.capabilities.includes('CAP_SYS_ADMIN')) return { namespaces };
  const runtime = createRuntime({ stubs, isolation: 'chroot' });
  return { namespaces, chroot: await setUp({ runtime, rootfs: tree, network: 'host' }) };
}

async function setUp(parts: {
  readonly runtime: Runtime;
  readonly rootfs: RootfsSource;
  readonly network: 'none' | 'host';
}): Promise<Outcome> {
  const { runtime, rootfs, network } = parts;
  const config = containerConfig({
    purpose: 'build',
    args: ['/file'],
    user: { uid: 0, gid: 0, additionalGids: [], home: '/' },
    hostname: 'doctor',
    network,
    processors: availableParallelism(),
  });
  const id = `doctor-${randomHex(6)}`;
  try {
    await using _container = await runtime.create({ id, config, rootfs, stdio: 'pipe' });
    return { ok: true };
  } catch (error) {
    return failureOf(error);
  }
}
