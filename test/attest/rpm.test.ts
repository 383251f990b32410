import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';

import { sbomOf } from '../../src/attest/sbom.ts';
import { digestOf } from '../../src/core/index.ts';
import { imageTree } from '../support/image-tree.ts';
import { checkedSpdx, purlsOf, type SpdxDocument } from '../support/spdx-schema.ts';
import { tempFolder } from '../support/temp-folder.ts';

type Values = Readonly<Record<number, string | number>>;

/** A header as rpm keeps it in its database. */
function header(values: Values): Buffer {
  const entries: Buffer[] = [];
  const data: Buffer[] = [];
  let offset = 0;
  for (const [tag, value] of Object.entries(values)) {
    const bytes = typeof value === 'string' ? Buffer.from(`${value}\0`) : Buffer.alloc(4);
    if (typeof value === 'number') bytes.writeUInt32BE(value);
    const entry = Buffer.alloc(16);
    [Number(tag), typeof value === 'string' ? 6 : 4, offset, 1].forEach((one, i) =>
      entry.writeUInt32BE(one, i * 4),
    );
    entries.push(entry);
    data.push(bytes);
    offset += bytes.byteLength;
  }
  const counts = Buffer.alloc(8);
  counts.writeUInt32BE(entries.length, 0);
  counts.writeUInt32BE(offset, 4);
  return Buffer.concat([counts, ...entries, ...data]);
}

const table = "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)";

/** With a journal beside it while it was open, as rpm's. */
function database(headers: readonly Buffer[], schema = table): Buffer {
  const path = join(tempFolder('rpm').path, 'rpmdb.sqlite');
  {
    using made = new DatabaseSync(path);
    made.exec('PRAGMA journal_mode = WAL');
    made.exec(schema);
    for (const one of headers) made.prepare('INSERT INTO Packages (blob) VALUES (?)').run(one);
  }
  return readFileSync(path);
}

function sbom(files: Readonly<Record<string, Buffer>>): {
  document: SpdxDocument;
  warnings: readonly string[];
} {
  const warnings: string[] = [];
  using root = imageTree({ 'etc/os-release': 'ID=fedora\nVERSION_ID=41\n' });
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(join(root.folder, dirname(path)), { recursive: true });
    writeFileSync(join(root.folder, path), bytes);
  }
  if (!('var/lib/rpm' in files) && Object.keys(files).some((path) => path.startsWith('usr/lib/sysimage'))) {
    mkdirSync(join(root.folder, 'var/lib'), { recursive: true });
    symlinkSync('../../usr/lib/sysimage/rpm', join(root.folder, 'var/lib/rpm'));
  }
  const facts = {
    name: 'app',
    id: digestOf('x'),
    tool: 'tsbuild-0',
    warn: (text: string) => void warnings.push(text),
  };
  const { predicate } = sbomOf({ filename: 'x' }, root, facts)(new Date(0));
  return { document: checkedSpdx(predicate), warnings };
}

const bash: Values = {
  ...{ 1000: 'bash', 1001: '5.2.32', 1002: '1.fc41', 1014: 'GPL-3.0-or-later', 1022: 'x86_64' },
  1044: 'bash-5.2.32-1.fc41.src.rpm',
};

