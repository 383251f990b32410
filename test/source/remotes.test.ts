import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { TsbuildError } from '../../src/core/index.ts';
import {
  parseGitContext,
  parseGitSource,
  parseRemoteSource,
  type RemoteFlags,
} from '../../src/dockerfile/index.ts';
import { cellOf, readTable } from '../support/pipe-table.ts';

const constants = { $C: '0123456789abcdef'.repeat(3).slice(0, 40), $L: '0123456789abcdef'.repeat(4) };

function filled(cell: string): string {
  return cell.replaceAll('$C', constants.$C).replaceAll('$L', constants.$L);
}

function flagsOf(cell: string): RemoteFlags {
  const keep = /--keep-git-dir=(\w+)/.exec(cell)?.[1];
  const checksum = /--checksum=(\S+)/.exec(cell)?.[1];
  return {
    ...(keep === undefined ? {} : { keepGitDir: keep === 'true' }),
    ...(checksum === undefined ? {} : { checksum }),
  };
}

function shown(text: string, flags: RemoteFlags): string {
  const source = parseRemoteSource(text, flags);
  if (source === undefined) return 'path';
  if (source.kind === 'http') return source.checksum === undefined ? 'http' : `http ${source.checksum}`;
  const { remote, ref, subdir, checksum, keepGitDir, submodules, fetchByCommit, mtime } = source;
  return [
    `git ${remote}`,
    ref === undefined ? [] : `ref=${ref}`,
    subdir === undefined ? [] : `subdir=${subdir}`,
    checksum === undefined ? [] : `checksum=${checksum}`,
    keepGitDir ? 'keep-git-dir' : [],
    submodules ? [] : 'no-submodules',
    fetchByCommit ? 'fetch-by-commit' : [],
    mtime === 'commit' ? 'mtime=commit' : [],
  ]
    .flat()
    .join(' ');
}

describe('sources of ADD', () => {
  it.each(readTable('source/remotes.txt'))('$title', (row) => {
    const text = filled(cellOf(row, 0));
    const flags = flagsOf(filled(cellOf(row, 1)));
    const expected = filled(cellOf(row, 2));
    if (expected.startsWith('error ')) {
      expect(() => shown(text, flags)).toThrow(TsbuildError);
      expect(() => shown(text, flags)).toThrow(expected.slice('error '.length));
    } else {
      expect(shown(text, flags)).toBe(expected);
    }
  });

  it('S-61 errors show no credentials', () => {
    const parse = (): unknown => parseGitSource('https://user:secret@example.com/foo.git?x=1');
    expect(parse).toThrow('https://xxxxx@example.com/foo.git');
    expect(parse).not.toThrow('secret');
  });

  it('whatever the text, it is a source, none, or refused', () => {
    const piece = fc.constantFrom(
      'https://',
      'ssh://',
      'git@',
      'host',
      ':',
      '/',
      '.git',
      '#',
      '?',
      'ref=',
      '&',
      '%',
      '-',
      '..',
      '@',
      '\n',
      'ä',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 4 })), { maxLength: 12 }), (pieces) => {
        try {
          const source = parseGitSource(pieces.join(''));
          if (source === undefined) return;
          expect(source.ref ?? 'x').not.toMatch(/^-|\.\.|[\s:^~?*[\\]/);
          expect((source.subdir ?? 'x').split('/')).not.toContain('..');
          expect(source.remote).not.toMatch(/[\s#?]/);
        } catch (error) {
          if (!(error instanceof TsbuildError)) throw error;
          expect(error.code).toBe('SOURCE_INVALID');
        }
      }),
    );
  });
});

describe('contexts', () => {
  it('L-220 L-222 a repository of GitHub needs no scheme', () => {
    expect(parseGitContext('github.com/moby/buildkit#master:docs')).toMatchObject({
      remote: 'https://github.com/moby/buildkit',
      ref: 'master',
      subdir: 'docs',
    });
    expect(parseGitContext('github.com/moby/buildkit.git?branch=x')).toMatchObject({
      remote: 'https://github.com/moby/buildkit.git',
      ref: 'refs/heads/x',
    });
    expect(() => parseGitContext('github.com/')).toThrow('lacks a host or the path');
  });

  it.each(['https://example.com/foo.git', 'git@example.com:foo', 'git://example.com/foo', 'ssh://h/foo'])(
    'L-220 L-222 %s is what it is to ADD',
    (text) => expect(parseGitContext(text)).toEqual(parseGitSource(text)),
  );

  it.each([
    '.',
    'folder',
    '/folder',
    './github.com/a/b',
    'example.com/foo.git',
    'https://example.com/a.tar.gz',
    '-',
  ])('L-220 %s is no repository', (text) => expect(parseGitContext(text)).toBeUndefined());

  it('L-090 BUILDKIT_CONTEXT_KEEP_GIT_DIR keeps .git, and takes nothing away', () => {
    const url = 'https://example.com/foo.git';
    expect(parseGitContext(url)?.keepGitDir).toBe(false);
    expect(parseGitContext(url, { keepGitDir: true })?.keepGitDir).toBe(true);
    expect(parseGitContext(`${url}?keep-git-dir`, { keepGitDir: false })?.keepGitDir).toBe(true);
    expect(parseGitContext(`${url}?keep-git-dir=false`, { keepGitDir: true })?.keepGitDir).toBe(true);
  });
});
