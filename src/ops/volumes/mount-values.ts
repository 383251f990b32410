import { posix, resolve } from 'node:path';

import { nearestName, TsbuildError } from '../../core/index.ts';
import { parseBytes } from '../../runtime/index.ts';
import type { BindPropagation, MountIdMap, MountRequest } from './requests.ts';
import { parseIdMap } from './id-map.ts';
import { checkVolumeName } from './names.ts';
import { tmpfsMount } from './tmpfs.ts';

const expectedVolume = 'expected [/host/path:|name:]/container/path[:ro]';

/** Words of the third part of `-v`. */
interface VolumeModes {
  readOnly: boolean;
  noCopy: boolean;
  propagation: BindPropagation;
  idMap: MountIdMap | undefined;
}

/**
 * `-v [SRC:]DST[:MODES]`: with a `/` in it SRC is a path of this machine, relative to here, else the name of a volume;
 * without SRC the volume is an anonymous one. Throws USAGE.
 */
export function parseVolumeFlag(text: string): MountRequest {
  const parts = text.split(':');
  const [first = '', second, third = '', ...rest] = parts;
  if (rest.length > 0) throw invalid('-v', text, expectedVolume);
  if (second === undefined) {
    return { kind: 'volume', destination: destinationOf('-v', text, first), readOnly: false, noCopy: false };
  }
  const destination = destinationOf('-v', text, second);
  const { readOnly, noCopy, propagation, idMap } = modesOf(text, third);
  if (first === '') throw invalid('-v', text, expectedVolume);
  if (!isPath(first)) {
    if (idMap !== undefined)
      throw invalid('-v', text, 'only folders and files of this machine can be mapped');
    return { kind: 'volume', name: checkVolumeName(first), destination, readOnly, noCopy };
  }
  const source = resolve(first);
  const more = { createSource: true, recursive: true, propagation, ...(idMap !== undefined && { idMap }) };
  return { kind: 'bind', source, destination, readOnly, ...more };
}

function isPath(source: string): boolean {
  return source.includes('/') || source === '.' || source === '..';
}

function modesOf(text: string, words: string): VolumeModes {
  const modes: VolumeModes = { readOnly: false, noCopy: false, propagation: 'rprivate', idMap: undefined };
  for (const word of words === '' ? [] : words.split(',')) {
    if (word === 'ro') modes.readOnly = true;
    else if (word === 'nocopy') modes.noCopy = true;
    else if (isPropagation(word)) modes.propagation = word;
    else if (/^idmap(=|$)/.test(word)) modes.idMap = parseIdMap('-v', text, word.slice('idmap='.length));
    // The last ones said something to Docker on other systems once; scripts for all of them still write them.
    else if (!['rw', 'consistent', 'cached', 'delegated'].includes(word)) {
      throw invalid(
        '-v',
        text,
        `the mode ${word} is not one of ro, rw, nocopy, rprivate, rslave and idmap=…`,
      );
    }
  }
  return modes;
}

function isPropagation(word: string): word is BindPropagation {
  return word === 'private' || word === 'rprivate' || word === 'slave' || word === 'rslave';
}

const keysOf = {
  bind: [
    'source',
    'destination',
    'readonly',
    'bind-propagation',
    'bind-recursive',
    'bind-nonrecursive',
    'bind-create-src',
    'idmap',
  ],
  volume: ['source', 'destination', 'readonly', 'volume-nocopy', 'volume-subpath'],
  tmpfs: ['destination', 'readonly', 'tmpfs-size', 'tmpfs-mode'],
} as const satisfies Readonly<Record<MountRequest['kind'], readonly string[]>>;

const aliases: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'destination',
  target: 'destination',
  ro: 'readonly',
};

/** `--mount type=bind|volume|tmpfs,source=…,target=…[,readonly]…`. Throws USAGE. */
export function parseMountFlag(text: string): MountRequest {
  const fields = fieldsOf(text);
  const type = fields.get('type') ?? 'volume';
  fields.delete('type');
  if (type !== 'bind' && type !== 'volume' && type !== 'tmpfs')
    throw invalid('--mount', text, `the type ${type} is not one of bind, volume and tmpfs`);
  refuseUnknownKeys(text, type, fields);
  const destination = destinationOf('--mount', text, fields.get('destination') ?? '');
  const readOnly = flagOf(text, fields, 'readonly');
  switch (type) {
    case 'bind':
      return bindMount(text, fields, { destination, readOnly });
    case 'volume':
      return volumeMount(text, fields, { destination, readOnly });
    case 'tmpfs':
      return tmpfsMount(destination, [
        ...(readOnly ? ['ro'] : []),
        ...valueOf(fields, 'tmpfs-size', (size) => `size=${parseBytes('tmpfs-size', size)}`),
        ...valueOf(fields, 'tmpfs-mode', (mode) => `mode=${mode}`),
      ]);
  }
}

