import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';

import { build } from '../../src/build.ts';
import type { BuildEvent } from '../../src/core/index.ts';
import type { ResourceConfig } from '../../src/oci/runtime-spec.ts';
import { cgroupManager } from '../../src/runtime/cgroup/index.ts';
import {
  containerConfig,
  createRuntime,
  exitCodeOf,
  runContainer,
  type ContainerSpec,
} from '../../src/runtime/index.ts';
import { busyboxLayers } from '../support/rootfs.ts';
import { checkAppArmor } from './guest-apparmor.ts';

/**
 * What runs in the small machine of scripts/vm.sh: prints `ok NAME`, or `failed NAME: what was there`, a line each. No
 * test framework: starting one takes half a minute there.
 */
const MiB = 2 ** 20;
const folder = '/run/work';
mkdirSync(folder);
const runtime = createRuntime({ stubs: join(folder, 'runtime') });
let containers = 0;

async function check(name: string, act: () => unknown): Promise<void> {
  try {
    const problem = await act();
    process.stdout.write(
      problem === undefined ? `ok ${name}\n` : `failed ${name}: ${JSON.stringify(problem)}\n`,
    );
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stdout.write(`failed ${name}: ${text.replaceAll('\n', ' | ')}\n`);
  }
}

/** Undefined when it is so; else what is. */
function unless(so: boolean, what: unknown): unknown {
  return so ? undefined : (what ?? 'undefined');
}

function spec(command: string, limits?: ResourceConfig, capabilities?: readonly string[]): ContainerSpec {
  const id = `vm-${containers++}`;
  const { lower, upper, work } = busyboxLayers(join(folder, id));
  const config = containerConfig({
    purpose: 'build',
    // One pipe for all: between two of them the lines have no order.
    args: ['/bin/sh', '-c', `exec 2>&1; ${command}`],
    user: { uid: 0, gid: 0, additionalGids: [0], home: '/root' },
    hostname: 'vm',
    network: 'none',
    processors: 2,
    limits,
    capabilities,
  });
  const overlay = { lowers: [lower], upper, work };
  return { id, config, rootfs: { kind: 'overlay', overlay, volatile: true }, stdio: 'pipe' };
}

async function run(command: string, limits?: ResourceConfig, capabilities?: readonly string[]) {
  let output = '';
  const receive = (chunk: Buffer): void => void (output += chunk.toString());
  const { status, usage } = await runContainer(runtime, spec(command, limits, capabilities), {
    onStdout: receive,
    onStderr: receive,
  });
  return { code: exitCodeOf(status), output, usage };
}

/** Limits, and what the kernel then shows of them. */
function limitTable(): readonly (readonly [limits: ResourceConfig, file: string, value: string])[] {
  const { rdev } = statSync('/dev/vda');
  const device = { major: rdev >> 8, minor: rdev & 0xff };
  const disk = `${device.major}:${device.minor}`;
  return [
    [{ memory: { limit: 64 * MiB } }, 'memory.max', String(64 * MiB)],
    [{ memory: { reservation: MiB } }, 'memory.low', String(MiB)],
    [{ memory: { limit: 64 * MiB, swap: 80 * MiB } }, 'memory.swap.max', String(16 * MiB)],
    [{ cpu: { shares: 2048 } }, 'cpu.weight', '174'],
    [{ cpu: { quota: 50_000, period: 20_000, burst: 1000 } }, 'cpu.max', '50000 20000'],
    [{ cpu: { quota: 50_000, period: 20_000, burst: 1000 } }, 'cpu.max.burst', '1000'],
    [{ cpu: { idle: 1 } }, 'cpu.idle', '1'],
    [{ cpu: { cpus: '1', mems: '0' } }, 'cpuset.cpus', '1'],
    [{ cpu: { cpus: '1', mems: '0' } }, 'cpuset.mems', '0'],
    [{ pids: { limit: 9 } }, 'pids.max', '9'],
    [{ blockIO: { weight: 500 } }, 'io.weight', 'default 4950'],
    [
      {
        blockIO: {
          throttleReadBpsDevice: [{ ...device, rate: MiB }],
          throttleWriteIOPSDevice: [{ ...device, rate: 30 }],
        },
      },
      'io.max',
      `${disk} rbps=1048576 wbps=max riops=max wiops=30`,
    ],
    [{ hugepageLimits: [{ pageSize: '2MB', limit: 4 * MiB }] }, 'hugetlb.2MB.max', String(4 * MiB)],
    [{ unified: { 'memory.oom.group': '1' } }, 'memory.oom.group', '1'],
    [{ unified: { 'memory.high': String(32 * MiB) } }, 'memory.high', String(32 * MiB)],
  ];
}

