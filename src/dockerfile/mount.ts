import { posix } from 'node:path';
import { nearestName, splitCsv, TsbuildError } from '../core/index.ts';
import { quote } from './characters.ts';
import type { MountSyntax, RunMount } from './types.ts';

const types = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;
const sharings = ['shared', 'private', 'locked'] as const;

type MountType = RunMount['type'];

/** Every option, the one name it goes by, and the types that allow it; what other types ignore is `ignored`. */
const options: Readonly<
  Record<string, { name: keyof RunMount | 'readwrite'; types: string; ignored?: string }>
> = {
  type: { name: 'type', types: 'bind cache tmpfs secret ssh' },
  target: { name: 'target', types: 'bind cache tmpfs secret ssh' },
  dst: { name: 'target', types: 'bind cache tmpfs secret ssh' },
  destination: { name: 'target', types: 'bind cache tmpfs secret ssh' },
  source: { name: 'source', types: 'bind cache secret', ignored: 'tmpfs' },
  src: { name: 'source', types: 'bind cache secret', ignored: 'tmpfs' },
  from: { name: 'from', types: 'bind cache', ignored: 'tmpfs' },
  readonly: { name: 'readonly', types: 'bind cache tmpfs secret ssh' },
  ro: { name: 'readonly', types: 'bind cache tmpfs secret ssh' },
  readwrite: { name: 'readwrite', types: 'bind cache tmpfs secret ssh' },
  rw: { name: 'readwrite', types: 'bind cache tmpfs secret ssh' },
  id: { name: 'id', types: 'cache secret ssh', ignored: 'bind tmpfs' },
  sharing: { name: 'sharing', types: 'cache' },
  mode: { name: 'mode', types: 'cache secret ssh' },
  uid: { name: 'uid', types: 'cache secret ssh' },
  gid: { name: 'gid', types: 'cache secret ssh' },
  size: { name: 'size', types: 'tmpfs' },
  required: { name: 'required', types: 'secret ssh' },
  env: { name: 'env', types: 'secret' },
};

const flags = ['readonly', 'readwrite', 'required'];

