import {
  type ByteString,
  fromBuffer,
  fromText,
  isErrno,
  nearestName,
  toText,
  TsbuildError,
} from '../core/index.ts';
import type { RootDir } from '../sys/rootdir.ts';

import { type GroupEntry, parseGroups, parsePasswd, type PasswdEntry } from './passwd.ts';

/** Who a process runs as, with everything that the kernel and the environment need of it. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** For setgroups(2): the primary group first, then the supplementary ones; never empty. */
  readonly additionalGids: readonly number[];
  /** Absolute; `/` for a user without an entry. */
  readonly home: string;
  /** Login name, for a user with an entry. */
  readonly name?: string | undefined;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** 2^32 - 1 is (uid_t) -1, which chown(2) and setresuid(2) read as "leave it as it is". */
const maxId = 0xffff_fffe;

/** Ten times any real file; what is larger would only stall the builder (CVE-2026-46680). */
const maxFileSize = 10 * 1024 * 1024;

/** NGROUPS_MAX of the kernel; setgroups(2) refuses more. */
const maxGroups = 65_536;

const passwdPath = fromText('/etc/passwd');
const groupPath = fromText('/etc/group');

/**
 * Resolves a `USER` value, `[<name|uid>][:<group|gid>]`, against the files of the root file system as Docker does: a
 * user without an entry gets group 0, a given group replaces all groups of the user, two numbers need no file. Throws
 * USER_NOT_FOUND.
 */
export function resolveUser(root: RootDir, user: string): ResolvedUser {
  const spec = splitUser(user);
  const { uid, entry } = lookUp(root, spec);
  const known = { uid, home: homeOf(entry), name: entry === undefined ? undefined : toText(entry.name) };
  if (spec.group !== '') {
    const gid = resolveGroup(root, spec.group);
    return { ...known, gid, additionalGids: [gid] };
  }
  if (entry === undefined) return { ...known, gid: 0, additionalGids: [0] };
  const gid = idOf(entry, 'gid');
  return { ...known, gid, additionalGids: groupsOf(root, entry.name, gid) };
}

/**
 * Resolves a `--chown` value. Unlike `USER`, a number alone is both uid and gid, so that it needs no file and works on
 * an empty root file system. Throws USER_NOT_FOUND: a name that is not there must never become root.
 */
export function resolveOwner(root: RootDir, chown: string): Owner {
  const spec = splitUser(chown);
  const id = numericUser(spec);
  if (id !== undefined) return { uid: id, gid: spec.group === '' ? id : resolveGroup(root, spec.group) };
  const entry = entryNamed(root, spec.user);
  const gid = spec.group === '' ? idOf(entry, 'gid') : resolveGroup(root, spec.group);
  return { uid: idOf(entry, 'uid'), gid };
}

/** `--group-add` values, names or numbers. Throws USER_NOT_FOUND. */
export function resolveGroups(root: RootDir, groups: readonly string[]): readonly number[] {
  return groups.map((group) => resolveGroup(root, group));
}

interface UserSpec {
  /** Empty when left out, as in `:staff`. */
  readonly user: string;
  readonly group: string;
}

function splitUser(text: string): UserSpec {
  const [user = '', group = '', ...rest] = text.split(':');
  if (rest.length > 0) {
    throw new TsbuildError('USER_NOT_FOUND', `not a user: ${JSON.stringify(text)}`, {
      hint: 'expected <name|uid>[:<group|gid>]',
    });
  }
  return { user, group };
}

/** The number that a string of digits is, or undefined for a name: `1x` is a name, never user 1 and never user 0. */
function parseId(text: string): number | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const id = Number(text);
  if (id <= maxId) return id;
  throw new TsbuildError('USER_NOT_FOUND', `user or group id out of range: ${text}`, {
    hint: `ids go from 0 to ${maxId}`,
  });
}

function numericUser(spec: UserSpec): number | undefined {
  return spec.user === '' ? 0 : parseId(spec.user);
}

