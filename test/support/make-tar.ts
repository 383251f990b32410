import { Readable } from 'node:stream';

/** One entry as it should stand in the archive, however wrong: nothing here is checked. Text is latin1-coded bytes. */
export interface TarSpec {
  readonly path: string;
  /** The type flag by name, or any single character. Default: `file`, or what `body`, `link` say. */
  readonly type?: keyof typeof flags | (string & {});
  readonly body?: string | Uint8Array;
  readonly link?: string;
  /** 0644; directories 0755. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly device?: readonly [major: number, minor: number];
  /** Records of a PAX header put before the entry. */
  readonly pax?: Readonly<Record<string, string>>;
  /** GNU long name and long link, put before the entry. */
  readonly longName?: string;
  readonly longLink?: string;
  /** Raw bytes laid over the header before its checksum is made: what no honest writer writes. */
  readonly fields?: Partial<Record<keyof typeof offsets, string | Uint8Array>>;
  readonly flavour?: 'ustar' | 'gnu' | 'v7';
}

const flags = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
  pax: 'x',
  globalPax: 'g',
  longName: 'L',
  longLink: 'K',
};

const offsets = {
  name: 0,
  mode: 100,
  uid: 108,
  gid: 116,
  size: 124,
  mtime: 136,
  checksum: 148,
  link: 157,
  magic: 257,
  major: 329,
  minor: 337,
  prefix: 345,
};

export interface MakeTarOptions {
  /** Leave the two zero blocks out. */
  readonly open?: boolean;
}

/** An archive of the entries, in their order. */
export function makeTar(specs: readonly TarSpec[], { open = false }: MakeTarOptions = {}): Buffer {
  return Buffer.concat([...specs.map(makeEntry), ...(open ? [] : [Buffer.alloc(1024)])]);
}

/** The bytes as a stream, cut into chunks of `chunk` bytes. */
export function streamOf(bytes: Uint8Array, chunk = 65_536): Readable {
  return Readable.from(
    (function* () {
      for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
    })(),
  );
}

/** The bytes of an extended header's records, lengths counted. */
export function paxBody(records: Readonly<Record<string, string>>): string {
  return Object.entries(records)
    .map(([key, value]) => {
      const rest = ` ${key}=${value}\n`;
      let length = rest.length;
      while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
      return `${length}${rest}`;
    })
    .join('');
}

function makeEntry(spec: TarSpec): Buffer {
  const { pax, longName, longLink } = spec;
  return Buffer.concat([
    ...(pax === undefined ? [] : [makeEntry({ path: 'PaxHeaders/x', type: 'pax', body: paxBody(pax) })]),
    ...(longName === undefined
      ? []
      : [makeEntry({ path: '././@LongLink', type: 'longName', body: `${longName}\0` })]),
    ...(longLink === undefined
      ? []
      : [makeEntry({ path: '././@LongLink', type: 'longLink', body: `${longLink}\0` })]),
    makeHeader(spec),
    padded(bodyOf(spec)),
  ]);
}

function bodyOf({ body = '' }: TarSpec): Buffer {
  return typeof body === 'string' ? Buffer.from(body, 'latin1') : Buffer.from(body);
}

function padded(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

function makeHeader(spec: TarSpec): Buffer {
  const {
    path,
    link = '',
    uid = 0,
    gid = 0,
    mtime = 1_700_000_000,
    device = [0, 0],
    flavour = 'ustar',
  } = spec;
  const type = spec.type ?? 'file';
  const block = Buffer.alloc(512);
  block.write(path.slice(0, 100), offsets.name, 'latin1');
  octal(block, 'mode', 7, spec.mode ?? (type === 'directory' ? 0o755 : 0o644));
  octal(block, 'uid', 7, uid);
  octal(block, 'gid', 7, gid);
  octal(block, 'size', 11, bodyOf(spec).length);
  octal(block, 'mtime', 11, mtime);
  block.write(type in flags ? flags[type as keyof typeof flags] : type, 156, 'latin1');
  block.write(link.slice(0, 100), offsets.link, 'latin1');
  if (flavour !== 'v7') {
    block.write(flavour === 'gnu' ? 'ustar  \0' : 'ustar\x0000', offsets.magic, 'latin1');
    octal(block, 'major', 7, device[0]);
    octal(block, 'minor', 7, device[1]);
  }
  for (const [name, value] of Object.entries(spec.fields ?? {})) {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
    block.set(bytes, offsets[name as keyof typeof offsets]);
  }
  if (spec.fields?.checksum === undefined) {
    block.fill(' ', offsets.checksum, offsets.checksum + 8);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, offsets.checksum, 'latin1');
  }
  return block;
}

function octal(block: Buffer, field: keyof typeof offsets, digits: number, value: number): void {
  block.write(value.toString(8).padStart(digits, '0').slice(-digits), offsets[field], 'latin1');
}
