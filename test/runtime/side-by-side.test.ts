import { describe, expect, it } from 'vitest';
import { probeConfig, probeConfigs } from '../support/probe-configs.ts';
import { differences, seenUnderRunc, seenUnderTsbuild } from '../support/probe.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

interface Intended {
  readonly keys: RegExp;
  readonly why: string;
  /** Whether it shows depends on what else the machine does. */
  readonly sometimes?: boolean;
}

/** Where tsbuild means to differ from runc 1.1; everything else that a program can see is the same. */
const intended: readonly Intended[] = [
  {
    keys: /^(fd|fdstat)\.0$/,
    why: 'without input runc leaves an empty pipe; here it is the container’s own /dev/null, as docker has it',
  },
  { keys: /^pdeathsig$/, why: 'when the launcher is killed the container must not be left behind' },
  {
    keys: /^(name\.\/dev\/core|read\.\/dev)$/,
    why: 'runc looks whether the machine has /proc/kcore; the same container is to be the same everywhere',
  },
  {
    keys: /^mount\.(\/etc\/hostname|\/proc\/(interrupts|keys|timer_list|kcore|sched_debug|latency_stats))(\.from|\.super)?$/,
    why: 'a mask of a file is the host’s null device, checked, read-only and detached: nothing of the container’s /dev can take its place (CVE-2025-31133)',
  },
  {
    keys: /^mount\.(\/mnt\/a|\/proc\/(acpi|asound|scsi)|\/sys\/(firmware|devices\/.*))(\.super)?$/,
    why: 'a mask of a directory is nosuid, nodev and noexec, too; the mount is read-only and not its file system',
  },
  { keys: /^mount\.\/sys\.super$/, why: 'read-only as a mount, which is what counts here' },
  {
    keys: /^(mount|path|read|write|text)\.\/sys\/fs\/cgroup/,
    why: 'cgroup v1: only controllers that hold the container are shown, and the folder over them cannot be written to',
  },
  {
    keys: /^cgroup\.\d$/,
    why: 'the host’s cgroup namespace shows where its cgroup is; only controllers that are needed have one',
  },
  {
    keys: /^path\.(\/mnt\/[ab]|\/tmp)$/,
    why: 'runc 1.1 gives a tmpfs the mode of its mount point, even where `mode=` says another one',
  },
  {
    keys: /^terminal$/,
    why: 'runc’s clears ONLCR and leaves it to the outer terminal; here that one is raw, and the inner like any other',
  },
  {
    keys: /^read\.\/dev\/tty$/,
    why: 'without input the terminal is at its end, under runc its keyboard is asked',
  },
  {
    keys: /^name\.\/sys\/class\/net\/ts/,
    why: 'the host’s interfaces: those of other containers come and go between the two',
    sometimes: true,
  },
  { keys: /^keyring\.session$/, why: 'runc names the session keyring after the container' },
  {
    keys: /^mount\.\/dev\/(full|null|random|tty|urandom|zero)$/,
    why: 'in a user namespace the host’s nodes are bound: read-only, so that a chmod is not one of the host’s',
  },
  {
    keys: /^mount\.\/(dev|dev\/\w+|proc|proc\/(bus|fs|irq|sys)|sys)?$/,
    why: 'runc 1.1 does not make a root shared that is asked to be (runtime-spec config-linux.md, rootfsPropagation)',
  },
];
const met = new Set<Intended>();

describe('what a program sees beside runc', () => {
  requires('root', 'tool:runc', 'tool:gcc', 'tool:python3');

  it.each(probeConfigs)('O-42 R-10…R-33 $name', async (probe) => {
    const config = probeConfig(probe, tempFolder('source').path);
    const [ours, theirs] = [await seenUnderTsbuild(config), await seenUnderRunc(config)];
    expect(ours.size).toBeGreaterThan(350);
    const unintended = Object.entries(differences(ours, theirs)).filter(([key]) => {
      const reason = intended.find(({ keys }) => keys.test(key));
      if (reason !== undefined) met.add(reason);
      return reason === undefined;
    });
    expect(Object.fromEntries(unintended)).toEqual({});
  });

  it('every intended difference is one still', ({ skip }) => {
    // With -t only some of the configs have run.
    if (met.size === 0) skip();
    expect(intended.filter((reason) => reason.sometimes !== true && !met.has(reason))).toEqual([]);
  });
});
