import { TsbuildError } from '../../core/index.ts';
import type { MountAttribute, MountChanges, MountOption, Propagation } from './ops.ts';

/** The options of a runtime-spec mount, sorted by what they speak of. */
export interface ParsedOptions {
  readonly bind: 'no' | 'bind' | 'rbind';
  /** Its ids are others, by the maps of the mount; `ridmap`: also those of the mounts below it. */
  readonly mapped: 'no' | 'idmap' | 'ridmap';
  readonly changes: MountChanges;
  /** For the file system itself, unknown ones included, as the spec asks for. */
  readonly data: readonly MountOption[];
}

export const noChanges: MountChanges = {
  set: [],
  clear: [],
  recursiveSet: [],
  recursiveClear: [],
  propagation: undefined,
};

const attributeWords: Readonly<Record<string, readonly ['set' | 'clear', MountAttribute]>> = {
  ro: ['set', 'ro'],
  rw: ['clear', 'ro'],
  nosuid: ['set', 'nosuid'],
  suid: ['clear', 'nosuid'],
  nodev: ['set', 'nodev'],
  dev: ['clear', 'nodev'],
  noexec: ['set', 'noexec'],
  exec: ['clear', 'noexec'],
  nosymfollow: ['set', 'nosymfollow'],
  symfollow: ['clear', 'nosymfollow'],
  noatime: ['set', 'noatime'],
  atime: ['clear', 'noatime'],
  strictatime: ['set', 'strictatime'],
  nostrictatime: ['clear', 'strictatime'],
  relatime: ['set', 'relatime'],
  norelatime: ['clear', 'relatime'],
  nodiratime: ['set', 'nodiratime'],
  diratime: ['clear', 'nodiratime'],
};

const propagations: ReadonlySet<string> = new Set<Propagation>([
  'private',
  'rprivate',
  'slave',
  'rslave',
  'shared',
  'rshared',
  'unbindable',
  'runbindable',
]);

/** Flags of the whole file system, which the kernel's mount API takes as options of it. */
const superblockWords: ReadonlySet<string> = new Set([
  'sync',
  'async',
  'dirsync',
  'lazytime',
  'nolazytime',
  'mand',
  'nomand',
]);

/** Words that say nothing to the kernel here: what they ask for is so anyway. */
const withoutEffect: ReadonlySet<string> = new Set([
  'defaults',
  'loud',
  'silent',
  'iversion',
  'noiversion',
  'remount',
  // Every instance of devpts is a new one since Linux 4.7.
  'newinstance',
]);

/** Ones that change how ids or contents are seen: ignoring them would run the container wrongly. */
const unsupportedWords: ReadonlySet<string> = new Set(['tmpcopyup']);

/** Every word with a meaning of its own; others go to the file system as they are. */
export const mountOptionWords: readonly string[] = [
  ...Object.keys(attributeWords),
  ...Object.keys(attributeWords).map((word) => `r${word}`),
  ...propagations,
  ...superblockWords,
  ...withoutEffect,
  ...['bind', 'rbind', 'idmap', 'ridmap'],
].toSorted();

/** runtime-spec config.md, "Linux mount options". */
export function parseMountOptions(options: readonly string[]): ParsedOptions {
  let bind: ParsedOptions['bind'] = 'no';
  let mapped: ParsedOptions['mapped'] = 'no';
  let propagation: Propagation | undefined;
  const plain = new Map<MountAttribute, 'set' | 'clear'>();
  const recursive = new Map<MountAttribute, 'set' | 'clear'>();
  const data: MountOption[] = [];
  for (const option of options) {
    const attribute = attributeWords[option];
    const below = option.startsWith('r') ? attributeWords[option.slice(1)] : undefined;
    if (attribute !== undefined) plain.set(attribute[1], attribute[0]);
    else if (option === 'bind' || option === 'rbind') bind = option;
    else if (option === 'idmap' || option === 'ridmap') mapped = option;
    else if (isPropagation(option)) propagation = option;
    else if (below !== undefined) recursive.set(below[1], below[0]);
    else if (unsupportedWords.has(option)) throw unsupported(option);
    else if (!withoutEffect.has(option)) data.push(dataOption(option));
  }
  return {
    bind,
    mapped,
    changes: {
      set: pick(plain, 'set'),
      clear: pick(plain, 'clear'),
      recursiveSet: pick(recursive, 'set'),
      recursiveClear: pick(recursive, 'clear'),
      propagation,
    },
    data,
  };
}

function isPropagation(word: string): word is Propagation {
  return propagations.has(word);
}

function pick(map: ReadonlyMap<MountAttribute, 'set' | 'clear'>, what: 'set' | 'clear'): MountAttribute[] {
  return [...map].filter(([, action]) => action === what).map(([attribute]) => attribute);
}

function dataOption(option: string): MountOption {
  const equals = option.indexOf('=');
  if (superblockWords.has(option) || equals < 0) return { key: option, value: undefined };
  return { key: option.slice(0, equals), value: option.slice(equals + 1) };
}

function unsupported(option: string): TsbuildError {
  return new TsbuildError('RUNTIME_SETUP', `the mount option ${JSON.stringify(option)} is not supported`);
}
