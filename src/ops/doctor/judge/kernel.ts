import { kernelCalls, type KernelCall } from '../../../sys/index.ts';
import type { Facts } from '../types.ts';
import { advice } from './fixes.ts';
import { inContainer, isRoot, isSince, ok, type Judgement } from './judgement.ts';

/** mount_setattr(2), the youngest of the calls that nothing can stand in for. */
const oldest = '5.12';

const architectures: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'arm64' };

const noContainers = 'no container can be set up: RUN steps and tsbuild run fail';

export function judgeKernel(facts: Facts): Judgement {
  const { kernel, architecture } = facts.system;
  const machine = architectures[architecture];
  if (machine === undefined) {
    return {
      status: 'error',
      found: `a processor of the kind ${architecture}`,
      lost: noContainers,
      fixes: [advice('run on x86_64 or arm64')],
    };
  }
  if (!isSince(kernel, oldest)) {
    return {
      status: 'error',
      found: `Linux ${kernel}, which is older than ${oldest}`,
      lost: noContainers,
      fixes: [
        advice(`boot Linux ${oldest} or newer (Debian 12, Ubuntu 22.04, Fedora 35 and RHEL 10 have it)`),
      ],
    };
  }
  const missing = missingCalls(facts);
  if (missing.length === 0) return ok(`Linux ${kernel} on ${machine}, with all system calls that are needed`);
  const works = facts.container?.chroot?.ok === true;
  return {
    status: works ? 'warning' : 'error',
    found: `Linux ${kernel}, but a filter of system calls hides ${missing.join(', ')}`,
    lost: works ? 'namespaces' : noContainers,
    // Filters of engines open these to who may mount.
    needs: isRoot(facts) ? ['mount'] : ['user-namespaces'],
    fixes: inContainer(facts)
      ? []
      : [advice('start tsbuild without the filter (systemd: SystemCallFilter=)')],
  };
}

/** clone stands in for clone3, which engines hide, since their filters cannot look into its arguments. */
function missingCalls({ calls }: Facts): readonly string[] {
  const names = Object.keys(kernelCalls) as KernelCall[];
  return names.filter((call) => call !== 'clone3' && calls[call] === 'missing');
}

export function judgeSeccomp({ seccomp }: Facts): Judgement {
  if (seccomp.available) {
    const own = seccomp.filtered ? '; tsbuild itself runs under a filter' : '';
    return ok(`system calls of containers can be filtered${own}`);
  }
  return {
    status: 'error',
    found: 'the kernel cannot filter system calls',
    lost: 'containers have no default filter: RUN steps fail, and only tsbuild run --security-opt seccomp=unconfined works',
    fixes: [advice('boot a kernel with CONFIG_SECCOMP_FILTER, as those of all distributions are')],
  };
}
