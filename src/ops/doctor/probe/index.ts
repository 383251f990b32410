import { toolNames, type Facts } from '../types.ts';
import { cgroupFacts } from './cgroups.ts';
import { containerFacts } from './container.ts';
import { findTool, idMapFacts, userNamespaceFacts } from './ids.ts';
import { callFacts, memoryFacts, seccompFacts, surroundings, systemFacts, userFacts } from './machine.ts';
import { networkFacts } from './network.ts';
import { diskFacts, makeWorkshop, overlayFacts, storeFacts } from './storage.ts';

/** Finds out all there is to know; nothing of it stays on the machine. `root`: the store's folder, which is not made. */
export async function findFacts(root: string): Promise<Facts> {
  const user = userFacts();
  const network = networkFacts(user);
  const store = storeFacts(root);
  // The first failure is the one that is reported; none may be left without a hearer.
  for (const promise of [network, store]) promise.catch(() => undefined);
  const made = makeWorkshop(root);
  using workshop = 'path' in made ? made : undefined;
  const overlay = overlayFacts(workshop, user);
  const container =
    workshop === undefined || user.uid !== 0 ? undefined : containerFacts(workshop, { overlay, user });
  container?.catch(() => undefined);
  return {
    user,
    system: systemFacts(),
    surroundings: surroundings(),
    calls: callFacts(),
    seccomp: seccompFacts(),
    idMaps: idMapFacts(user),
    overlay,
    cgroups: cgroupFacts(),
    disk: diskFacts(root, workshop, user),
    memory: memoryFacts(),
    tools: Object.fromEntries(toolNames.map((name) => [name, findTool(name)])) as Facts['tools'],
    now: Date.now(),
    // Ends with the namespaces, which the kernel takes its time to remove: the others go on meanwhile.
    userNamespace: userNamespaceFacts(workshop?.path),
    network: await network,
    store: { ...(await store), writable: 'path' in made ? { ok: true } : made },
    container: await container,
  };
}
