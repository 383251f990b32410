import type { ByteString } from '../../src/core/index.ts';
import type { Change } from '../../src/snapshot/types.ts';
import type { RootDir } from '../../src/sys/index.ts';

/** Text of a test as bytes: every character is one. */
export function bytes(text: string): ByteString {
  for (const character of text) {
    if (character.charCodeAt(0) > 0xff) throw new Error(`not a byte string: ${text}`);
  }
  return text as ByteString;
}

/**
 * Edits a tree, one line an edit:
 *
 *     file PATH MODE [CONTENT]      created or truncated         mv PATH PATH
 *     dir PATH MODE                 parents are made, 0755       rm PATH               tree and all
 *     symlink PATH TARGET                                        chmod PATH MODE
 *     hardlink PATH OLD                                          chown PATH UID:GID
 *     char PATH MAJOR:MINOR, block PATH MAJOR:MINOR              time PATH SECONDS[.NANOS]
 *     fifo PATH MODE                                             xattr PATH NAME HEX
 *
 * Words are split at blanks; `\n`, `\s` (a blank) and `\xHH` stand for bytes.
 */
export function editTree(root: RootDir, lines: readonly string[]): void {
  for (const line of lines) {
    const [verb = '', path = bytes(''), second = bytes(''), ...rest] = line.split(' ').map(unescape);
    editOne(root, { verb, path, second, third: rest.join(' ') });
  }
}

interface Edit {
  readonly verb: string;
  readonly path: ByteString;
  readonly second: ByteString;
  readonly third: string;
}

function editOne(root: RootDir, edit: Edit): void {
  const run = verbs[edit.verb];
  if (run === undefined) throw new Error(`unknown edit ${edit.verb}`);
  run(root, edit);
}

const verbs: Readonly<Record<string, (root: RootDir, edit: Edit) => void>> = {
  file: (root, { path, second, third }) => root.write(path, Buffer.from(third, 'latin1'), octal(second)),
  dir(root, { path, second }) {
    root.mkdirAll(path, { mode: 0o755, uid: 0, gid: 0 });
    root.chmod(path, octal(second));
  },
  symlink: (root, { path, second }) => root.symlink(second, path),
  hardlink: (root, { path, second }) => root.link(second, path),
  char: (root, edit) => makeDevice(root, 'char', edit),
  block: (root, edit) => makeDevice(root, 'block', edit),
  fifo: (root, { path, second }) =>
    root.mknod(path, { type: 'fifo', mode: octal(second), major: 0, minor: 0 }),
  mv: (root, { path, second }) => root.rename(path, second),
  rm: (root, { path }) => root.removeAll(path),
  chmod: (root, { path, second }) => root.chmod(path, octal(second)),
  chown(root, { path, second }) {
    const [uid = 0, gid = 0] = second.split(':').map(Number);
    root.chown(path, uid, gid);
  },
  time(root, { path, second }) {
    const [seconds = 0, nanos = 0] = second.split('.').map(Number);
    root.setTimes(path, { seconds, nanos });
  },
  xattr: (root, { path, second, third }) =>
    root.setXattr(path, second, bytes(Buffer.from(third, 'hex').toString('latin1'))),
};

function makeDevice(root: RootDir, type: 'char' | 'block', { path, second }: Edit): void {
  const [major = 0, minor = 0] = second.split(':').map(Number);
  root.mknod(path, { type, mode: 0o644, major, minor });
}

function octal(text: string): number {
  return Number.parseInt(text, 8);
}

function unescape(word: string): ByteString {
  return bytes(
    word.replace(/\\(?:x([0-9a-f]{2})|n|s)/g, (escape, hex: string | undefined) =>
      hex === undefined ? (escape === '\\n' ? '\n' : ' ') : String.fromCharCode(Number.parseInt(hex, 16)),
    ),
  );
}

/** A change as one line, without its time: `rm PATH`, `file PATH MODE UID:GID SIZE`, `symlink PATH TARGET` … and xattrs. */
export function changeLine(change: Change): string {
  const path = escape(change.path);
  if (change.kind === 'remove') return `rm ${path}`;
  const { type, mode, uid, gid, size, link = '', device, xattrs } = change.entry;
  const words: Record<typeof type, readonly string[]> = {
    file: [mode.toString(8), `${uid}:${gid}`, String(size)],
    directory: [mode.toString(8), `${uid}:${gid}`],
    symlink: [escape(link)],
    hardlink: [escape(link)],
    char: [`${device?.major ?? ''}:${device?.minor ?? ''}`],
    block: [`${device?.major ?? ''}:${device?.minor ?? ''}`],
    fifo: [mode.toString(8)],
  };
  const marks = xattrs.map(
    ([name, value]) => `${escape(name)}=${Buffer.from(value, 'latin1').toString('hex')}`,
  );
  return [type === 'directory' ? 'dir' : type, path, ...words[type], ...marks].join(' ');
}

function escape(text: string): string {
  return text.replace(/[^\x21-\x7e]/g, (byte) =>
    byte === '\n' ? '\\n' : byte === ' ' ? '\\s' : `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
