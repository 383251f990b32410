import { TsbuildError } from '../../core/index.ts';
import { parseBytes } from '../../runtime/index.ts';
import type { TmpfsRequest } from './requests.ts';

/** docker's, unless the user says the contrary of one. */
const defaults = ['noexec', 'nosuid', 'nodev'];

const flags: readonly string[] = [
  ...['ro', 'rw', 'exec', 'noexec', 'suid', 'nosuid', 'dev', 'nodev'],
  ...['atime', 'noatime', 'diratime', 'nodiratime', 'relatime', 'norelatime', 'strictatime'],
];

/** Whitelisted: whatever reached the kernel unseen could be an option of another meaning (CVE-2024-9407). */
export function tmpfsMount(destination: string, words: readonly string[]): TmpfsRequest {
  const options = words.map(checked);
  const contradicted = new Set(options.map((word) => `no${word}`));
  const kept = defaults.filter((word) => !contradicted.has(word) && !options.includes(word));
  const mode = options.some((word) => word.startsWith('mode=')) ? [] : ['mode=1777'];
  return { kind: 'tmpfs', destination, options: [...kept, ...mode, ...options] };
}

function checked(word: string): string {
  if (flags.includes(word)) return word;
  const equals = word.indexOf('=');
  const key = equals < 0 ? word : word.slice(0, equals);
  const value = equals < 0 ? '' : word.slice(equals + 1);
  switch (key) {
    case 'size':
      return /^(100|[1-9]?\d)%$/.test(value) ? word : `size=${parseBytes('--tmpfs size', value)}`;
    case 'mode':
      return checkedNumber(word, value, /^[0-7]{1,4}$/);
    case 'uid':
    case 'gid':
      return checkedNumber(word, value, /^\d{1,9}$/);
    case 'nr_inodes':
    case 'nr_blocks':
      return checkedNumber(word, value, /^\d{1,15}[kmg]?$/i);
    default:
      throw invalid(
        word,
        `known are ${flags.join(', ')}, size=, mode=, uid=, gid=, nr_inodes= and nr_blocks=`,
      );
  }
}

function checkedNumber(word: string, value: string, pattern: RegExp): string {
  if (pattern.test(value)) return word;
  throw invalid(word, 'modes are octal, the others whole numbers');
}

function invalid(word: string, hint: string): TsbuildError {
  return new TsbuildError('USAGE', `--tmpfs: invalid option ${JSON.stringify(word)}`, { hint });
}
