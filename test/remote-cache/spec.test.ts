import { describe, expect, it } from 'vitest';

import { TsbuildError } from '../../src/core/index.ts';
import { parseCacheFrom, parseCacheTo, parseVerifySample } from '../../src/remote-cache/index.ts';

const common = { mode: 'min', ignoreError: false, scope: undefined, form: { compression: 'gzip' } };

describe('--cache-from', () => {
  it.each([
    ['app:cache', { kind: 'registry', ref: 'app:cache' }],
    ['registry.example:5000/team/app', { kind: 'registry', ref: 'registry.example:5000/team/app' }],
    ['type=registry,ref=app', { kind: 'registry', ref: 'app' }],
    ['type=inline,ref=app:1', { kind: 'registry', ref: 'app:1' }],
    ['ref=app,type=registry', { kind: 'registry', ref: 'app' }],
    ['type=local,src=/c', { kind: 'local', src: '/c', tag: 'latest' }],
    ['type=local,"src=/a,b",tag=x', { kind: 'local', src: '/a,b', tag: 'x' }],
  ])('O-16 %s', (text, expected) => {
    expect(parseCacheFrom(text)).toEqual(expected);
  });

  it.each([
    ['', 'type=registry'],
    ['type=registry', 'ref=…'],
    ['type=local', 'src=…'],
    ['type=local,dest=/c', 'type=local takes src, tag'],
    ['type=regsitry,ref=app', 'type=registry'],
    ['type=gcs', 'registry, local, inline, gha, s3, azblob'],
    ['type=registry,ref=app,ref=b', 'type=registry,ref=NAME'],
    ['type=local,src=/c,tag=../x', 'a tag of'],
    ['type="registry,ref=app', 'type=registry'],
  ])('O-16 refuses %j and says what is expected', (text, expected) => {
    expect(failureOf(() => parseCacheFrom(text))).toEqual(['USAGE', expect.stringContaining(expected)]);
  });

  it('O-16 refuses a malformed name', () => {
    expect(failureOf(() => parseCacheFrom('My App'))[0]).toBe('REFERENCE_INVALID');
  });
});

describe('--cache-to', () => {
  it.each([
    ['app:cache', { kind: 'registry', ref: 'app:cache', ...common }],
    ['type=inline', { kind: 'inline' }],
    ['type=inline,mode=min', { kind: 'inline' }],
    ['type=local,dest=/c', { kind: 'local', dest: '/c', tag: 'latest', reset: false, ...common }],
    [
      'type=local,dest=/c,tag=t,reset=true,mode=max,compression=zstd,compression-level=19',
      {
        ...{ kind: 'local', dest: '/c', tag: 't', reset: true, ...common },
        ...{ mode: 'max', form: { compression: 'zstd', level: 19 } },
      },
    ],
    [
      'type=registry,ref=app,mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true,scope=ci',
      { kind: 'registry', ref: 'app', ...common, mode: 'max', ignoreError: true, scope: 'ci' },
    ],
    [
      'type=registry,ref=app,compression=uncompressed',
      { kind: 'registry', ref: 'app', ...common, form: { compression: 'none' } },
    ],
  ])('O-11 O-12 %s', (text, expected) => {
    expect(parseCacheTo(text)).toEqual(expected);
  });

  it.each([
    ['type=inline,mode=max', 'mode=min'],
    ['type=inline,ref=app', 'type=inline takes mode'],
    ['type=registry,ref=app,mode=all', 'mode=min or mode=max'],
    ['type=registry,ref=app,image-manifest=false', 'image-manifest=true'],
    [`type=registry,ref=app@sha256:${'0'.repeat(64)}`, 'a name with a tag'],
    ['type=local,dest=/c,compression=xz', 'compression=gzip'],
    ['type=local,dest=/c,compression=gzip,compression-level=11', 'compression-level=1 to 9'],
    ['type=local,dest=/c,reset=maybe', 'reset=true'],
    ['type=local,dest=/c,ignore_error=true', 'ignore-error;'],
    ['type=local,dest=/c,scope=a b', 'a scope'],
  ])('O-11 O-12 refuses %j and says what is expected', (text, expected) => {
    expect(failureOf(() => parseCacheTo(text))).toEqual(['USAGE', expect.stringContaining(expected)]);
  });
});

describe('--cache-verify', () => {
  it.each([
    ['3', { kind: 'count', count: 3 }],
    ['10%', { kind: 'percent', percent: 10 }],
    ['100%', { kind: 'percent', percent: 100 }],
  ])('S-79 %s', (text, expected) => {
    expect(parseVerifySample(text)).toEqual(expected);
  });

  it.each(['', '101%', '-1', 'all', '1.5%', '.'])('S-79 refuses %j', (text) => {
    expect(failureOf(() => parseVerifySample(text))[0]).toBe('USAGE');
  });
});

function failureOf(action: () => unknown): [code: string, hint: string | undefined] {
  try {
    action();
  } catch (error) {
    if (error instanceof TsbuildError) return [error.code, error.hint];
    throw error;
  }
  return ['none', undefined];
}