describe('packages of rpm', () => {
  it.each(['var/lib/rpm', 'usr/lib/sysimage/rpm'])('O-81 of the database in /%s, each once', (folder) => {
    const key = header({ 1000: 'gpg-pubkey', 1001: 'a', 1002: 'b' });
    const epoch = header({ 1000: 'shadow-utils', 1001: '4.15', 1002: '3.fc41', 1003: 2, 1022: 'x86_64' });
    const file = database([header(bash), key, epoch, header({ 1000: 'no-version' }), Buffer.alloc(7)]);
    const { document, warnings } = sbom({ [`${folder}/rpmdb.sqlite`]: file });
    expect(purlsOf(document)).toEqual([
      'pkg:rpm/fedora/bash@5.2.32-1.fc41?arch=x86_64&distro=fedora-41&upstream=bash-5.2.32-1.fc41.src.rpm',
      'pkg:rpm/fedora/shadow-utils@4.15-3.fc41?arch=x86_64&distro=fedora-41&epoch=2',
    ]);
    expect(document.packages.find(({ name }) => name === 'bash')?.licenseDeclared).toBe('GPL-3.0-or-later');
    expect(warnings).toEqual([expect.stringContaining('leaves out 2 entries')]);
  });

  it.each([
    ['Berkeley DB', 'var/lib/rpm/Packages'],
    ['ndb', 'usr/lib/sysimage/rpm/Packages.db'],
  ])('O-81 %s is not read, which is said', (form, path) => {
    const { document, warnings } = sbom({ [path]: Buffer.from('x') });
    expect(purlsOf(document)).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining(`is ${form}`)]);
  });

  it('O-81 says what a database that was not closed may lack', () => {
    const folder = 'var/lib/rpm/rpmdb.sqlite';
    const { warnings } = sbom({ [folder]: database([header(bash)]), [`${folder}-wal`]: Buffer.from('x') });
    expect(warnings).toEqual([expect.stringContaining('was not closed')]);
  });

  it.each<[what: string, bytes: () => Buffer]>([
    ['no database', () => Buffer.from('x'.repeat(4096))],
    ['an empty file', () => Buffer.alloc(0)],
    ['one without the table', () => database([], 'CREATE TABLE other (a)')],
    [
      'a view, which runs what it likes',
      () => database([], 'CREATE VIEW Packages AS SELECT zeroblob(9) AS blob'),
    ],
    [
      'a column that is reckoned',
      () => database([], 'CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob AS (zeroblob(9)))'),
    ],
    ['one that is cut', () => database([header({ ...bash, 1014: 'x'.repeat(9000) })]).subarray(0, 6000)],
  ])('O-81 S-61 %s is ATTESTATION_FAILED', (_what, bytes) => {
    const read = (): unknown => sbom({ 'var/lib/rpm/rpmdb.sqlite': bytes() });
    expect(read).toThrow(expect.objectContaining({ code: 'ATTESTATION_FAILED' }));
  });

  it('O-81 S-61 rows that share their pages say no more than the file has', () => {
    const path = 'var/lib/rpm/rpmdb.sqlite';
    const large = ['a', 'b', 'c', 'd'].map((name) =>
      header({ ...bash, 1000: `bas${name}`, 1014: 'x'.repeat(102_650) }),
    );
    const file = database(large);
    expect(purlsOf(sbom({ [path]: file }).document)).toHaveLength(4);
    // Cells lie one before the other from the end of the page on; each ends in the number of the page where it goes on.
    const page = file.subarray(4096, 8192);
    const ends = [4096, page.readUInt16BE(8), page.readUInt16BE(10), page.readUInt16BE(12)];
    const [first = 0, second = 0] = ends.map((end) => page.readUInt32BE(end - 4));
    for (const end of ends) page.writeUInt32BE(first, end - 4);
    file.writeUInt32BE(second - 1, 28);
    const read = (): unknown => sbom({ [path]: file.subarray(0, (second - 1) * 4096) });
    expect(read).toThrow(expect.objectContaining({ code: 'ATTESTATION_FAILED' }));
  });

  it('O-81 S-61 what is no header, or has endless texts, is left out', () => {
    const path = join(tempFolder('rpm').path, 'rpmdb.sqlite');
    {
      using made = new DatabaseSync(path);
      made.exec(`${table}; INSERT INTO Packages (blob) VALUES (1 << 62), ('text')`);
      made.prepare('INSERT INTO Packages (blob) VALUES (?)').run(header({ ...bash, 1000: ' '.repeat(1e5) }));
    }
    const { document, warnings } = sbom({ 'var/lib/rpm/rpmdb.sqlite': readFileSync(path) });
    expect(purlsOf(document)).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining('leaves out 3 entries')]);
  });

  it('O-81 headers that point anywhere are left out', () => {
    const far = header(bash);
    far.writeUInt32BE(0xffff_fff0, 8 + 8);
    const many = header(bash);
    many.writeUInt32BE(0xffff_ffff, 0);
    const { document, warnings } = sbom({ 'var/lib/rpm/rpmdb.sqlite': database([far, many]) });
    expect(purlsOf(document)).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining('leaves out 2 entries')]);
  });
});
