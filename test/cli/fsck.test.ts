import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { careCli, type CareCli } from '../support/care-cli.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

interface Line {
  readonly severity: 'damage' | 'leftover';
  readonly kind: string;
  readonly subject: string;
  readonly problem: string;
  readonly images: readonly string[];
  readonly repaired: boolean;
}

describe('C-75 fsck', () => {
  requires('root', 'overlay', 'tool:busybox');
  let care: CareCli;
  let pristine: string;
  beforeAll(async () => {
    care = await careCli();
    await care.build();
    pristine = join(tempFolder('fsck').path, 'store');
    await runOk(['cp', '-a', care.cli.root, pristine]);
  });

  /** The store as it was, and what of it a case needs. */
  async function fresh(): Promise<string> {
    rmSync(care.cli.root, { recursive: true, force: true });
    await runOk(['cp', '-a', pristine, care.cli.root]);
    return care.cli.root;
  }

  async function check(
    ...flags: readonly string[]
  ): Promise<{ readonly status: number; readonly lines: readonly Line[] }> {
    const { status, stdout } = await care.cli.run(['fsck', '--format', 'json', ...flags]);
    const lines = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]));
    return { status, lines };
  }

  it('finds nothing in a store that was built in', async () => {
    await fresh();
    expect(await check()).toEqual({ status: 0, lines: [] });
    expect(await care.cli.ok(['fsck'])).toBe('the store is whole');
  });

  const damages: readonly {
    readonly name: string;
    readonly damage: (root: string) => void;
    readonly found: Partial<Line>;
  }[] = [
    {
      name: 'a changed byte of a layer, with the images that have it',
      damage: (root) => appendFileSync(layerOf(root), 'x'),
      found: { kind: 'blob', images: ['docker.io/library/app:latest'] },
    },
    {
      name: 'a layer that is gone',
      damage: (root) => rmSync(layerOf(root)),
      found: { kind: 'image', subject: 'app:latest' },
    },
    {
      name: 'a file among the blobs that is none',
      damage: (root) => writeFileSync(manifestOf(root), '{}'),
      found: { kind: 'blob' },
    },
    {
      name: 'a name that cannot be read',
      damage: (root) => writeFileSync(join(root, 'refs', 'docker.io%2Flibrary%2Fapp%3Alatest.json'), '{'),
      found: { kind: 'image', problem: 'names no image' },
    },
    {
      name: 'an image whose record cannot be read',
      damage: (root) => writeFileSync(firstFile(join(root, 'images')), 'null'),
      found: { kind: 'image', problem: 'describes no image' },
    },
    {
      name: 'an index.json that cannot be read',
      damage: (root) => writeFileSync(join(root, 'oci/index.json'), '['),
      found: { kind: 'layout', subject: 'oci/index.json' },
    },
    {
      name: 'a record that cannot be read',
      damage: (root) => writeFileSync(firstFile(join(root, 'records/results')), '\0\0'),
      found: { kind: 'record', problem: 'cannot be read' },
    },
    {
      name: 'a record of other parts than its key is made of',
      damage: (root) => editRecords(root, (text) => text.replace('COPY', 'ADD!')),
      found: { kind: 'record', problem: 'its parts are not those of its key' },
    },
    {
      name: 'files of a step that are gone',
      damage: (root) => rmSync(join(root, 'snapshots', snapshotsOf(root).at(-1) ?? '?'), { recursive: true }),
      found: { kind: 'record', severity: 'damage' },
    },
    {
      name: 'files without their mark',
      damage: (root) => rmSync(join(root, 'snapshots', snapshotsOf(root).at(-1) ?? '?', 'snapshot.json')),
      found: { kind: 'snapshot', severity: 'leftover' },
    },
  ];

  it.each(damages)('finds $name; repaired, it is built or imported again', async ({ damage, found }) => {
    const root = await fresh();
    damage(root);
    const before = await check();
    expect(before.status).toBe(1);
    expect(before.lines).toContainEqual(expect.objectContaining(found));
    // Looking changed nothing.
    expect(await check()).toEqual(before);
    const repaired = await check('--repair');
    expect(repaired.status).toBe(0);
    expect(repaired.lines.every((line) => line.repaired)).toBe(true);
    expect(await check()).toEqual({ status: 0, lines: [] });
    if ((await care.cli.run(['inspect', 'busybox:1'])).status === 0) await care.build();
    expect(await check()).toEqual({ status: 0, lines: [] });
  });

  it('S-70 a record whose pair a killed prune took is no damage, and goes', async () => {
    const root = await fresh();
    const pairs = Map.groupBy(files(join(root, 'records/results')), (path) => partsDigestOf(path));
    const pair = [...pairs.values()].find(({ length }) => length === 2) ?? [];
    expect(pair).toHaveLength(2);
    const problems: string[] = [];
    for (const path of pair) {
      const text = readFileSync(path);
      rmSync(path);
      const { status, lines } = await check();
      expect(status).toBe(0);
      problems.push(
        ...lines.filter(({ subject }) => subject.startsWith('results/')).map(({ problem }) => problem),
      );
      writeFileSync(path, text);
    }
    expect(problems).toEqual(['the record that was saved with it is gone']);
  });

  it('S-70 what killed processes leave is no damage, and goes', async () => {
    const root = await fresh();
    mkdirSync(join(root, 'snapshots/abcdefghij/fs'), { recursive: true });
    writeFileSync(join(root, 'snapshots/abcdefghij/lock'), '');
    mkdirSync(join(root, 'tmp/0123456789abcdef'));
    writeFileSync(join(root, 'tmp/0123456789abcdef.lock'), '');
    writeFileSync(join(root, 'leases/0123456789abcdef'), 'since 0\n');
    writeFileSync(join(root, 'locks/step-x'), '');
    mkdirSync(join(root, 'trash/bcdefghijk'));
    writeFileSync(join(root, 'oci/index.json'), '{"schemaVersion":2,"manifests":[]}');
    const { status, lines } = await check();
    expect(status).toBe(0);
    expect(lines.map(({ severity }) => severity)).not.toContain('damage');
    expect(lines.map(({ subject }) => subject).toSorted()).toEqual([
      'abcdefghij',
      'leases/0123456789abcdef',
      'locks/step-x',
      'oci/index.json',
      'tmp/0123456789abcdef',
      'trash/bcdefghijk',
    ]);
    await check('--repair');
    expect(await check()).toEqual({ status: 0, lines: [] });
    expect(existsSync(join(root, 'tmp/0123456789abcdef'))).toBe(false);
    expect(await care.build()).toMatchObject({ ran: 0 });
  });
});

