import { type ByteString, TsbuildError } from '../core/index.ts';

/** A line of passwd(5). An id that is no number from 0 to 2^32 - 2 is undefined: it must never be read as 0. */
export interface PasswdEntry {
  readonly name: ByteString;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly home: ByteString;
}

/** A line of group(5). */
export interface GroupEntry {
  readonly name: ByteString;
  readonly gid: number | undefined;
  readonly members: readonly ByteString[];
}

/** Images are foreign: a file of empty entries or one endless line costs the builder time and memory. */
const maxEntries = 100_000;
const maxLine = 1024 * 1024;

export function parsePasswd(text: ByteString): PasswdEntry[] {
  return lines(text, '/etc/passwd').map((line) => {
    const [name = '', , uid = '', gid = '', , home = ''] = line.split(':', 7);
    return { name: name as ByteString, uid: parseField(uid), gid: parseField(gid), home: home as ByteString };
  });
}

export function parseGroups(text: ByteString): GroupEntry[] {
  return lines(text, '/etc/group').map((line) => {
    const [name = '', , gid = '', members = ''] = line.split(':', 5);
    return {
      name: name as ByteString,
      gid: parseField(gid),
      members: members.split(',').map((member) => trimBlanks(member) as ByteString),
    };
  });
}

/** Comments and the `+` and `-` lines of NIS are no entries, as in the C library. */
function lines(text: ByteString, file: string): string[] {
  const found: string[] = [];
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    if (end - start > maxLine) throw tooLarge(file, `a line is longer than ${maxLine} bytes`);
    const line = trimBlanks(text.slice(start, end));
    start = end + 1;
    if (line === '' || /^[#:+-]/.test(line)) continue;
    if (found.push(line) > maxEntries) throw tooLarge(file, `it has more than ${maxEntries} entries`);
  }
  return found;
}

/**
 * ASCII blanks only: String.trim would also cut the byte A0, which ends letters such as à in UTF-8. A loop, because a
 * regular expression anchored at the end takes quadratic time on a line of blanks.
 */
function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

function parseField(text: string): number | undefined {
  if (!/^[0-9]{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= 0xffff_fffe ? id : undefined;
}

function tooLarge(file: string, reason: string): TsbuildError {
  return new TsbuildError('USER_NOT_FOUND', `cannot read ${file} of the root file system: ${reason}`, {
    hint: 'numeric ids (uid:gid) need no such file',
  });
}