await check('R-60 the machine has cgroup v2 and a kernel before 6.5', () =>
  unless(cgroupManager('auto').version === 'v2' && release().startsWith('6.1.'), release()),
);

for (const [limits, file, value] of limitTable()) {
  await check(`R-62 ${file} of ${JSON.stringify(limits)}`, () => {
    const cgroup = cgroupManager('auto').create({ id: `limit-${containers++}` }, limits);
    try {
      const path = join(cgroup.placement.folders[0]?.path ?? '', file);
      const is = readFileSync(path, 'latin1').trim();
      return unless(is === value, is);
    } finally {
      cgroup.remove();
    }
  });
}

for (const limits of [{ memory: { swappiness: 1 } }, { rdma: { none: { hcaHandles: 1 } } }]) {
  await check(`what cannot be is refused: ${JSON.stringify(limits)}`, () => {
    try {
      cgroupManager('auto').create({ id: 'refused' }, limits).remove();
      return 'accepted';
    } catch (error) {
      return unless((error as { code?: string }).code === 'LIMIT_UNAVAILABLE', String(error));
    }
  });
}

await check('reads and writes of a disk are counted', () => {
  const cgroup = cgroupManager('auto').create({ id: 'reads' }, {});
  try {
    const procs = join(cgroup.placement.folders[0]?.path ?? '', 'cgroup.procs');
    const script = `echo $$ > ${procs}; exec dd if=/dev/vda of=/dev/null bs=64k count=16 iflag=direct`;
    execFileSync('/bin/sh', ['-c', script], { stdio: 'ignore' });
    const { ioReadBytes, ioReads } = cgroup.usage();
    return unless(ioReadBytes === MiB && ioReads === 16, { ioReadBytes, ioReads });
  } finally {
    cgroup.remove();
  }
});

await check('S-19 a container is killed for memory within its limit', async () => {
  const limits = { memory: { limit: 32 * MiB, swap: 32 * MiB } };
  const { output, usage } = await run('tail /dev/zero; echo tail ended with $?', limits);
  const { oomKills = 0, memoryLimit } = usage;
  const fine = output.includes('ended with 137') && oomKills > 0 && memoryLimit === 32 * MiB;
  return unless(fine, { output, usage });
});

await check('S-19 processes end at their limit, and are counted', async () => {
  const command = 'for i in 1 2 3 4 5 6 7 8 9; do sleep 100 & done';
  const { output, code, usage } = await run(command, { pids: { limit: 5 } });
  const fine = code !== 0 && output.includes("can't fork") && usage.pidsLimit === 5;
  return unless(fine, { output, code, usage });
});

await check(
  'R-64 the processor is held to its quota, and all time is counted, also that spent waiting',
  async () => {
    const command = 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done';
    const { usage } = await run(command, { cpu: { quota: 10_000, period: 100_000 } });
    const { cpuMicros = 0, cpuUserMicros = 0, throttledPeriods = 0, throttledMicros = 0 } = usage;
    const stalls = [usage.cpuStallMicros, usage.memoryStallMicros, usage.ioStallMicros];
    const fine =
      cpuMicros >= cpuUserMicros &&
      cpuUserMicros > 0 &&
      throttledPeriods > 0 &&
      throttledMicros > 0 &&
      !stalls.includes(undefined);
    return unless(fine, usage);
  },
);

