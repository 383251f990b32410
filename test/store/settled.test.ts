import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';

import { digestOf, type Json } from '../../src/core/index.ts';
import { openStore, type RecordCollection, type Store } from '../../src/store/index.ts';
import { openRecords, pathOf } from '../../src/store/records.ts';
import { openSettled } from '../../src/store/settled.ts';
import { TempSpace } from '../../src/store/temp.ts';
import { nativePath, tryFlock } from '../../src/sys/index.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

const key = digestOf('key');
const [thisBoot, laterBoot] = [
  '11111111-1111-4111-8111-111111111111',
  '22222222-2222-4222-8222-222222222222',
];

/** The store's records as a process of another boot sees them. */
function recordsOf(store: Store, boot: string, sync: () => void = () => undefined, syncAside = () => false) {
  const staging = new TempSpace(join(store.root, 'tmp'));
  const settled = openSettled({
    folder: join(store.root, 'settled'),
    staging,
    boot,
    sync,
    syncAside,
  });
  const records = openRecords({ folder: join(store.root, 'records'), staging, settled });
  return { ...settled, records };
}

describe('power loss (records and boots)', () => {
  it('a record is trusted in its own boot, settled or not', async () => {
    using folder = tempFolder('boot');
    await using store = await openStore(folder.path);
    const writer = recordsOf(store, thisBoot);
    await writer.records.put('results', key, 1);
    expect(await recordsOf(store, thisBoot).records.get('results', key)).toBe(1);
    writer.settle();
    expect(await recordsOf(store, thisBoot).records.get('results', key)).toBe(1);
  });

  it('a record of another boot is a miss unless it was settled', async () => {
    using folder = tempFolder('boot');
    await using store = await openStore(folder.path);
    const synced: number[] = [];
    const writer = recordsOf(store, thisBoot, () => void synced.push(1));
    await writer.records.put('results', key, 'before');
    writer.settle();
    expect(synced).toHaveLength(1);
    await writer.records.put('results', digestOf('late'), 'after');

    const reader = recordsOf(store, laterBoot).records;
    expect(await reader.get('results', key)).toBe('before');
    expect(await reader.has('results', key)).toBe(true);
    expect(await reader.get('results', digestOf('late'))).toBeUndefined();
    expect(await reader.has('results', digestOf('late'))).toBe(false);
  });

  it('settling again covers what came since, and never takes back', async () => {
    using folder = tempFolder('boot');
    await using store = await openStore(folder.path);
    const [one, two] = [recordsOf(store, thisBoot), recordsOf(store, thisBoot)];
    await one.records.put('results', key, 1);
    two.settle();
    await one.records.put('results', digestOf('b'), 2);
    one.settle();
    const reader = recordsOf(store, laterBoot).records;
    expect(await reader.get('results', key)).toBe(1);
    expect(await reader.get('results', digestOf('b'))).toBe(2);
  });

  it.each(['', '{"at":9', `{"at":9e15,"boot":"${laterBoot}"}`])(
    'S-70 what was settled before stays so when the newest mark reads %j after the power loss',
    async (damaged) => {
      using folder = tempFolder('boot');
      await using store = await openStore(folder.path);
      const writer = recordsOf(store, thisBoot);
      const marks = join(store.root, 'settled');
      const kept = new Map<string, string>();
      for (const name of ['a', 'b', 'c', 'd']) {
        await writer.records.put('results', digestOf(name), name);
        writer.settle();
        const changed = readdirSync(marks).filter((mark) => {
          const text = readFileSync(join(marks, mark), 'utf8');
          return text !== kept.get(mark) && kept.set(mark, text);
        });
        expect(changed).toHaveLength(1);
        writeFileSync(join(marks, changed[0] ?? ''), damaged);
        const reader = recordsOf(store, laterBoot).records;
        const known = ['a', 'b', 'c', 'd'].filter((each) => each < name);
        for (const each of known) expect(await reader.get('results', digestOf(each))).toBe(each);
        expect(await reader.get('results', digestOf(name))).toBeUndefined();
        writeFileSync(join(marks, changed[0] ?? ''), kept.get(changed[0] ?? '') ?? '');
      }
    },
  );

  it.each([
    ['settling', ['settle', 'settleAside'] as const],
    ['a collector', ['sync'] as const],
  ])('S-72 a sync that fails %s settles nothing, and ends the marks of its boot', async (_, ways) => {
    using folder = tempFolder('boot');
    await using store = await openStore(folder.path);
    const failing = recordsOf(store, thisBoot, () => {
      throw Object.assign(new Error('EIO: i/o error, syncfs'), { code: 'EIO' });
    });
    await failing.records.put('results', key, 1);
    for (const way of ways)
      expect(() => failing[way]()).toThrow(expect.objectContaining({ code: 'IO_ERROR' }) as Error);
    recordsOf(store, thisBoot).settle();
    expect(await recordsOf(store, laterBoot).records.get('results', key)).toBeUndefined();
  });

  it.each(['', '../../x', 'not-a-boot', '11111111-1111-4111-8111-111111111111/../x'])(
    'S-43 a record that says it is of boot %j is a miss',
    async (boot) => {
      using folder = tempFolder('boot');
      await using store = await openStore(folder.path);
      await store.records.put('results', key, 1);
      const path = pathOf(join(folder.path, 'records'), 'results', key);
      const envelope = JSON.parse(readFileSync(path, 'utf8')) as object;
      writeFileSync(path, JSON.stringify({ ...envelope, boot }));
      expect(await store.records.get('results', key)).toBeUndefined();
    },
  );

  it('settle of a store is one call for everybody, with the real sync', async () => {
    using folder = tempFolder('boot');
    await using store = await openStore(folder.path);
    await store.records.put('results', key, 1);
    await store.settle();
    expect(await recordsOf(store, laterBoot).records.get('results', key)).toBe(1);
  });
});