type Fields = Map<string, string>;
type Place = Pick<MountRequest & { readonly kind: 'bind' }, 'destination' | 'readOnly'>;

function fieldsOf(text: string): Fields {
  const fields: Fields = new Map();
  for (const part of text.split(',')) {
    const equals = part.indexOf('=');
    const written = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    const key = aliases[written] ?? written;
    if (key === '') throw invalid('--mount', text, 'expected key=value pairs between commas');
    if (fields.has(key)) throw invalid('--mount', text, `${written} is given twice`);
    fields.set(key, equals < 0 ? 'true' : part.slice(equals + 1));
  }
  return fields;
}

function refuseUnknownKeys(text: string, type: MountRequest['kind'], fields: Fields): void {
  const known: readonly string[] = keysOf[type];
  const key = [...fields.keys()].find((each) => !known.includes(each));
  if (key === undefined) return;
  const near = nearestName(key, known);
  throw invalid(
    '--mount',
    text,
    near === undefined
      ? `type=${type} has no ${key}; it has ${known.join(', ')}`
      : `${key}: did you mean ${near}?`,
  );
}

function bindMount(text: string, fields: Fields, place: Place): MountRequest {
  const source = fields.get('source') ?? '';
  const propagation = fields.get('bind-propagation') ?? 'rprivate';
  if (source === '') throw invalid('--mount', text, 'a bind mount needs source=PATH');
  if (!isPropagation(propagation)) {
    throw invalid('--mount', text, 'bind-propagation is one of private, rprivate, slave and rslave');
  }
  const recursive =
    !flagOf(text, fields, 'bind-nonrecursive') &&
    recursiveOf(text, fields.get('bind-recursive') ?? 'enabled');
  const createSource = flagOf(text, fields, 'bind-create-src');
  const [idMap] = valueOf(fields, 'idmap', (value) => parseIdMap('--mount', text, value));
  const more = { createSource, recursive, propagation, ...(idMap !== undefined && { idMap }) };
  return { kind: 'bind', source: resolve(source), ...place, ...more };
}

function recursiveOf(text: string, word: string): boolean {
  if (word === 'enabled') return true;
  if (word === 'disabled') return false;
  throw invalid('--mount', text, 'bind-recursive is one of enabled and disabled');
}

function volumeMount(text: string, fields: Fields, place: Place): MountRequest {
  const name = fields.get('source') ?? '';
  const subpath = fields.get('volume-subpath');
  if (
    subpath !== undefined &&
    (subpath === '' || subpath.startsWith('/') || subpath.split('/').includes('..'))
  )
    throw invalid('--mount', text, 'volume-subpath is a path inside the volume, without .. in it');
  return {
    kind: 'volume',
    ...place,
    name: name === '' ? undefined : checkVolumeName(name),
    subpath,
    noCopy: flagOf(text, fields, 'volume-nocopy'),
  };
}

function flagOf(text: string, fields: Fields, key: string): boolean {
  const value = fields.get(key) ?? 'false';
  if (['true', '1'].includes(value)) return true;
  if (['false', '0'].includes(value)) return false;
  throw invalid('--mount', text, `${key} is true or false`);
}

function valueOf<T>(fields: Fields, key: string, map: (value: string) => T): readonly T[] {
  const value = fields.get(key);
  return value === undefined ? [] : [map(value)];
}

/** `--tmpfs /path[:options]`. Throws USAGE. */
export function parseTmpfsFlag(text: string): MountRequest {
  const colon = text.indexOf(':');
  const path = colon < 0 ? text : text.slice(0, colon);
  const words =
    colon < 0
      ? []
      : text
          .slice(colon + 1)
          .split(',')
          .filter((word) => word !== '');
  return tmpfsMount(destinationOf('--tmpfs', text, path), words);
}

function destinationOf(flag: string, text: string, path: string): string {
  if (!path.startsWith('/')) {
    throw invalid(
      flag,
      text,
      flag === '-v' ? expectedVolume : 'the path in the container must be an absolute one',
    );
  }
  if (path.includes('\0')) throw invalid(flag, text, 'the path holds a NUL character');
  const clean = posix.resolve('/', path);
  if (clean === '/') throw invalid(flag, text, 'nothing can be mounted over the whole root file system');
  return clean;
}

/** Everything that is mounted: two at one place are a mistake, since one would hide the other. Throws USAGE. */
export function refuseSamePlace(requests: readonly MountRequest[]): void {
  const seen = new Set<string>();
  for (const { destination } of requests) {
    if (seen.has(destination)) throw new TsbuildError('USAGE', `-v: two mounts at ${destination}`);
    seen.add(destination);
  }
}

function invalid(flag: string, text: string, hint: string): TsbuildError {
  return new TsbuildError('USAGE', `${flag}: invalid value ${JSON.stringify(text)}`, { hint });
}
