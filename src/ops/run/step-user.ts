import { fromText } from '../../core/index.ts';
import { resolveUser, type ResolvedUser } from '../../runtime/index.ts';
import type { Snapshot, SnapshotId, Snapshotter } from '../../snapshot/index.ts';
import type { RootDir } from '../../sys/index.ts';

const etc = fromText('etc');
const files = [fromText('etc/passwd'), fromText('etc/group')];

interface Known {
  /** By snapshots and `USER` value. */
  readonly users: Map<string, ResolvedUser>;
  readonly leavesEtc: Map<SnapshotId, boolean>;
}

/** One build has one snapshotter, and what is committed does not change. */
const knownBy = new WeakMap<Snapshotter, Known>();

/**
 * Who a step runs as, by the files of the state that it begins with. Where the steps since it was last looked up have left
 * /etc alone the answer is the same: a mount of the state, which costs a millisecond or two, is spared.
 */
export async function stepUser(
  snapshotter: Snapshotter,
  state: Snapshot | undefined,
  user: string,
): Promise<ResolvedUser> {
  const known: Known = knownBy.get(snapshotter) ?? { users: new Map(), leavesEtc: new Map() };
  knownBy.set(snapshotter, known);
  const key = `${chainOfEtc(snapshotter, state, known).join(' ')}:${user}`;
  const answer = known.users.get(key);
  if (answer !== undefined) return answer;
  await using view = await snapshotter.view(state);
  const found = resolveUser(view.root, user);
  if (isPlain(view.root)) known.users.set(key, found);
  return found;
}

/**
 * The state up to its topmost snapshot that says something about /etc. All of it: the snapshot of a `COPY --link` stands
 * on several bases.
 */
function chainOfEtc(
  snapshotter: Snapshotter,
  state: Snapshot | undefined,
  { leavesEtc }: Known,
): readonly SnapshotId[] {
  const chain = state?.chain ?? [];
  const top = chain.findLastIndex((id) => {
    const leaves = leavesEtc.get(id) ?? snapshotter.leavesAlone(id, etc);
    leavesEtc.set(id, leaves);
    return !leaves;
  });
  return chain.slice(0, top + 1);
}

/** Whether nothing outside of /etc has a part in the answer: through links anything could. */
function isPlain(root: RootDir): boolean {
  const isLink = (path: typeof etc): boolean => root.tryLstat(path)?.type === 'symlink';
  return ![etc, ...files].some(isLink);
}