/** Splits a `--mount` value and checks what does not depend on variables. Throws DOCKERFILE_SYNTAX, without a place. */
export function parseMount(text: string): MountSyntax {
  const syntax = {
    text,
    options: csvFields(text).map((field) => {
      const equals = field.indexOf('=');
      if (equals < 0) return { name: field.toLowerCase() };
      return { name: field.slice(0, equals).toLowerCase(), value: field.slice(equals + 1) };
    }),
  };
  for (const { name, value } of syntax.options) {
    if (name === 'from' && value !== undefined && /\$./.test(value)) {
      throw fail(
        "'from' doesn't support variable expansion, define alias stage instead",
        'add a stage FROM image-with-$VARIABLE AS name, and write from=name',
      ).blaming(`${name}=${value}`);
    }
  }
  if (!/[$\\`'"]/.test(text)) resolveMount(syntax, (word) => word);
  return syntax;
}

/**
 * The mount with its values expanded and checked. A secret's `source` has become its `id`, which falls back on the last
 * part of the target; `readonly` is always set. Throws DOCKERFILE_SYNTAX, without a place, and what `expand` throws.
 */
export function resolveMount(mount: MountSyntax, expand: (word: string) => string): RunMount {
  const given = mount.options.map(({ name, value }) => ({
    name,
    value: value === undefined || name === 'from' ? value : expand(value),
    written: value === undefined ? name : `${name}=${value}`,
  }));
  const typed = given.findLast((option) => option.name === 'type');
  const type = blaming(typed?.written ?? '', () => typeOf(typed?.value ?? 'bind'));
  const result: { -readonly [Name in keyof RunMount]: RunMount[Name] } = {
    type,
    readonly: type !== 'cache' && type !== 'tmpfs',
  };
  for (const { name, value, written } of given) {
    blaming(written, () => {
      const option = Object.hasOwn(options, name) ? options[name] : undefined;
      if (option === undefined) throw unknownOption(name, type);
      if (option.ignored?.includes(type) === true) return;
      if (!option.types.split(' ').includes(type)) throw notForType(name, type);
      assign(result, option.name, requiredValue(name, option.name, value));
    });
  }
  return checked(result);
}

/** What the action throws is the fault of the option. */
function blaming<T>(option: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof TsbuildError ? error.blaming(option) : error;
  }
}

function notForType(name: string, type: MountType): TsbuildError {
  const others = options[name]?.types.split(' ').join(', ') ?? '';
  return fail(`unexpected key '${name}' for mount type '${type}'`, `it is for mounts of type ${others}`);
}

type MutableMount = { -readonly [Name in keyof RunMount]: RunMount[Name] };

function assign(mount: MutableMount, name: keyof RunMount | 'readwrite', value: string): void {
  switch (name) {
    case 'type':
      break;
    case 'readonly':
      mount.readonly = bool(name, value);
      break;
    case 'readwrite':
      mount.readonly = !bool(name, value);
      break;
    case 'required':
      mount.required = bool(name, value);
      break;
    case 'sharing':
      mount.sharing = sharingOf(value);
      break;
    case 'mode':
      if (!/^0*[0-7]{1,4}$/.test(value))
        throw fail(`invalid value ${quote(value)} for mode`, 'write an octal mode, as mode=0700');
      mount.mode = Number.parseInt(value, 8);
      break;
    case 'uid':
    case 'gid':
      // 4294967295 is the kernel's "leave it", never an owner.
      if (!/^\d{1,10}$/.test(value) || Number(value) >= 0xffff_ffff) {
        throw fail(`invalid value ${quote(value)} for ${name}`, `write a number, as ${name}=1000`);
      }
      mount[name] = Number(value);
      break;
    case 'size':
      mount.size = byteSize(value);
      break;
    case 'target':
    case 'source':
    case 'from':
    case 'id':
    case 'env':
      mount[name] = value === '' ? undefined : value;
      break;
  }
}

function checked(mount: MutableMount): RunMount {
  const { type, target } = mount;
  if (target === undefined && (type === 'bind' || type === 'cache' || type === 'tmpfs')) {
    throw fail(`a ${type} mount needs a target`, 'add target=/path');
  }
  if (target !== undefined && posix.normalize(target).replace(/\/$/, '') === '') {
    throw fail(`invalid mount target ${quote(target)}`, 'the root file system itself cannot be mounted over');
  }
  if (type !== 'secret') return mount;
  if (mount.source !== undefined && mount.id !== undefined) {
    throw fail("both source and id can't be set", 'they mean the same: keep id');
  }
  const id = mount.id ?? mount.source ?? (target === undefined ? undefined : posix.basename(target));
  if (id === undefined) throw fail('a secret mount needs an id or a target', 'add id=NAME');
  return { ...mount, source: undefined, id };
}

function typeOf(value: string): MountType {
  const type = types.find((known) => known === value.toLowerCase());
  if (type !== undefined) return type;
  throw fail(`unsupported mount type ${quote(value)}`, didYouMean(value, types));
}

function sharingOf(value: string): (typeof sharings)[number] {
  const sharing = sharings.find((known) => known === value.toLowerCase());
  if (sharing !== undefined) return sharing;
  throw fail(`unsupported sharing value ${quote(value)}`, didYouMean(value, sharings));
}

function unknownOption(name: string, type: MountType): TsbuildError {
  const allowed = Object.keys(options).filter((option) => options[option]?.types.split(' ').includes(type));
  return fail(`unexpected key ${quote(name)} in --mount`, didYouMean(name, allowed));
}

function didYouMean(name: string, known: readonly string[]): string {
  const near = nearestName(name, known);
  return near === undefined ? `expected one of ${known.join(', ')}` : `did you mean ${near}?`;
}

/** A bare option means true, where that makes sense. */
function requiredValue(written: string, name: string, value: string | undefined): string {
  if (value !== undefined) return value;
  if (flags.includes(name)) return 'true';
  throw fail(`invalid field '${written}' must be a key=value pair`, `write ${written}=VALUE`);
}

function bool(name: string, value: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(value)) return false;
  throw fail(`invalid value for ${name}: ${quote(value)}`, 'write true or false');
}

/** `100m`, `1.5 GiB`, `4096`: powers of 1024, as docker's --memory. */
function byteSize(value: string): number {
  const match = /^(\d{1,15}(?:\.\d{1,9})?) ?(?:([kmgtp])i?)?b?$/i.exec(value);
  const exponent = ' kmgtp'.indexOf(match?.[2]?.toLowerCase() ?? ' ');
  const size = Math.floor(Number(match?.[1]) * 1024 ** exponent);
  if (match !== null && Number.isSafeInteger(size)) return size;
  throw fail(
    `invalid value for size: ${quote(value)}`,
    'write a number of bytes, or one with k, m or g, as size=64m',
  );
}

function fail(message: string, hint?: string): TsbuildError {
  return new TsbuildError('DOCKERFILE_SYNTAX', message, { hint });
}

/** The fields of a mount or device option. */
export function csvFields(text: string): readonly string[] {
  const fields = splitCsv(text);
  if (fields !== undefined) return fields;
  throw fail(`misplaced quote in ${quote(text)}`, 'quote the whole field: "target=/a,b"');
}
