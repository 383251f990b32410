import { isErrno, TsbuildError, type ByteString } from '../../core/index.ts';
import type { RootDir } from '../../sys/rootdir.ts';
import { listImageFolder, plainText, readImageFile } from './read.ts';
import { rpmHeader, type RpmHeader } from './rpm-header.ts';
import type { FoundPackage, Warn } from './types.ts';

/** Ten times what images have. */
const maxBytes = 256 * 2 ** 20;
const maxPackages = 100_000;
const sqliteHeaderBytes = 100;
const folders = ['var/lib/rpm', 'usr/lib/sysimage/rpm'];
/** Of rpm before 4.16, and of SUSE's. */
const unread: Readonly<Record<string, string>> = { Packages: 'Berkeley DB', 'Packages.db': 'ndb' };

/** What rpm's database has, in its form since rpm 4.16. One of another form is told of. */
export function rpmPackages(root: RootDir, warn: Warn): readonly FoundPackage[] {
  for (const folder of folders) {
    const names = listImageFolder(root, folder);
    const path = `${folder}/rpmdb.sqlite`;
    if (names.includes('rpmdb.sqlite' as ByteString)) {
      // What was not written back when the last program ended without its due is in there.
      if (sizeOf(root, `${path}-wal`) > 0)
        warn(`the SBOM leaves out what /${path}-wal has: the database was not closed`);
      const bytes = readImageFile(root, path, maxBytes);
      // Where /var/lib/rpm is a link to the other folder both are the same file.
      if (bytes !== undefined) return packagesIn(bytes, path, warn);
    }
    const other = names.find((name) => Object.hasOwn(unread, name));
    if (other !== undefined) {
      warn(`the SBOM has no rpm packages: /${folder}/${other} is ${unread[other] ?? ''}, which is not read`);
      return [];
    }
  }
  return [];
}

function packagesIn(bytes: Buffer, from: string, warn: Warn): readonly FoundPackage[] {
  const found: FoundPackage[] = [];
  let odd = 0;
  for (const header of headersIn(bytes, from)) {
    const name = plainText(header?.name);
    // Keys of signatures are kept as if they were packages.
    if (name === 'gpg-pubkey') continue;
    const [version, release] = [plainText(header?.version), plainText(header?.release)];
    if (name === undefined || version === undefined || release === undefined || /\s/.test(name)) {
      odd += 1;
      continue;
    }
    const source = plainText(header?.source);
    found.push({
      ...{ kind: 'rpm', name, version: `${version}-${release}`, from, epoch: header?.epoch },
      architecture: plainText(header?.architecture, 32),
      source: source === undefined ? undefined : { name: source },
      license: plainText(header?.license),
    });
  }
  if (odd > 0) warn(`the SBOM leaves out ${odd} entries of /${from} without a usable name and version`);
  return found;
}

/** Anything else could be a view, or a column that is reckoned: SQL of a stranger that runs when it is read. */
const tableSql =
  /^CREATE TABLE ['"]?Packages['"]?\s*\(\s*hnum INTEGER PRIMARY KEY AUTOINCREMENT,\s*blob BLOB NOT NULL\s*\)$/;

function headersIn(bytes: Buffer, from: string): readonly (RpmHeader | undefined)[] {
  if (bytes.byteLength < sqliteHeaderBytes) throw unreadable(from);
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  // Without its journal a database that has one is as any other (sqlite.org, "Deserialize a database").
  bytes.fill(1, 18, 20);
  try {
    using database = new DatabaseSync(':memory:');
    if (!('deserialize' in database))
      throw new TsbuildError('HOST_UNSUPPORTED', `a newer Node is needed to read /${from} for the SBOM`);
    database.deserialize(bytes);
    database.exec('PRAGMA trusted_schema = OFF');
    const known = database.prepare(
      "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = 'Packages'",
    );
    const sql = known.get()?.['sql'];
    if (typeof sql !== 'string' || !tableSql.test(sql)) throw unreadable(from);
    const found: (RpmHeader | undefined)[] = [];
    // Whatever is there in its place: a number may be too large for JavaScript.
    const rows = database.prepare('SELECT CAST(blob AS BLOB) AS blob FROM Packages ORDER BY hnum');
    let left = bytes.byteLength;
    for (const { blob } of rows.iterate()) {
      // Rows may share pages, so that a small file says as much as it likes.
      left -= blob instanceof Uint8Array ? blob.byteLength : 0;
      if (found.length >= maxPackages || left < 0) throw unreadable(from);
      found.push(blob instanceof Uint8Array ? rpmHeader(blob) : undefined);
    }
    return found;
  } catch (error) {
    if (isErrno(error, 'ERR_SQLITE_ERROR')) throw unreadable(from, error);
    throw error;
  }
}

function sizeOf(root: RootDir, path: string): number {
  try {
    return root.lstat(path as ByteString).size;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return 0;
    throw error;
  }
}

function unreadable(from: string, cause?: unknown): TsbuildError {
  return new TsbuildError('ATTESTATION_FAILED', `the SBOM cannot be made: /${from} is no database of rpm`, {
    hint: 'build without --sbom, or find out what wrote that file',
    cause,
  });
}
