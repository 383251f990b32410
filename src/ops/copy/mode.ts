import { TsbuildError } from '../../core/index.ts';

/** What --chmod makes of a mode; `directory` matters for `X`. */
export type ModeChange = (mode: number, directory: boolean) => number;

const who: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 };

/** What git keeps of a mode: whether the owner may execute a file. So the umask of a checkout does not show (B-03). */
export const gitMode: ModeChange = (mode, directory) => (directory || (mode & 0o100) !== 0 ? 0o755 : 0o644);

/** Octal 0…07777, or symbolic as chmod(1) with a umask of 0 (L-152). */
export function parseMode(text: string): ModeChange {
  const octal = octalMode(text);
  if (octal !== undefined) return () => octal;
  const changes = text.split(',').map((clause) => parseClause(clause, text));
  return (mode, directory) => changes.reduce((current, change) => change(current, directory), mode);
}

/** Of folders made on the way to the destination: an octal --chmod without its set-id bits, 0755 else. */
export function folderMode(chmod: string | undefined): number {
  return (octalMode(chmod ?? '') ?? 0o755) & 0o777;
}

function octalMode(text: string): number | undefined {
  const mode = /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Infinity;
  return mode <= 0o7777 ? mode : undefined;
}

function parseClause(clause: string, text: string): ModeChange {
  const match = /^([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)$/.exec(clause);
  if (match?.[1] === undefined || match[2] === undefined) {
    throw new TsbuildError('DOCKERFILE_INVALID', `invalid chmod parameter: '${text}'`, {
      hint: 'it should be an octal string between 0 and 07777, or symbolic as in u=rwX,go=rX',
    });
  }
  const classes = match[1] === '' ? 'a' : match[1];
  const mask = classes.split('').reduce((bits, name) => bits | (who[name] ?? 0), 0);
  const actions = [...match[2].matchAll(/([-+=])([ugo]|[rwxXst]*)/g)];
  return (mode, directory) =>
    actions.reduce((current, [, operator = '+', letters = '']) => {
      const bits = permissionBits(letters, current, directory) & mask;
      if (operator === '+') return current | bits;
      if (operator === '-') return current & ~bits;
      return (current & ~(mask & (directory ? 0o1777 : 0o7777))) | bits;
    }, mode);
}

function permissionBits(letters: string, mode: number, directory: boolean): number {
  if (/^[ugo]$/.test(letters)) {
    const shift = letters === 'u' ? 6 : letters === 'g' ? 3 : 0;
    return ((mode >> shift) & 7) * 0o111;
  }
  let bits = 0;
  for (const letter of letters) {
    if (letter === 'r') bits |= 0o444;
    if (letter === 'w') bits |= 0o222;
    if (letter === 'x' || (letter === 'X' && (directory || (mode & 0o111) !== 0))) bits |= 0o111;
    if (letter === 's') bits |= 0o6000;
    if (letter === 't') bits |= 0o1000;
  }
  return bits;
}
