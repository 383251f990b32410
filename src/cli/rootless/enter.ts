import { fromErrno, TsbuildError } from '../../core/index.ts';
import {
  enterNewNamespaces,
  joinNamespaces,
  keepOpen,
  mayMount,
  ownIdMap,
  runtimeFolder,
  selfMapper,
  homeFolder,
} from '../../sys/index.ts';
import { reportError } from '../report.ts';
import { NamespaceHolders } from './holders.ts';
import { wantedMaps } from './id-maps.ts';
import { isBuild, namespaceNeed } from './needs.ts';
import { announceSession, hasFailed } from './session.ts';

/**
 * Puts an ordinary user's command where it can do its work: this process starts again in a user and a mount namespace, as
 * root of that. Returns where it needs none, and after a failure, which has been told; then false.
 */
export async function enterNamespaces(argv: readonly string[]): Promise<boolean> {
  // In the namespaces, or all the same in whatever state they were left in.
  if (hasFailed()) return true;
  const need = namespaceNeed(argv);
  if (need === 'none') return true;
  if (process.geteuid?.() === 0) return enterAsRoot(argv);
  try {
    return await restart(need);
  } catch (thrown) {
    const error = fromErrno(thrown, 'entering a user namespace');
    reportError(error);
    process.exitCode = error instanceof TsbuildError ? error.exitStatus : 70;
    return false;
  }
}

/**
 * Root that may not mount, in a container: as long as a build takes it can have namespaces in a user namespace with all
 * its ids, if not forbidden; else the build goes on without. What lives longer than a command has to be where others find
 * it, and stays outside.
 */
function enterAsRoot(argv: readonly string[]): true {
  if (mayMount() || !isBuild(argv)) return true;
  const maps = { uids: ownIdMap('uid'), gids: ownIdMap('gid') };
  enterNewNamespaces({
    mapped: { uidMapper: selfMapper, uids: same(maps.uids), gidMapper: selfMapper, gids: same(maps.gids) },
    own: { uids: '0 0 1\n', gids: '0 0 1\n' },
  });
}

/**
 * Every id that is there, as itself. The first one is a line of its own: by a whole map on one line the machine's first
 * user namespace is told from all others.
 */
function same(map: string): string {
  const ranges = map
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  return ranges
    .flatMap(([inside = 0, , length = 1]) =>
      inside === 0 && length > 1
        ? [
            [0, 1],
            [1, length - 1],
          ]
        : [[inside, length]],
    )
    .map(([start = 0, length = 1]) => `${start} ${start} ${length}\n`)
    .join('');
}

async function restart(need: 'enter' | 'hold'): Promise<never> {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  // Where it is not set Node asks for that of uid 0, which this will be.
  process.env['HOME'] ??= homeFolder();
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
