import { join } from 'node:path';
import { mkdirSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { faultEnvironment, faultWorld, type FaultWorld } from '../support/fault-world.ts';
import { inGuest } from '../support/guest-store.ts';
import { stepOutcomes } from '../support/progress-lines.ts';
import { canMake, diskKinds, type DiskKind, type DiskLoss } from '../support/recorded-disk.ts';
import {
  awakenStore,
  recordStore,
  type RecordedDeed,
  type RecordedStore,
  type StoreDeed,
} from '../support/recorded-store.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { numbersFrom, soak } from '../support/series.ts';

/** What a step left, the next one reads: damage of its files shows in the image. */
const dockerfile = `FROM busybox:1
COPY source /source
RUN cat /source/file /source/large >/first && touch -d @1000 /first /
RUN cat /first /source/large >/second && touch -d @1000 /second /
`;

/** A real file system on a real disk, of which every write is known: it is made again as it was at any moment. */
describe('S-70 a disk that loses power', () => {
  requires(
    'root',
    'overlay',
    'tool:busybox',
    'tool:unshare',
    'tool:setpriv',
    'tool:mkfs.ext4',
    'tool:qemu-storage-daemon',
  );
  let world: FaultWorld;
  /** Of a build that no recorded store has seen. */
  let another: string;
  const environment = { ...process.env, ...faultEnvironment };
  const next = numbersFrom(inject('seed'));
  const oneOf = <T>(list: readonly T[]): T => list[next(list.length)] as T;

  beforeAll(async () => {
    world = await faultWorld();
    writeFileSync(join(world.context, 'Dockerfile'), dockerfile);
    world.setFile('z');
    another = await world.cli.ok(['build', '-q', '-t', 'app:1', world.context], { env: environment });
  });

  const howMany = soak ? { recordings: 4, losses: 25, deeds: 8 } : { recordings: 1, losses: 1, deeds: 3 };
  const kinds = (Object.keys(diskKinds) as DiskKind[]).filter(
    (kind) => (soak && canMake(kind)) || kind === 'ext4',
  );

  it.each(kinds)(
    'has what was built on %s, or builds the same',
    async (kind) => {
      for (let recording = 0; recording < howMany.recordings; recording++) {
        const folder = join(world.folder, `${kind}-${recording}`.replaceAll(/\W+/g, '-'));
        mkdirSync(folder);
        const store = await recordStore(world, { kind, folder, deeds: someDeeds(howMany.deeds) });
        for (let index = 0; index < howMany.losses; index++) await loseAndLook(store);
      }
    },
    7_200_000,
  );

  // Takes minutes: the machine is emulated.
  if (soak)
    it('S-70 in a machine of its own that is killed, and starts again', async () => {
      requires('vm');
      const ids = new Map<string, string>();
      for (const content of ['a', 'b', 'c']) {
        world.setFile(content);
        ids.set(content, await world.cli.ok(['build', '-q', world.context], { env: environment }));
      }
      for (let round = 0; round < 3; round++) {
        const disk = join(world.folder, `guest-${round}`);
        await runOk(['truncate', '-s', '96M', disk]);
        await runOk(['mkfs.ext4', '-q', '-F', disk]);
        const cut = 2 + next(45);
        const doing = ['wait-a', 'build-b', 'prune', 'build-a', 'wait-b', 'build-c'];
        const { done, stderr } = await inGuest(world, { disk, cut, deeds: doing });
        const loss = { cut, done: done.map(({ deed, status }) => ({ deed, status })), stderr };
        expect({ loss, last: done.at(-1)?.status }).toEqual({ loss, last: undefined });
        const looking = ['wait-a', 'wait-b', 'wait-c', 'repair', 'fsck'];
        const after = (await inGuest(world, { disk, deeds: looking })).done;
        const found = after.map(({ deed, said, status }) => ({
          deed,
          status,
          found: /^built (\S+)$/m.exec(said)?.[1] ?? said.trim().split('\n').at(-1),
        }));
        expect({ loss, found }).toEqual({
          loss,
          found: [
            ...['a', 'b', 'c'].map((each) => ({ deed: `wait-${each}`, status: 0, found: ids.get(each) })),
            { deed: 'repair', status: 0, found: expect.anything() as unknown },
            { deed: 'fsck', status: 0, found: 'the store is whole' },
          ],
        });
        const isKept = done.some(({ deed, status }) => deed === 'wait-a' && status === 0);
        const isPruned = done.some(({ deed }) => deed === 'prune');
        if (isKept && !isPruned)
          expect({ loss, ran: stepOutcomes(after[0]?.said ?? '').ran }).toEqual({ loss, ran: [] });
      }
    }, 7_200_000);

  function someDeeds(count: number): readonly StoreDeed[] {
    const build = (): StoreDeed => ({
      does: 'build',
      content: oneOf(['a', 'b', 'c']),
      disk: oneOf(['wait', 'aside', 'all', 'names', 'layers', 'files']),
    });
    const any = (): StoreDeed =>
      oneOf([
        build,
        build,
        build,
        () => ({ does: oneOf(['tag', 'untag', 'prune', 'image prune'] as const) }),
      ])();
    const deeds: StoreDeed[] = [build()];
    while (deeds.length < count) {
      const deed = any();
      // Only a name that is there can go.
      if (deed.does === 'untag' && !isThere(deeds)) continue;
      deeds.push(deed);
    }
    return deeds;
  }

  async function loseAndLook(store: RecordedStore): Promise<void> {
    const { disk, deeds, ids } = store;
    const first = disk.writes.findIndex(({ after }) => after > (deeds[0]?.begin ?? 0));
    const count = first + next(disk.writes.length - first + 1);
    const lost = oneOf<DiskLoss>(['nothing', 'some', 'some', 'all']);
    const loss = { kind: disk.kind, deeds: deeds.map(({ deed }) => deed), count, lost, seed: next(2 ** 31) };
    const contents = [...ids.keys(), 'z'];
    const { status, stderr, names, fsck, unsaved, builds, whole } = await awakenStore(world, store, {
      ...loss,
      contents,
    });
    expect({ loss, status, stderr }).toEqual({ loss, status: 0, stderr });
    expect({ loss, unsaved, whole }).toEqual({ loss, unsaved: [], whole: 'the store is whole' });

    const place = disk.writes[count - 1]?.after ?? 0;
    const sure = deeds.findLastIndex(
      ({ deed, end }) => deed.does === 'build' && deed.disk === 'wait' && end <= place,
    );
    const begun = deeds.filter(({ begin }, index) => index > sure && begin < place);
    const possible = [deeds[sure]?.names ?? {}, ...begun.map((each) => each.names)];
    for (const name of ['app:1', 'kept:1'])
      expect({ loss, name, among: possible.map((each) => each[name]) }).toEqual({
        loss,
        name,
        among: expect.arrayContaining([names[name]]) as unknown,
      });
    if (begun.length === 0)
      expect({ loss, fsck }).toEqual({ loss, fsck: expect.not.stringMatching(/^damage /m) as string });
    for (const [content, { id, said }] of builds) {
      expect({ loss, content, id, said }).toEqual({ loss, content, id: ids.get(content) ?? another, said });
      if (isSure(deeds.slice(0, sure + 1), begun, content))
        expect({ loss, content, said, ran: stepOutcomes(said).ran }).toEqual({
          loss,
          content,
          said,
          ran: [],
        });
    }
  }
});

function isThere(deeds: readonly StoreDeed[]): boolean {
  return deeds.findLast(({ does }) => does === 'tag' || does === 'untag')?.does === 'tag';
}

/** Whether the disk has the results of a build, and nothing that came then can have taken them. */
function isSure(done: readonly RecordedDeed[], begun: readonly RecordedDeed[], content: string): boolean {
  const last = done.findLastIndex(({ deed }) => deed.does === 'build' && deed.content === content);
  return last >= 0 && ![...done.slice(last), ...begun].some(({ deed }) => deed.does === 'prune');
}