function lookUp(root: RootDir, spec: UserSpec): { uid: number; entry: PasswdEntry | undefined } {
  const id = numericUser(spec);
  if (id !== undefined) return { uid: id, entry: entryOf(root, id, spec.group !== '') };
  const entry = entryNamed(root, spec.user);
  return { uid: idOf(entry, 'uid'), entry };
}

function entryNamed(root: RootDir, user: string): PasswdEntry {
  const entries = parsePasswd(readAccounts(root, passwdPath));
  const name = fromText(user);
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry !== undefined) return entry;
  throw notFound('user', user, entries);
}

/**
 * The entry of a number. When the ids are all given, it only tells the home directory, and a damaged file is no reason
 * to fail.
 */
function entryOf(root: RootDir, uid: number, forHomeOnly: boolean): PasswdEntry | undefined {
  try {
    return parsePasswd(readAccounts(root, passwdPath)).find((entry) => entry.uid === uid);
  } catch (error) {
    if (forHomeOnly && error instanceof TsbuildError) return undefined;
    throw error;
  }
}

function resolveGroup(root: RootDir, group: string): number {
  const id = parseId(group);
  if (id !== undefined) return id;
  const entries = parseGroups(readAccounts(root, groupPath));
  const name = fromText(group);
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry === undefined) throw notFound('group', group, entries);
  if (entry.gid !== undefined) return entry.gid;
  throw malformed('/etc/group', entry.name);
}

/** Exactly the groups that name the user, and the primary one: a group too many or too few is CVE-2023-25173. */
function groupsOf(root: RootDir, name: ByteString, primary: number): number[] {
  const gids = new Set([primary]);
  for (const entry of parseGroups(readAccounts(root, groupPath))) {
    if (entry.gid !== undefined && entry.members.includes(name)) gids.add(entry.gid);
  }
  if (gids.size <= maxGroups) return [...gids];
  throw new TsbuildError('USER_NOT_FOUND', `user ${JSON.stringify(toText(name))} is in too many groups`, {
    hint: `the kernel allows ${maxGroups}`,
  });
}

/** A FIFO, a device, a directory, a loop of links, a link into /proc, a file too large. */
const unreadable = [
  'EINVAL',
  'EISDIR',
  'ELOOP',
  'EXDEV',
  'EFBIG',
  'ENXIO',
  'EACCES',
  'EPERM',
  'ENAMETOOLONG',
];

function readAccounts(root: RootDir, path: ByteString): ByteString {
  try {
    return fromBuffer(root.read(path, maxFileSize));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return fromText('');
    if (!isErrno(error, ...unreadable)) throw error;
    throw new TsbuildError('USER_NOT_FOUND', `cannot read ${toText(path)} of the root file system`, {
      hint: 'it must be a regular file of at most 10 MiB; numeric ids (uid:gid) need no such file',
      cause: error,
    });
  }
}

function idOf(entry: PasswdEntry, field: 'uid' | 'gid'): number {
  const id = entry[field];
  if (id !== undefined) return id;
  throw malformed('/etc/passwd', entry.name);
}

function homeOf(entry: PasswdEntry | undefined): string {
  const home = entry === undefined ? '' : toText(entry.home);
  return home.startsWith('/') && !home.includes('\0') ? home : '/';
}

function malformed(file: string, name: ByteString): TsbuildError {
  return new TsbuildError(
    'USER_NOT_FOUND',
    `the entry of ${JSON.stringify(toText(name))} in ${file} is malformed`,
    { hint: `ids must be numbers from 0 to ${maxId}` },
  );
}

function notFound(
  kind: 'user' | 'group',
  name: string,
  entries: readonly (PasswdEntry | GroupEntry)[],
): TsbuildError {
  const file = kind === 'user' ? '/etc/passwd' : '/etc/group';
  const nearest = nearestName(
    name,
    entries.map((entry) => toText(entry.name)),
  );
  return new TsbuildError('USER_NOT_FOUND', `no ${kind} ${JSON.stringify(name)} in the root file system`, {
    hint:
      nearest === undefined
        ? `add it to ${file} in an earlier step, or give a numeric id`
        : `did you mean ${JSON.stringify(nearest)}?`,
  });
}
