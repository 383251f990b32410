import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { TsbuildError } from '../../src/core/index.ts';
import { expandHeredoc, expandWord } from '../../src/dockerfile/index.ts';
import { runs } from '../support/series.ts';
import {
  Demanded,
  evaluate,
  printed,
  printedPattern,
  variables,
  type Evaluation,
  type Node,
  type Pattern,
  type Style,
} from '../support/word-tree.ts';

const name = fc.constantFrom(...Object.keys(variables), 'UNSET', 'GONE');
const characters = (...units: readonly string[]) =>
  fc.string({ unit: fc.constantFrom(...units), maxLength: 4 });
const anyText = characters(
  'a',
  'l',
  ' ',
  '.',
  '/',
  ':',
  '-',
  '=',
  '#',
  '*',
  'é',
  '$',
  '"',
  "'",
  '\\',
  '`',
  '}',
  '{',
);
const pattern: fc.Arbitrary<Pattern> = fc.array(
  fc.oneof(
    fc.constantFrom('any' as const, 'run' as const),
    fc.constantFrom('a', 'b', 'l', '.', '-', '}', '/', '*', '?', '\\', '\n').map((literal) => ({ literal })),
  ),
  { maxLength: 5 },
);

/** Words with quotes only where `quotes`, with patterns only where `patterns`. */
function words({ quotes, patterns }: { readonly quotes: boolean; readonly patterns: boolean }) {
  const { word } = fc.letrec<{ word: readonly Node[]; node: Node }>((tie) => {
    const text = anyText.map((value): Node => ({ kind: 'text', text: value }));
    const variable = fc.record({ kind: fc.constant('variable' as const), name, bare: fc.boolean() });
    const withDefault = fc.record({
      kind: fc.constant('default' as const),
      name,
      operator: fc.constantFrom(':-', '-', ':+', '+', ':-', '-', ':?', '?'),
      word: tie('word'),
    });
    const trim = fc
      .record({
        kind: fc.constant('trim' as const),
        name,
        operator: fc.constantFrom('#', '##', '%', '%%'),
        pattern,
      })
      // What begins like the operator would read as the longer one: such a pattern cannot be written.
      .filter((node) => !printedPattern(node.pattern).startsWith(node.operator.charAt(0)));
    const replace = fc
      .record({
        kind: fc.constant('replace' as const),
        name,
        all: fc.boolean(),
        pattern,
        word: tie('word'),
      })
      .filter((node) => node.all || node.pattern.length > 0);
    const inQuotes = fc.array(fc.oneof(text, variable, withDefault), { maxLength: 3 });
    const quoted = [
      anyText.filter((value) => !value.includes("'")).map((value): Node => ({ kind: 'single', text: value })),
      inQuotes.map((parts): Node => ({ kind: 'double', parts })),
    ];
    return {
      node: fc.oneof(
        { depthSize: 'small' },
        text,
        variable,
        ...(quotes ? quoted : []),
        withDefault,
        ...(patterns ? [trim, replace] : []),
      ),
      word: fc.array(tie('node'), { maxLength: 4 }),
    };
  });
  return word;
}

/** Expansion and evaluation come to the same: the value and what was not set, or the variable that had to be. */
function agree(nodes: readonly Node[], style: Style): void {
  const text = printed(nodes, style);
  const expand = () => (style.heredoc ? expandHeredoc(text, lookup) : expandWord(text, lookup, style));
  let expected: Evaluation;
  try {
    expected = evaluate(nodes, style);
  } catch (error) {
    if (!(error instanceof Demanded)) throw error;
    expect(expand).toThrow(`${error.message}: `);
    expect(expand).toThrow(TsbuildError);
    return;
  }
  const { value, undefinedNames } = expand();
  expect(value, text).toBe(expected.value);
  expect(new Set(undefinedNames)).toEqual(expected.unset);
}

const lookup = (variable: string): string | undefined => variables[variable];

describe('expansion beside an interpreter of trees', () => {
  it('L-050…L-060 words', () => {
    fc.assert(
      fc.property(words({ quotes: true, patterns: true }), (nodes) => {
        agree(nodes, { escape: '\\', heredoc: false });
      }),
      runs(1500),
    );
  });

  it('L-033 L-059 words with the other escape', () => {
    fc.assert(
      fc.property(words({ quotes: true, patterns: false }), (nodes) => {
        agree(nodes, { escape: '`', heredoc: false });
      }),
      runs(700),
    );
  });

  it('L-042 bodies of heredocs', () => {
    fc.assert(
      fc.property(words({ quotes: false, patterns: true }), (nodes) => {
        agree(nodes, { escape: '\\', heredoc: true });
      }),
      runs(700),
    );
  });
});
