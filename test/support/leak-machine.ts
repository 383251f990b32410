import { readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './run-command.ts';

export interface LeakSeries {
  /** The store's folder, which does not exist yet. */
  readonly root: string;
  /** The base as a tar. */
  readonly busybox: string;
  /** What the random moments start from. */
  readonly seed: number;
  readonly whole: number;
  readonly killed: number;
  readonly interrupted: number;
}

export interface LeakReport {
  /** What was done, and who should have cleaned up. */
  readonly phase: string;
  /** What is there and was not before (+), or was and is not (-), by kind. */
  readonly left: readonly string[];
}

/**
 * Runs the series on a machine that nobody else uses: own processes, mounts, links, rules, cgroups and folders in memory.
 * So everything can be compared, to the last descriptor, whatever else this machine is doing.
 */
export async function runLeakSeries(series: LeakSeries): Promise<readonly LeakReport[]> {
  const group = `tsbuild-leaks-${process.pid}`;
  const agent = join(import.meta.dirname, 'leak-agent.ts');
  using _group = { [Symbol.dispose]: () => removeGroup(group) };
  const argv = ['sh', '-c', outside, group, inside, process.execPath, agent, JSON.stringify(series)];
  const { status, stdout, stderr } = await runCommand(argv);
  if (status !== 0) throw new Error(`the series ended with ${status}:\n${stderr}`);
  return JSON.parse(stdout) as readonly LeakReport[];
}

/** `$0`: the cgroup; the script for inside and its arguments. */
const outside = `
set -e
for mount in $(awk '$0 ~ / - cgroup2? / { print $5 }' /proc/self/mountinfo); do
  mkdir "$mount/$0"
  for file in cpuset.cpus cpuset.mems; do
    test ! -e "$mount/cgroup.clone_children" || test ! -e "$mount/$file" || cat "$mount/$file" >"$mount/$0/$file"
  done
  echo $$ >"$mount/$0/cgroup.procs"
done
inside=$1
shift
exec unshare --mount --propagation private --pid --fork --mount-proc --net --ipc --uts --cgroup sh -c "$inside" sh "$@"
`;

/** PID 1 stays a shell: it waits for processes that have lost their parent. */
const inside = `
set -e
awk '$0 ~ / - cgroup2? / { print $5, $(NF - 2), $NF }' /proc/self/mountinfo >/dev/shm/cgroups
exec 3</dev/shm/cgroups
for folder in /dev/shm /run; do mount -t tmpfs tmpfs $folder; done
while read -r mount type options; do
  umount "$mount"
  case $type in
    cgroup2) mount -t cgroup2 cgroup2 "$mount" ;;
    *) mount -t cgroup -o "$(echo "$options" | sed 's/^rw,//; s/^.*name=/none,name=/')" cgroup "$mount" ;;
  esac
  # A group of version 2 holds processes or groups, not both.
  if test ! -e "$mount/cgroup.controllers"; then continue; fi
  mkdir "$mount/user"
  echo 0 >"$mount/user/cgroup.procs"
done <&3
exec 3<&-
mkdir /run/temporary
ip link set lo up
export TMPDIR=/run/temporary HOME=/run/temporary
unset TSBUILD_ROOT NODE_EXTRA_CA_CERTS
"$@"
exit $?
`;

/** Folders of a cgroup can only be removed from the innermost on. */
function removeGroup(group: string): void {
  for (const name of ['.', ...readdirSync('/sys/fs/cgroup')])
    removeFolders(join('/sys/fs/cgroup', name, group));
}

function removeFolders(folder: string): void {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true }))
      if (entry.isDirectory()) removeFolders(join(folder, entry.name));
    rmdirSync(folder);
  } catch {
    // Not there, or its processes are still ending.
  }
}
