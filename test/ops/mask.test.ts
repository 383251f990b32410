import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { SecretMask } from '../../src/ops/mask.ts';

function shown(secrets: readonly string[], chunks: readonly string[]): string {
  const mask = new SecretMask(secrets.map((secret) => Buffer.from(secret)));
  const parts = [...chunks.map((chunk) => mask.push(Buffer.from(chunk))), mask.end()];
  return Buffer.concat(parts).toString();
}

describe('S-62 output', () => {
  it.each([
    { secrets: ['hunter22'], chunks: ['the hunter22 is hunter2'], text: 'the **** is hunter2' },
    { secrets: ['hunter22\n'], chunks: ['hunt', 'er', '22', '!'], text: '****!' },
    { secrets: ['hunter22'], chunks: ['huntERR', 'hunter2'], text: 'huntERRhunter2' },
    { secrets: ['aaaa'], chunks: ['aaa', 'aa'], text: '****a' },
    { secrets: ['geheim✓'], chunks: ['x geheim✓ y'], text: 'x **** y' },
    { secrets: ['token', 'token-long'], chunks: ['token-long token'], text: '**** ****' },
    {
      secrets: ['token', 'token-long'],
      chunks: ['a token', '-long', ' token', '-short'],
      text: 'a **** ****-short',
    },
    { secrets: ['abcdef', 'defghi'], chunks: ['abcdef', 'ghi!'], text: '****!' },
    { secrets: ['first line\nshort'], chunks: ['first line', '\nshort.'], text: '****.' },
    {
      secrets: ['-----BEGIN-----\nAbCdEfGhIjKl\n--END--'],
      chunks: ['AbCdEfGhIjKl --END--'],
      text: '**** --END--',
    },
    { secrets: ['1', 'no', ''], chunks: ['1 no '], text: '1 no ' },
    { secrets: [], chunks: ['as ', 'is'], text: 'as is' },
  ])('shows $chunks as $text', ({ secrets, chunks, text }) => {
    expect(shown(secrets, chunks)).toBe(text);
  });

  it('never shows a secret, however it is cut, and loses nothing else', () => {
    const piece = fc.constantFrom('secret-value', 'secret', 'se', '-value', 'x', '\n', 'secret-');
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 30 }),
        fc.array(fc.nat(200), { maxLength: 10 }),
        (pieces, cuts) => {
          const text = pieces.join('');
          const at = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length];
          const chunks = at.slice(1).map((end, index) => text.slice(at[index], end));
          expect(shown(['secret-value'], chunks)).toBe(text.replaceAll('secret-value', '****'));
        },
      ),
    );
  });
});