function files(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

function firstFile(folder: string): string {
  return files(folder)[0] ?? '?';
}

/** The manifest of `app`. */
function manifestOf(root: string): string {
  const ref = readFileSync(join(root, 'refs', 'docker.io%2Flibrary%2Fapp%3Alatest.json'), 'utf8');
  const { target } = JSON.parse(ref) as { target: { digest: string } };
  return join(root, 'oci/blobs/sha256', target.digest.slice(7));
}

/** The topmost layer of `app`. */
function layerOf(root: string): string {
  const { layers } = JSON.parse(readFileSync(manifestOf(root), 'utf8')) as { layers: { digest: string }[] };
  return join(root, 'oci/blobs/sha256', layers.at(-1)?.digest.slice(7) ?? '?');
}

/** Of the longest chain of a record, bottom first. */
function snapshotsOf(root: string): readonly string[] {
  const chains = files(join(root, 'records/results')).map((path) => {
    const record = JSON.parse(readFileSync(path, 'utf8')) as {
      value: { result: { chain: string[] | null } };
    };
    return record.value.result.chain ?? [];
  });
  return chains.toSorted((one, other) => other.length - one.length)[0] ?? [];
}

function partsDigestOf(path: string): string {
  const record = JSON.parse(readFileSync(path, 'utf8')) as { value: { partsDigest: string } };
  return record.value.partsDigest;
}

function editRecords(root: string, edit: (text: string) => string): void {
  for (const path of files(join(root, 'records/results')))
    writeFileSync(path, edit(readFileSync(path, 'utf8')));
}
