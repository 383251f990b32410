/**
 * History entries hold texts as BuildKit's Go prints them (`%q`, `%+v`): tools compare and display them, and a build that
 * moves from one builder to the other keeps its history.
 */

const escapes: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

/** `%q` of a string list: `["a" "b c"]`. */
export function goQuotedList(words: readonly string[]): string {
  return `[${words.map(goQuoted).join(' ')}]`;
}

function goQuoted(word: string): string {
  return `"${word.replace(/./gsu, (character) => escapes[character] ?? printable(character))}"`;
}

function printable(character: string): string {
  if (/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  const [letter, digits] = code < 0x80 ? ['x', 2] : code < 0x1_0000 ? ['u', 4] : ['U', 8];
  return `\\${letter}${code.toString(16).padStart(digits, '0')}`;
}

const nanosecondsIn = {
  h: 3_600_000_000_000,
  m: 60_000_000_000,
  s: 1_000_000_000,
  ms: 1_000_000,
  µs: 1000,
} as const;

/** Nanoseconds as `1h0m30s`, `1.5s`, `250ms`, `0s`. */
export function goDuration(nanoseconds: number): string {
  const { h, m, s, ms, µs } = nanosecondsIn;
  if (nanoseconds === 0) return '0s';
  if (nanoseconds < µs) return `${nanoseconds}ns`;
  if (nanoseconds < ms) return `${nanoseconds / µs}µs`;
  if (nanoseconds < s) return `${nanoseconds / ms}ms`;
  const hours = nanoseconds < h ? '' : `${Math.floor(nanoseconds / h)}h`;
  const minutes = nanoseconds < m ? '' : `${Math.floor((nanoseconds % h) / m)}m`;
  return `${hours}${minutes}${(nanoseconds % m) / s}s`;
}
