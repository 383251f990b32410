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

function editOne(root: RootDir, { verb, path, second, third }: Edit): void {
  const mode = Number.parseInt(second, 8);
  const [first = 0, last = 0] = second.split(/[:.]/).map(Number);
  switch (verb) {
    case 'file': {
      root.write(path, Buffer.from(third, 'latin1'), mode);
      return;
    }
    case 'dir':
      root.mkdirAll(path, { mode: 0o755, uid: 0, gid: 0 });
      {
        root.chmod(path, mode);
        return;
      }
    case 'symlink': {
      root.symlink(second, path);
      return;
    }
    case 'hardlink': {
      root.link(second, path);
      return;
    }
    case 'char':
    case 'block': {
      root.mknod(path, { type: verb, mode: 0o644, major: first, minor: last });
      return;
    }
    case 'fifo': {
      root.mknod(path, { type: verb, mode, major: 0, minor: 0 });
      return;
    }
    case 'mv': {
      root.rename(path, second);
      return;
    }
    case 'rm': {
      root.removeAll(path);
      return;
    }
    case 'chmod': {
      root.chmod(path, mode);
      return;
    }
    case 'chown': {
      root.chown(path, first, last);
      return;
    }
    case 'time': {
      root.setTimes(path, { seconds: first, nanos: last });
      return;
    }
    case 'xattr': {
      root.setXattr(path, second, bytes(Buffer.from(third, 'hex').toString('latin1')));
      return;
    }
    default:
      throw new Error(`unknown edit ${verb}`);
  }
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
