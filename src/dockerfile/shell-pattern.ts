/**
 * Patterns of `${name#pattern}` and its kin: `*` is any run, `?` any character, neither crosses a line end; there are
 * no bracket classes. Matching keeps a set of states, so that its time is the product of the lengths at worst:
 * a regular expression with several `*` would take time without bound.
 */
export type PatternElement =
  | { readonly kind: 'run' }
  | { readonly kind: 'any' }
  | { readonly kind: 'literal'; readonly character: string };

/** The elements, or what is wrong with the pattern. `\}` and `\/` only protect the delimiters of `${…}`. */
export function parsePattern(pattern: string): readonly PatternElement[] | { readonly invalid: string } {
  const elements: PatternElement[] = [];
  const characters = Array.from(pattern);
  for (let index = 0; index < characters.length; index++) {
    let character = characters[index] ?? '';
    if (character === '*') {
      elements.push({ kind: 'run' });
      continue;
    }
    if (character === '?') {
      elements.push({ kind: 'any' });
      continue;
    }
    if (character === '\\') {
      character = characters[++index] ?? '';
      if (character === '' || !'*?\\}/'.includes(character))
        return { invalid: `invalid escape '\\${character}'` };
    }
    elements.push({ kind: 'literal', character });
  }
  return elements;
}

export function trimPrefix(elements: readonly PatternElement[], value: string, longest: boolean): string {
  const characters = Array.from(value);
  const match = find(elements, characters, { from: 0, anchored: true, longest });
  return match === undefined ? value : characters.slice(match.end).join('');
}

/** A suffix is a prefix read backwards. */
export function trimSuffix(elements: readonly PatternElement[], value: string, longest: boolean): string {
  const characters = Array.from(value).reverse();
  const match = find([...elements].reverse(), characters, { from: 0, anchored: true, longest });
  return match === undefined ? value : characters.slice(match.end).reverse().join('');
}

/** The replacement is taken literally: `$1` in it means nothing. */
export function replaceFirst(
  elements: readonly PatternElement[],
  value: string,
  replacement: string,
): string {
  const characters = Array.from(value);
  const match = find(elements, characters, { from: 0, anchored: false, longest: true });
  if (match === undefined) return value;
  return characters.slice(0, match.start).join('') + replacement + characters.slice(match.end).join('');
}

/** An empty match right behind another match does not count, as in Go's regexp. */
export function replaceAll(elements: readonly PatternElement[], value: string, replacement: string): string {
  const characters = Array.from(value);
  const parts: string[] = [];
  let copied = 0;
  let from = 0;
  while (from <= characters.length) {
    const match = find(elements, characters, { from, anchored: false, longest: true });
    if (match === undefined) break;
    parts.push(characters.slice(copied, match.start).join(''));
    if (match.end > copied || match.start === 0) parts.push(replacement);
    copied = match.end;
    from = Math.max(from + 1, match.end);
  }
  parts.push(characters.slice(copied).join(''));
  return parts.join('');
}

interface Search {
  readonly from: number;
  /** Only a match that begins at `from`. */
  readonly anchored: boolean;
  readonly longest: boolean;
}

interface Match {
  readonly start: number;
  readonly end: number;
}

/** The leftmost match, and of those the longest or shortest. `states[i]` is where the earliest match that has come to element i began. */
function find(
  elements: readonly PatternElement[],
  text: readonly string[],
  search: Search,
): Match | undefined {
  const accept = elements.length;
  let states = new Int32Array(accept + 1).fill(-1);
  let best: Match | undefined;
  for (let position = search.from; position <= text.length; position++) {
    if (best === undefined && (position === search.from || !search.anchored)) reach(states, 0, position);
    elements.forEach((element, index) => {
      if (element.kind === 'run') reach(states, index + 1, states[index] ?? -1);
    });
    const start = states[accept] ?? -1;
    if (start >= 0 && (best === undefined || start <= best.start)) {
      best = { start, end: position };
      if (!search.longest) return best;
    }
    const character = text[position];
    if (character === undefined) break;
    const next = step(elements, states, character, best?.start ?? Infinity);
    if (next === undefined && (best !== undefined || search.anchored)) break;
    states = next ?? states.fill(-1);
  }
  return best;
}

/** The states behind one more character, or undefined when none is left. Matches that begin after `latest` have lost. */
function step(
  elements: readonly PatternElement[],
  states: Int32Array,
  character: string,
  latest: number,
): Int32Array<ArrayBuffer> | undefined {
  const next = new Int32Array(states.length).fill(-1);
  let alive = false;
  for (const [index, element] of elements.entries()) {
    const start = states[index] ?? -1;
    if (start < 0 || start > latest) continue;
    if (element.kind === 'literal' ? element.character !== character : character === '\n') continue;
    reach(next, element.kind === 'run' ? index : index + 1, start);
    alive = true;
  }
  return alive ? next : undefined;
}

function reach(states: Int32Array, index: number, start: number): void {
  const known = states[index] ?? -1;
  if (start >= 0 && (known < 0 || start < known)) states[index] = start;
}
