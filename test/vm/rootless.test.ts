import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { busyboxName, busyboxTar } from '../support/busybox.ts';
import { tsbuildProgram } from '../support/cli.ts';
import { projectRoot } from '../support/paths.ts';
import { requires } from '../support/requires.ts';
import { runCommand } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Each command in a cgroup of its own that belongs to the user, as `systemd-run --user --scope -p Delegate=yes` has it. */
const guest = `
base=$1 program=$2 cgroups=/sys/fs/cgroup
for controller in memory pids; do echo +$controller > $cgroups/cgroup.subtree_control; done
mkdir -p /run/home/run
chown -R 1000:1000 /run/home
chmod 700 /run/home/run
export HOME=/run/home XDG_RUNTIME_DIR=/run/home/run
delegate() {
  mkdir $cgroups/$1
  chown 1000:1000 $cgroups/$1 $cgroups/$1/cgroup.procs $cgroups/$1/cgroup.subtree_control
}
as_user='exec setpriv --reuid 1000 --regid 1000 --clear-groups "$@"'
alone() {
  delegate $1
  sh -c "echo \\$\\$ > $cgroups/$1/cgroup.procs; shift; $as_user" sh "$@" 2>&1 | grep -v '^warning: only one user'
}
sh -c "$as_user" sh $program import $base ${busyboxName} > /run/log 2>&1 || cat /run/log
alone one $program run --rm --network host -m 64m --pids-limit 33 ${busyboxName} cat $cgroups/memory.max $cgroups/pids.max
find $cgroups/one -mindepth 1 -type d -name 'build-*'
alone two $program run --rm --network host -m 16m --memory-swap 16m ${busyboxName} dd if=/dev/zero of=/dev/null bs=41943040 count=1
alone three sh -c '"$@"; true' sh $program run --rm --network host -m 64m ${busyboxName} true
alone four $program run -d --name box --network host -m 32m ${busyboxName} sleep 1000 > /run/log
alone five $program stats --no-stream box | grep -o '/ 32MiB'
alone six $program exec box echo entered | sort
`;

it('R-63 an ordinary user’s limits hold in a cgroup delegated to him, and are an error in a shared one', async () => {
  requires('vm');
  using folder = tempFolder('vm', { remove: true });
  chmodSync(folder.path, 0o755);
  const [script, base] = [join(folder.path, 'guest.sh'), join(folder.path, 'base.tar')];
  writeFileSync(script, guest);
  copyFileSync(await busyboxTar(), base);
  const vm = ['bash', join(projectRoot, 'scripts/vm.sh'), 'sh', script, base, tsbuildProgram];
  const { stdout, stderr } = await runCommand(vm);
  expect(stdout.split('\n'), stderr).toEqual([
    String(64 * 2 ** 20),
    '33',
    expect.stringMatching(/^warning: .*memory.*16 ?M/),
    expect.stringMatching(/^tsbuild: the limit memory\.limit cannot be applied: .* \[LIMIT_UNAVAILABLE\]$/),
    expect.stringContaining('systemd-run --user --scope -p Delegate=yes'),
    '/ 32MiB',
    'entered',
    expect.stringMatching(/^warning: the process runs outside of the cgroup of its container/),
    '',
  ]);
}, 900_000);
