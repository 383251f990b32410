import { beforeAll, describe, expect, it } from 'vitest';
import { containerConfig, type SetupOp } from '../../src/runtime/index.ts';
import { probedPaths } from '../support/probe-configs.ts';
import { seenAfterPlan } from '../support/probe-plan.ts';
import type { Seen } from '../support/probe.ts';
import { requires } from '../support/requires.ts';

const config = containerConfig({
  purpose: 'run',
  args: ['/probe', ...probedPaths],
  user: { uid: 0, gid: 0, additionalGids: [0], home: '/root' },
  hostname: 'probe',
  network: 'none',
  processors: 1,
  noNewPrivileges: true,
});
/** Where the default filter, which forbids all calls on keys, is off. */
const unfiltered = { ...config, linux: { ...config.linux, seccomp: undefined } };

type Kind = SetupOp['kind'];

function without(...kinds: readonly Kind[]): (plan: readonly SetupOp[]) => readonly SetupOp[] {
  return (plan) => plan.filter(({ kind }) => !kinds.includes(kind));
}

interface Guard {
  readonly name: string;
  readonly guard: Kind;
  readonly key: string;
  readonly held: string;
  readonly open: RegExp;
}

/** What an attack meets, and what it would meet if that one operation were not carried out: each test can fail. */
const guards: readonly Guard[] = [
  {
    name: 'S-16 S-05 R-22 reads a masked file',
    guard: 'mask',
    key: 'read./proc/keys',
    held: 'bytes=0 errno=0',
    open: /^some bytes/,
  },
  {
    name: 'R-23 sets the kernel’s parameters',
    guard: 'readonly-path',
    key: 'write./proc/sys/kernel/core_pattern',
    held: 'errno=30',
    open: /^errno=0$/,
  },
  {
    name: 'S-16 R-27 opens a socket of the crypto API',
    guard: 'seccomp',
    key: 'call.socket-alg',
    held: '1',
    open: /^(0|97)$/,
  },
  {
    name: 'R-27 asks for rings of system calls',
    guard: 'seccomp',
    key: 'call.io_uring',
    held: '1',
    open: /^14$/,
  },
  {
    name: 'R-20 finds capabilities to regain',
    guard: 'bounding',
    key: 'status.CapBnd',
    held: '00000000a80425fb',
    open: /^0000[0-9a-f]*ff$/,
  },
  {
    name: 'R-31 gains privileges by a set-id program',
    guard: 'no-new-privileges',
    key: 'status.NoNewPrivs',
    held: '1',
    open: /^0$/,
  },
];

describe('an attack, with its guard and without', () => {
  requires('root', 'tool:gcc');
  let whole: Seen;

  beforeAll(async () => {
    whole = await seenAfterPlan(config);
  });

  it.each(guards)('$name ($guard)', async ({ guard, key, held, open }) => {
    expect(whole.get(key)).toBe(held);
    const bare = await seenAfterPlan(config, without(guard));
    expect(bare.get(key)).not.toBe(held);
    expect(bare.get(key)).toMatch(open);
  });

  it('S-17 finds the keys of the session that the builder runs in (keyring)', async () => {
    const seen = await seenAfterPlan(unfiltered);
    // ENOKEY: a keyring of its own, without anything in it.
    expect([seen.get('keyring.found'), seen.get('keyring.held')]).toEqual(['-126', '0']);
    const bare = await seenAfterPlan(unfiltered, without('keyring'));
    expect([bare.get('keyring.found'), bare.get('keyring.held')]).toEqual(['1', '1']);
  });

  it('S-09 R-20 leaves a file’s inheritable capabilities nothing to add to (capabilities)', () => {
    expect(whole.get('status.CapInh')).toBe('0000000000000000');
    expect(whole.get('status.CapAmb')).toBe('0000000000000000');
    expect(whole.get('status.CapEff')).toBe(whole.get('status.CapBnd'));
  });

  it('S-12 has exactly the groups of the user, whatever those of the builder are (user)', async () => {
    const groups = (gids: readonly number[]): typeof config => ({
      ...config,
      process: { ...config.process, user: { uid: 1000, gid: 1001, additionalGids: gids } },
    });
    expect((await seenAfterPlan(groups([1001, 7]))).get('status.Groups')?.trim()).toBe('7 1001');
    expect((await seenAfterPlan(groups([]))).get('status.Groups')?.trim() ?? '').toBe('');
  });

  it('S-02 R-18 has no descriptor but 0, 1 and 2', () => {
    expect([...whole.keys()].filter((key) => key.startsWith('fd.'))).toEqual(['fd.0', 'fd.1', 'fd.2']);
  });
});
