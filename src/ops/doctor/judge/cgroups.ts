import type { Facts, Fix } from '../types.ts';
import { advice, asRoot, command } from './fixes.ts';
import { inContainer, isRoot, ok, type Judgement } from './judgement.ts';

const limits = 'limits (--memory, --cpus, --pids-limit), what steps and containers use, pausing them';

/** Those that people ask for. */
const wanted = ['cpu', 'memory', 'pids'] as const;

export function judgeCgroups(facts: Facts): Judgement {
  const { kind, writable, controllers } = facts.cgroups;
  if (kind === 'none') {
    const fixes = inContainer(facts) ? [] : [asRoot(facts, 'mount -t cgroup2 cgroup2 /sys/fs/cgroup')];
    return {
      status: 'warning',
      found: 'no cgroup file system is mounted',
      lost: limits,
      needs: ['cgroups'],
      fixes,
    };
  }
  const name = kind === 'hybrid' ? 'v1, beside a v2 tree without controllers' : kind;
  if (!writable) {
    const found = `${name}, not writable`;
    return { status: 'warning', found, lost: limits, needs: ['cgroups'], fixes: writableFixes(facts) };
  }
  const missing = wanted.filter((controller) => !controllers.includes(controller));
  if (missing.length > 0) {
    const flags = missing.map((controller) => flagOf[controller]);
    const found = `${name}, writable, without the ${missing.length === 1 ? 'controller' : 'controllers'} ${missing.join(', ')}`;
    return {
      status: 'warning',
      found,
      lost: `limits and usage of ${flags.join(', ')}`,
      fixes: controllerFixes(facts),
    };
  }
  return ok(`${name}, writable: ${controllers.join(', ')}`);
}

const flagOf = { cpu: 'processors', memory: 'memory', pids: 'processes' } as const;

function writableFixes(facts: Facts): readonly Fix[] {
  const { kind, systemd } = facts.cgroups;
  if (inContainer(facts)) return [];
  if (isRoot(facts)) return [asRoot(facts, 'mount -o remount,rw /sys/fs/cgroup')];
  if (kind !== 'v2') {
    return [
      advice('cgroups v1 belong to root: boot with the kernel parameter systemd.unified_cgroup_hierarchy=1'),
    ];
  }
  if (systemd) return [command('systemd-run --user --scope -p Delegate=yes tsbuild build .')];
  return [advice('have root make a cgroup for you, owned by you, and start tsbuild in it')];
}

const dropIn = '/etc/systemd/system/user@.service.d';

function controllerFixes(facts: Facts): readonly Fix[] {
  if (inContainer(facts))
    return [advice('the engine on the host hands these controllers to the container, or not')];
  if (isRoot(facts) || !facts.cgroups.systemd) {
    return [advice('boot without cgroup_disable=, and with cgroup_enable=memory where memory is missing')];
  }
  return [
    asRoot(facts, `mkdir -p ${dropIn}`),
    command(`printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | sudo tee ${dropIn}/delegate.conf`),
    asRoot(facts, 'systemctl daemon-reload'),
    advice('log in again'),
  ];
}
