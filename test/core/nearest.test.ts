import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { nearestName } from '../../src/core/index.ts';

const instructions = ['FROM', 'RUN', 'COPY', 'ENTRYPOINT', 'EXPOSE', 'HEALTHCHECK'];

describe('nearestName', () => {
  it.each([
    ['FORM', 'FROM'],
    ['copy', 'COPY'],
    ['CPY', 'COPY'],
    ['RUNN', 'RUN'],
    ['ENTRYPIONT', 'ENTRYPOINT'],
    ['EXPOSES', 'EXPOSE'],
    ['HEALTCHEK', 'HEALTHCHECK'],
    ['XYZ', undefined],
    ['WORKDIR', undefined],
    ['', undefined],
  ])('finds for %j the name %j', (name, expected) => {
    expect(nearestName(name, instructions)).toBe(expected);
  });

  it('prefers the nearer one, and the first of equals', () => {
    expect(nearestName('abcdef', ['abcxyf', 'abcdxf', 'abcxef'])).toBe('abcdxf');
  });

  it('finds a name with one letter changed', () => {
    const name = fc.stringMatching(/^[a-z]{3,20}$/);
    fc.assert(
      fc.property(name, fc.nat(), (known, position) => {
        const at = position % known.length;
        expect(nearestName(`${known.slice(0, at)}_${known.slice(at + 1)}`, [known])).toBe(known);
      }),
    );
  });
});
