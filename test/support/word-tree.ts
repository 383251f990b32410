/** A word as a tree: `printed` writes it for the expansion, `evaluate` says what it is worth by what each node means. */
export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'single'; readonly text: string }
  | { readonly kind: 'double'; readonly parts: readonly Node[] }
  | { readonly kind: 'variable'; readonly name: string; readonly bare: boolean }
  | {
      readonly kind: 'default';
      readonly name: string;
      readonly operator: ':-' | '-' | ':+' | '+' | ':?' | '?';
      readonly word: readonly Node[];
    }
  | {
      readonly kind: 'trim';
      readonly name: string;
      readonly operator: '#' | '##' | '%' | '%%';
      readonly pattern: Pattern;
    }
  | {
      readonly kind: 'replace';
      readonly name: string;
      readonly all: boolean;
      readonly pattern: Pattern;
      readonly word: readonly Node[];
    };

/** `any` is `?`, `run` is `*`, all else the character. */
export type Pattern = readonly ('any' | 'run' | { readonly literal: string })[];

export const variables: Readonly<Record<string, string>> = {
  A: 'alpha',
  EMPTY: '',
  PATH: '/usr/lib/app/a.tar.gz',
  LINES: 'ab\nab',
  SIGNS: 'a*b?c}d\\e',
  日: 'ä$"\'',
};

export class Demanded extends Error {}

export interface Evaluation {
  readonly value: string;
  readonly unset: ReadonlySet<string>;
}

/** Throws Demanded for a `:?` that is not met. Every word is evaluated, also the one that is not taken. */
export function evaluate(nodes: readonly Node[], style: Style): Evaluation {
  const unset = new Set<string>();
  const plain = (name: string): string => {
    if (!(name in variables)) unset.add(name);
    return variables[name] ?? '';
  };
  const allOf = (parts: readonly Node[]): string => parts.map(valueOf).join('');
  /** Of a replacement: its escapes stay, as in BuildKit. */
  const rawValueOf = (node: Node): string => {
    if (node.kind === 'text') return printedNode(node, style);
    if (node.kind !== 'double') return valueOf(node);
    return node.parts
      .map((part) => (part.kind === 'text' ? printedInQuotes(part, undefined, style) : valueOf(part)))
      .join('');
  };
  const valueOf = (node: Node): string => {
    switch (node.kind) {
      case 'text':
      case 'single':
        return node.text;
      case 'double':
        return allOf(node.parts);
      case 'variable':
        return plain(node.name);
      case 'default': {
        const word = allOf(node.word);
        const value = variables[node.name];
        const given = value !== undefined && !(node.operator.startsWith(':') && value === '');
        if (node.operator.endsWith('+')) return given ? word : '';
        if (given) return value;
        if (node.operator.endsWith('?')) throw new Demanded(node.name);
        return word;
      }
      case 'trim':
        return trimmed(plain(node.name), node.pattern, node.operator);
      case 'replace': {
        const word = node.word.map(rawValueOf).join('');
        return replaced(plain(node.name), node, word);
      }
    }
  };
  return { value: allOf(nodes), unset };
}

/** By definition, one element at a time. */
function matches(pattern: Pattern, text: readonly string[]): boolean {
  const [element, ...rest] = pattern;
  if (element === undefined) return text.length === 0;
  const [character, ...others] = text;
  if (element === 'run')
    return matches(rest, text) || (character !== undefined && character !== '\n' && matches(pattern, others));
  if (character === undefined) return false;
  const fits = element === 'any' ? character !== '\n' : element.literal === character;
  return fits && matches(rest, others);
}

function trimmed(value: string, pattern: Pattern, operator: string): string {
  const text = Array.from(value);
  const lengths = Array.from({ length: text.length + 1 }, (_, length) => length);
  const fits = (length: number): boolean =>
    matches(pattern, operator.startsWith('#') ? text.slice(0, length) : text.slice(text.length - length));
  const length = (operator.length === 2 ? lengths.reverse() : lengths).find(fits) ?? 0;
  return (operator.startsWith('#') ? text.slice(length) : text.slice(0, text.length - length)).join('');
}

function replaced(
  value: string,
  { pattern, all }: { readonly pattern: Pattern; readonly all: boolean },
  by: string,
): string {
  const text = Array.from(value);
  let result = '';
  let lastEnd = -1;
  let done = false;
  for (let start = 0; start <= text.length;) {
    let length = done ? -1 : text.length - start;
    while (length >= 0 && !matches(pattern, text.slice(start, start + length))) length--;
    // Nothing, right behind a match, is no match of its own.
    if (length < 0 || (length === 0 && start === lastEnd)) result += text[start++] ?? '';
    else {
      result += by;
      lastEnd = start + length;
      if (length === 0) result += text[start] ?? '';
      start += Math.max(length, 1);
      done = !all;
    }
    if (start > text.length) break;
    if (start === text.length && lastEnd === start) break;
  }
  return result;
}

export interface Style {
  readonly escape: '\\' | '`';
  /** Quotes are letters. */
  readonly heredoc: boolean;
}

export function printed(nodes: readonly Node[], style: Style): string {
  let text = '';
  for (const node of [...nodes].reverse()) {
    const short = node.kind === 'variable' && node.bare && !/^[\p{L}\p{Nd}_]/u.test(text);
    text = (short ? `$${node.name}` : printedNode(node, style)) + text;
  }
  return text;
}

function printedNode(node: Node, style: Style): string {
  switch (node.kind) {
    case 'text':
      return Array.from(node.text, (character) =>
        (style.heredoc ? `$}${style.escape}` : `$}'"${style.escape}`).includes(character)
          ? style.escape + character
          : character,
      ).join('');
    case 'single':
      return `'${node.text}'`;
    case 'double':
      return `"${node.parts.map((part, index) => printedInQuotes(part, node.parts[index + 1], style)).join('')}"`;
    case 'variable':
      return `\${${node.name}}`;
    case 'default':
      return `\${${node.name}${node.operator}${printed(node.word, style)}}`;
    case 'trim':
      return `\${${node.name}${node.operator}${printedPattern(node.pattern)}}`;
    case 'replace': {
      const slashes = node.all ? '//' : '/';
      return `\${${node.name}${slashes}${printedPattern(node.pattern)}/${printed(node.word, style)}}`;
    }
  }
}

function printedInQuotes(node: Node, next: Node | undefined, style: Style): string {
  if (node.kind !== 'text')
    return node.kind === 'variable' && node.bare && next === undefined
      ? `$${node.name}`
      : printedNode(node, style);
  return Array.from(node.text, (character) =>
    `$"${style.escape}`.includes(character) ? style.escape + character : character,
  ).join('');
}

export function printedPattern(pattern: Pattern): string {
  return pattern
    .map((element) => {
      if (element === 'run') return '*';
      if (element === 'any') return '?';
      return '*?\\}/'.includes(element.literal) ? `\\${element.literal}` : element.literal;
    })
    .join('');
}
