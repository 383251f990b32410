import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { TsbuildError } from '../../src/core/index.ts';
import {
  credentialKey,
  familiarName,
  formatReference,
  parseReference,
  registryHost,
  repositoryName,
  withDigest,
} from '../../src/oci/index.ts';
import { projectRoot } from '../support/paths.ts';

const table = readFileSync(join(projectRoot, 'fixtures/references.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split(' | '));

function failure(text: string): TsbuildError {
  try {
    parseReference(text);
  } catch (error) {
    if (error instanceof TsbuildError) return error;
    throw error;
  }
  throw new Error(`${text} was accepted`);
}

describe('C-03 L-104 G-17 S-43 references', () => {
  it('the table is whole', () => expect(table.length).toBeGreaterThanOrEqual(80));

  it.each(table)('%s', (text = '', full = '', familiar = '') => {
    if (full.startsWith('! ')) {
      const error = failure(text);
      expect(error.code).toBe('REFERENCE_INVALID');
      expect(error.message).toContain(full.slice(2));
      return;
    }
    const reference = parseReference(text);
    expect(formatReference(reference)).toBe(full);
    expect(familiarName(full)).toBe(familiar);
    // Both forms mean the same image again.
    expect(parseReference(full)).toEqual(reference);
    expect(parseReference(familiar)).toEqual(reference);
  });

  it.each([
    ['', 'empty'],
    ['a'.repeat(256), 'longer than 255'],
    ['a'.repeat(1025), 'longer than 1024'],
    [`debian:${'x'.repeat(129)}`, 'is not a tag'],
    ['debian\n', 'blanks'],
    ['debian\0', 'is not a repository'],
  ])('S-43 refuses %j', (text, why) => expect(failure(text).message).toContain(why));

  it('takes the longest names there are', () => {
    expect(parseReference(`quay.io/${'a'.repeat(255)}:${'x'.repeat(128)}`).tag).toHaveLength(128);
  });

  it('S-78 says what to write instead of upper case', () => {
    expect(failure('quay.io/User/App:V1').hint).toContain('quay.io/user/app:V1');
    expect(failure('Debian').hint).toContain('debian');
    expect(failure('https://quay.io/a').hint).toContain('://');
  });

  it('S-78 never repeats more than a line of a hostile name', () => {
    expect(failure('A'.repeat(900)).message.length).toBeLessThan(700);
  });

  it('L-104 a tag is only filled in where nothing else names the image', () => {
    expect(parseReference('debian').tag).toBe('latest');
    expect(parseReference(`debian@sha256:${'a'.repeat(64)}`)).not.toHaveProperty('tag');
  });

  it('names the place of a manifest without a tag', () => {
    const reference = parseReference(`quay.io/a/b:1@sha256:${'a'.repeat(64)}`);
    const digest = parseReference(`x@sha256:${'b'.repeat(64)}`).digest!;
    expect(formatReference(withDigest(reference, digest))).toBe(`quay.io/a/b@${digest}`);
    expect(repositoryName(reference)).toBe('quay.io/a/b');
  });

  it('G-17 Docker Hub is dialled and logged in to under other names', () => {
    const { registry } = parseReference('debian');
    expect(registryHost(registry)).toBe('registry-1.docker.io');
    expect(credentialKey(registry)).toBe('https://index.docker.io/v1/');
    expect([registryHost('quay.io'), credentialKey('localhost:5000')]).toEqual(['quay.io', 'localhost:5000']);
  });

  it('S-43 whatever is accepted is stable, and safe as a path below a folder', () => {
    const words = fc.string({
      unit: fc.constantFrom('a', 'B', '1', '.', '_', '-', '/', ':', '@', '%', '\\', ' ', '\0'),
      maxLength: 24,
    });
    fc.assert(
      fc.property(words, (text) => {
        let full: string;
        try {
          full = formatReference(parseReference(text));
        } catch (error) {
          return error instanceof TsbuildError && error.code === 'REFERENCE_INVALID';
        }
        const safe = full.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
        return (
          safe &&
          formatReference(parseReference(full)) === full &&
          formatReference(parseReference(familiarName(full))) === full
        );
      }),
      { numRuns: 3000 },
    );
  });
});