describe('S-70 a record that was not settled before the power loss', () => {
  it.each<[string, (text: string) => string, Json | undefined]>([
    ['is whole', (text) => text, { value: ['digest'], settled: false }],
    ['holds another value', (text) => text.replace('digest', 'Digest'), undefined],
    ['has no digest', (text) => text.replace(/,"sum":"[^"]*"/, ''), undefined],
    ['is cut short', (text) => text.slice(0, -3), undefined],
  ])('and %s', async (_name, damage, found) => {
    using folder = tempFolder('boot');
    await using store = await openStore(folder.path);
    await recordsOf(store, thisBoot).records.put('results', key, ['digest']);
    const path = pathOf(join(folder.path, 'records'), 'results', key);
    writeFileSync(path, damage(readFileSync(path, 'utf8')));
    const { records } = recordsOf(store, laterBoot);
    expect(await records.find('results', key)).toEqual(found);
    expect(await records.get('results', key)).toBeUndefined();
  });

  it.each<[RecordCollection, boolean]>([
    ['results', false],
    ['states', false],
    ['chains', false],
    ['distribution', false],
    ['ops', true],
    ['nearest', true],
    ['listings', true],
    ['builds', true],
    ['mounts', true],
    ['pruned', true],
  ])('is read all the same where it says all itself: %s %s', async (collection, isRead) => {
    using folder = tempFolder('boot');
    await using store = await openStore(folder.path);
    await recordsOf(store, thisBoot).records.put(collection, key, 'value');
    const { records } = recordsOf(store, laterBoot);
    expect(await records.get(collection, key)).toBe(isRead ? 'value' : undefined);
    expect(await records.has(collection, key)).toBe(isRead);
  });
});

interface Settler {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
}

describe('S-70 settling in a process of its own', () => {
  const marks = ({ root }: Store): readonly string[] =>
    readdirSync(join(root, 'settled')).filter((name) => name.endsWith('.json'));
  const put = (store: Store): Promise<void> => store.records.put('results', key, 1);

  /** One process, as a build leaves it behind. */
  function settler({ root }: Store, ...through: readonly string[]): Settler {
    const fd = openSync(join(root, 'settled'), 'r');
    const stdio = ['ignore', 'ignore', 'ignore', fd] as const;
    const [program, ...args] = [...through, nativePath('launcher'), 'settle', thisBoot];
    const child = spawn(program, args, { stdio: [...stdio] });
    closeSync(fd);
    return { child, ended: new Promise((resolve) => child.once('exit', resolve)) };
  }

  it('makes what was written before trusted after a reboot', async () => {
    using folder = tempFolder('aside');
    await using store = await openStore(folder.path);
    for (const name of ['a', 'b', 'c']) {
      await store.records.put('results', digestOf(name), 1);
      await store.settleAside();
      await vi.waitFor(
        async () => expect(await recordsOf(store, laterBoot).records.get('results', digestOf(name))).toBe(1),
        60_000,
      );
    }
    expect(marks(store)).toHaveLength(2);
  });

  it('is not begun where nothing was written, or only for people to read', async () => {
    using folder = tempFolder('aside');
    await using store = await openStore(folder.path);
    await store.records.put('builds', key, 1);
    await store.settleAside();
    expect(existsSync(join(store.root, 'settled/waiting.lock'))).toBe(false);
  });

  it('is not begun where TSBUILD_SYNC says so: the wait is over when it returns', async () => {
    using folder = tempFolder('aside');
    vi.stubEnv('TSBUILD_SYNC', 'wait');
    using _env = { [Symbol.dispose]: () => vi.unstubAllEnvs() };
    await using store = await openStore(folder.path);
    await put(store);
    await store.settleAside();
    expect(marks(store)).toHaveLength(1);
  });

  it('S-71 is done by one at a time, for which one more waits and speaks for all', async () => {
    using folder = tempFolder('aside');
    await using store = await openStore(folder.path);
    await put(store);
    const busy = tryFlock(join(store.root, 'settled/syncing.lock'));
    const all = Array.from({ length: 6 }, () => settler(store));
    let left = all.length;
    for (const { ended } of all) void ended.then(() => left--);
    await vi.waitFor(() => expect(left).toBe(1), 60_000);
    expect(marks(store)).toEqual([]);
    const freed = process.hrtime.bigint();
    busy?.release();
    expect(await Promise.all(all.map(({ ended }) => ended))).toEqual(all.map(() => 0));
    const [mark = ''] = marks(store);
    const { at, boot } = JSON.parse(readFileSync(join(store.root, 'settled', mark), 'utf8')) as Record<
      string,
      unknown
    >;
    expect({ mark, boot }).toEqual({ mark: `${thisBoot}.json`, boot: thisBoot });
    expect(BigInt(at as number)).toBeGreaterThan(freed);
  });

  it('S-72 a disk that does not take it is believed nothing more in this boot', async () => {
    requires('tool:strace');
    using folder = tempFolder('aside');
    await using store = await openStore(folder.path);
    await recordsOf(store, thisBoot).records.put('results', key, 1);
    const failing = ['strace', '-qqq', '-e', 'inject=syncfs:error=EIO', '-o', '/dev/null'];
    expect(await settler(store, ...failing).ended).toBe(1);
    // The kernel tells it to one only: the next ones find nothing amiss, and yet it may be gone.
    expect(await settler(store).ended).toBe(0);
    let syncs = 0;
    const sync = (): void => {
      syncs += 1;
    };
    const later = recordsOf(store, thisBoot, sync, () => true);
    later.settle();
    // Builds wait for it themselves, and say so when it fails again.
    later.settleAside();
    expect(syncs).toBe(2);
    expect(marks(store)).toEqual([]);
    const next = recordsOf(store, laterBoot);
    expect(await next.records.find('results', key)).toEqual({ value: 1, settled: false });
    next.settle();
    expect(marks(store)).toEqual([`${laterBoot}.json`]);
  });

  it('leaves nothing when it is killed, and trusts nothing', async () => {
    using folder = tempFolder('aside');
    await using store = await openStore(folder.path);
    await recordsOf(store, thisBoot).records.put('results', key, 1);
    const busy = tryFlock(join(store.root, 'settled/syncing.lock'));
    const { child, ended } = settler(store);
    child.kill('SIGKILL');
    await ended;
    busy?.release();
    expect(marks(store)).toEqual([]);
    expect(await recordsOf(store, laterBoot).records.find('results', key)).toEqual({
      value: 1,
      settled: false,
    });
    // Nor does it keep another from it.
    const { ended: next } = settler(store);
    expect(await next).toBe(0);
    expect(marks(store)).toEqual([`${thisBoot}.json`]);
    expect(await recordsOf(store, laterBoot).records.get('results', key)).toBe(1);
  });
});