await check('R-25 a device outside the rules does not open', async () => {
  const command =
    'mknod /disk b $(stat -c "0x%t 0x%T" /dev/null >/dev/null; echo 254 0); head -c 1 /disk; head -c 1 /dev/zero | wc -c';
  const { output } = await run(command, undefined, ['CAP_MKNOD', 'CAP_DAC_OVERRIDE', 'CAP_SYS_RAWIO']);
  return unless(output.includes('head: /disk: Operation not permitted') && output.endsWith('1\n'), output);
});

await check('R-21 S-10 a container sees its own cgroup only, read-only', async () => {
  const command = 'cat /proc/self/cgroup /sys/fs/cgroup/pids.max; mkdir /sys/fs/cgroup/x';
  const { output } = await run(command, { pids: { limit: 7 } });
  return unless(/^0::\/\n7\nmkdir: .*Read-only file system\n$/.test(output), output);
});

await check('a container pauses, changes its limits, and ends', async () => {
  await using container = await runtime.create(spec('sleep 1000 & sleep 1000', { pids: { limit: 5 } }));
  await container.start();
  const file = (name: string): string =>
    readFileSync(join('/sys/fs/cgroup/tsbuild', container.id, name), 'latin1');
  await container.pause(true);
  const frozen = file('cgroup.freeze');
  await container.update({ pids: { limit: 8 } });
  const limit = file('pids.max');
  await container.kill();
  const ended = await container.wait();
  return unless(frozen === '1\n' && limit === '8\n' && ended.kind === 'signaled', { frozen, limit, ended });
});

await check('C-24 a cgroup of one’s own is found by its path', () => {
  const name = { id: 'inner', path: '/group/deeper/inner' };
  const cgroup = cgroupManager('auto').create(name, { memory: { limit: MiB } });
  const usage = cgroupManager('auto').usage(name);
  cgroup.remove();
  return unless(usage?.memoryLimit === MiB, usage);
});

await checkAppArmor(check, async (command, profile) => {
  const given = spec(command);
  const { process } = given.config;
  const config = { ...given.config, process: { ...process, apparmorProfile: profile } };
  let output = '';
  const receive = (chunk: Buffer): void => void (output += chunk.toString());
  const { status } = await runContainer(
    runtime,
    { ...given, config },
    { onStdout: receive, onStderr: receive },
  );
  return { code: exitCodeOf(status), output };
});

/** More layers than names of 255 bytes hold; beside them every line has what an older overlay does another way: whiteouts, opaque folders, renames, chains of lowers. */
const dockerfile = `FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN mkdir -p /a/b && echo one > /a/b/one && echo two > /a/two && ln /a/two /a/hard
RUN rm -r /a && mkdir /a && echo new > /a/new
${Array.from({ length: 14 }, (_, index) => `COPY busybox /layer/${index}\n`).join('')}RUN mv /a /moved && rm /bin/vi
RUN test ! -e /a && test -e /moved/new && test ! -e /moved/two && test ! -e /bin/vi && test -e /layer/13 && echo all well
`;

await check('an image is built on this kernel’s overlay, and is cached', async () => {
  const context = join(folder, 'context');
  mkdirSync(context);
  copyFileSync('/bin/busybox', join(context, 'busybox'));
  writeFileSync(join(context, 'Dockerfile'), dockerfile);
  let output = '';
  const options = {
    root: join(folder, 'root'),
    context,
    limits: { resources: { memory: { limit: 128 * MiB } }, rlimits: [] },
    emit: (event: BuildEvent) => {
      if (event.type === 'step-log') output += Buffer.from(event.data).toString();
    },
  };
  const first = await build(options);
  const again = await build(options);
  const ran = first.steps.filter(
    ({ usage }) => (usage?.cpuMicros ?? 0) > 0 && usage?.memoryLimit === 128 * MiB,
  );
  const fine =
    output.endsWith('all well\n') &&
    ran.length === 5 &&
    again.image.id === first.image.id &&
    again.steps.every(({ status }) => status === 'cached');
  return unless(fine, { output, steps: [...first.steps, ...again.steps] });
});

process.stdout.write('all checks made\n');
