import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseSourcePolicy, sourceRules } from '../../src/policy/index.ts';
import { compileRegex } from '../../src/policy/regex.ts';
import { expandTemplate } from '../../src/policy/template.ts';
import { compileWildcard } from '../../src/policy/wildcard.ts';

describe('the file of a source policy', () => {
  it.each([
    ['no JSON', '{', 'p.json is no source policy: it is not JSON'],
    ['a list', '[]', 'the file makes no sense'],
    [
      'a mistyped key',
      '{"rules":[{"action":"DENY","selecter":{"identifier":"*"}}]}',
      'did you mean selector?',
    ],
    [
      'an unknown action',
      '{"rules":[{"action":"REFUSE","selector":{"identifier":"*"}}]}',
      'rule 1.action makes no sense',
    ],
    [
      'a number too large',
      '{"rules":[{"action":3,"selector":{"identifier":"*"}}]}',
      'rule 1.action makes no sense',
    ],
    ['no selector', '{"rules":[{"action":"DENY"}]}', 'rule 1.selector makes no sense'],
    [
      'no updates',
      '{"rules":[{"action":2,"selector":{"identifier":"*"}}]}',
      'rule 1 is to convert, but has no updates',
    ],
    ['another version', '{"version":2}', 'version makes no sense'],
  ])('C-54 is refused with %s', (_name, json, message) => {
    expect(() => parseSourcePolicy(json, 'p.json')).toThrow(message);
  });

  it.each([
    ['two stars', 'WILDCARD', '**', 'it has "**"'],
    ['an open group', 'REGEX', '(a', 'it is not a regular expression'],
    ['a back reference', 'REGEX', String.raw`(a)\1`, 'is not supported'],
    ['lookahead', 'REGEX', 'a(?=b)', 'is not supported'],
    ['flags in the middle', 'REGEX', 'a(?i)b', 'is not supported'],
  ])(
    'C-54 is refused for a pattern with %s before anything is built',
    (_name, matchType, identifier, message) => {
      const json = JSON.stringify({ rules: [{ action: 'DENY', selector: { identifier, matchType } }] });
      expect(() => sourceRules([parseSourcePolicy(json, 'p.json')])).toThrow(message);
    },
  );
});

describe('patterns', () => {
  it('a wildcard takes what the expression takes that BuildKit makes of it', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.'), maxLength: 8 });
    const pattern = fc
      .array(fc.constantFrom('a', 'b', '/', '.', '*'), { maxLength: 6 })
      .map((parts) => parts.join('').replace(/\*+/g, '*'));
    fc.assert(
      fc.property(pattern, text, (wildcard, subject) => {
        const expression = wildcard.replace(/[.]/g, '\\.').replaceAll('*', '(.*)');
        const expected = new RegExp(`^${expression}$`).exec(subject);
        expect(compileWildcard(wildcard)(subject)).toEqual(expected === null ? undefined : expected.slice(1));
      }),
    );
  });

  it.each([
    ['.*', 'foo', 'x', 'x'],
    ['a*', 'baaac', 'x', 'xbxcx'],
    ['(?i)FOO', 'a foo', '<$0>', 'a <foo>'],
    [String.raw`\Aa|\z`, 'aba', '_', '_ba_'],
    ['[[:digit:]]+', 'a12b3', '#', 'a#b#'],
    ['[]a]+', 'x]a', '-', 'x-'],
    ['[^]a]', ']ab', '-', ']a-'],
    [String.raw`\Q.*\E`, 'a.*b', '+', 'a+b'],
    [String.raw`\x{2f}`, 'a/b', '+', 'a+b'],
    ['(?P<one>a)(b)?', 'a', '${one}$2$3$$1', 'a$1'],
    ['(?:a|b)c', 'bc', '$0', 'bc'],
  ])("Go's %s replaces as Go does", (pattern, text, template, replaced) => {
    expect(compileRegex(pattern).replace(text, template)).toBe(replaced);
  });

  it.each(['[[:^alpha:]]', '[[:constructor:]]', '[[:none:]]', String.raw`(a)\1`, String.raw`\pL`, 'a(?=b)'])(
    'the regular expression %s is refused rather than taken for another one',
    (pattern) => {
      expect(() => compileRegex(pattern)).toThrow('is not supported');
    },
  );

  it('a regular expression that backtracks without end is cut off', () => {
    expect(() => compileRegex('^(a+)+$', 100).matches(`${'a'.repeat(64)}b`)).toThrow(
      'takes longer than 100 ms',
    );
  });

  it.each([
    ['$1x', ''],
    ['${1}x', 'ax'],
    ['$$1', '$1'],
    ['$', '$'],
    ['${', '${'],
    ['$name$none', 'n'],
    ['$constructor', ''],
  ])("the template %s is Go's", (template, filled) => {
    expect(expandTemplate(template, { groups: ['whole', 'a'], named: { name: 'n' } })).toBe(filled);
  });
});
