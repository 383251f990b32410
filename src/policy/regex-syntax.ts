import { TsbuildError } from '../core/index.ts';

/** A pattern for `new RegExp`. */
export interface JsPattern {
  readonly source: string;
  readonly flags: string;
}

const posixClasses: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t ',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

interface Token {
  readonly pattern: RegExp;
  /** The same for JavaScript; undefined is refused. */
  readonly write: (match: readonly string[]) => string | undefined;
}

const escape: readonly Token[] = [
  { pattern: /\\Q([^]*?)(?:\\E|$)/y, write: ([, text = '']) => text.replace(/[^\w]/g, '\\$&') },
  { pattern: /\\x\{0*([0-9A-Fa-f]{1,4})\}/y, write: ([, hex = '']) => `\\u${hex.padStart(4, '0')}` },
  { pattern: /\\x[0-9A-Fa-f]{2}/y, write: ([all]) => all },
  { pattern: /\\a/y, write: () => '\\x07' },
  { pattern: /\\[dDsSwWtnrfv]/y, write: ([all]) => all },
  { pattern: /\\[^\w]/y, write: ([all]) => all },
  // Back references, which make matching exponential, and classes of Unicode.
  { pattern: /\\[^]?/y, write: () => undefined },
];

const outside: readonly Token[] = [
  { pattern: /\\A/y, write: () => '(?<![^])' },
  { pattern: /\\z/y, write: () => '(?![^])' },
  { pattern: /\\[bB]/y, write: ([all]) => all },
  ...escape,
  { pattern: /\(\?P?<([A-Za-z_]\w*)>/y, write: ([, name = '']) => `(?<${name}>` },
  { pattern: /\(\?(?:[ims]*(?:-[ims]+)?)?:/y, write: ([all]) => all },
  { pattern: /\(\?/y, write: () => undefined },
  { pattern: /\[(\^?)(\]?)/y, write: ([, not = '', close = '']) => `[${not}${close && '\\]'}` },
  { pattern: /[^]/y, write: ([all]) => all },
];

const inside: readonly Token[] = [
  {
    pattern: /\[:(\^?\w+):\]/y,
    write: ([, name = '']) => (Object.hasOwn(posixClasses, name) ? posixClasses[name] : undefined),
  },
  { pattern: /\[/y, write: () => '\\[' },
  ...escape,
  { pattern: /[^]/y, write: ([all]) => all },
];

/**
 * Go's syntax (RE2) in JavaScript's. Throws POLICY_INVALID for what either of them lacks: back references and lookaround
 * here, flags in the middle and classes of Unicode there.
 */
export function translateRegex(pattern: string): JsPattern {
  const [, flags = '', body = ''] = /^(?:\(\?([ims]+)\))?([^]*)$/.exec(pattern) ?? [];
  let source = '';
  let inClass = false;
  for (let at = 0; at < body.length;) {
    const { text, length } = nextToken(body, at, { tokens: inClass ? inside : outside, pattern });
    if (!inClass) inClass = body[at] === '[';
    else if (length === 1 && body[at] === ']') inClass = false;
    source += text;
    at += length;
  }
  const translated = { source, flags: `${flags}g` };
  try {
    new RegExp(source, translated.flags);
  } catch (error) {
    throw invalidRegex(pattern, 'it is not a regular expression', error);
  }
  return translated;
}

function nextToken(
  body: string,
  at: number,
  { tokens, pattern }: { readonly tokens: readonly Token[]; readonly pattern: string },
): { readonly text: string; readonly length: number } {
  for (const token of tokens) {
    token.pattern.lastIndex = at;
    const match = token.pattern.exec(body);
    if (match === null) continue;
    const text = token.write(match);
    if (text === undefined) throw invalidRegex(pattern, `${JSON.stringify(match[0])} is not supported`);
    return { text, length: match[0].length };
  }
  throw new Error('some token takes any character');
}

export function invalidRegex(pattern: string, problem: string, cause?: unknown): TsbuildError {
  return new TsbuildError(
    'POLICY_INVALID',
    `invalid regular expression ${JSON.stringify(pattern)}: ${problem}`,
    {
      hint: "the syntax is Go's: https://github.com/google/re2/wiki/Syntax",
      cause,
    },
  );
}
