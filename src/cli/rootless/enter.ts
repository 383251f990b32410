import { homedir } from 'node:os';

import { fromErrno, TsbuildError } from '../../core/index.ts';
import { enterNewNamespaces, joinNamespaces, keepOpen } from '../../sys/index.ts';
import { reportError } from '../report.ts';
import { NamespaceHolders } from './holders.ts';
import { wantedMaps } from './id-maps.ts';
import { namespaceNeed } from './needs.ts';
import { runtimeFolder } from './runtime-folder.ts';
import { announceSession, hasFailed } from './session.ts';

/**
 * Puts an ordinary user's command where it can do its work: this process starts again in a user and a mount namespace, as
 * root of that. Returns where it needs none, and after a failure, which has been told; then false.
 */
export async function enterNamespaces(argv: readonly string[]): Promise<boolean> {
  // In the namespaces, or all the same in whatever state they were left in.
  if (process.geteuid?.() === 0 || hasFailed()) return true;
  const need = namespaceNeed(argv);
  if (need === 'none') return true;
  try {
    return await restart(need);
  } catch (thrown) {
    const error = fromErrno(thrown, 'entering a user namespace');
    reportError(error);
    process.exitCode = error instanceof TsbuildError ? error.exitStatus : 70;
    return false;
  }
}

async function restart(need: 'enter' | 'hold'): Promise<never> {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  // Where it is not set Node asks for that of uid 0, which this will be.
  process.env['HOME'] ??= homedir();
  const holders = new NamespaceHolders(runtimeFolder(uid));
  // Closed by the restart, when this process has said that it is a holder.
  await holders.lock();
  const shared = await holders.find();
  const own = need === 'hold' ? holders.register() : undefined;
  if (own !== undefined) keepOpen(own.fd);
  announceSession({ uid, gid }, own?.fd);
  if (shared === undefined) enterNewNamespaces(wantedMaps());
  joinNamespaces(shared);
}
