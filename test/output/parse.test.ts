import { describe, expect, it } from 'vitest';

import { TsbuildError } from '../../src/core/index.ts';
import { parseAnnotation, parseOutput } from '../../src/output/index.ts';

const gzip = { compression: 'gzip', force: false, mediaTypes: 'oci' };
const stdout = { kind: 'stdout' };
const file = (path: string) => ({ kind: 'file', path });
const local = { kind: 'local', mode: 'copy', specialFiles: false, deletesAnywhere: false };
const image = {
  kind: 'image',
  names: [],
  store: true,
  push: false,
  byDigest: false,
  insecure: false,
  form: gzip,
};

describe('parseOutput', () => {
  it.each<readonly [text: string, spec: object]>([
    ['out', { ...local, dest: 'out' }],
    ['out.tar', { ...local, dest: 'out.tar' }],
    ['a=b', { ...local, dest: 'a=b' }],
    ['-', { kind: 'tar', dest: stdout }],
    ['type=local,dest=out,mode=delete', { ...local, dest: 'out', mode: 'delete' }],
    ['type=local,dest=out,platform-split=false', { ...local, dest: 'out', platformSplit: false }],
    ['type=local,dest=out,special-files=true', { ...local, dest: 'out', specialFiles: true }],
    ['"type=local","dest=a,b"', { ...local, dest: 'a,b' }],
    ['type=local,"dest=a,b"', { ...local, dest: 'a,b' }],
    ['type=tar', { kind: 'tar', dest: stdout }],
    ['type=tar,dest=x.tar', { kind: 'tar', dest: file('x.tar') }],
    ['type=image', image],
    ['TYPE=image', image],
    ['type=image,store=false,push=true,name=a', { ...image, store: false, push: true, names: ['a'] }],
    ['type=image,"name=a,b:1"', { ...image, names: ['a', 'b:1'] }],
    ['type=registry,push-by-digest=true', { ...image, push: true, byDigest: true }],
    ['type=registry,registry.insecure=true', { ...image, push: true, insecure: true }],
    ['type=registry,name-canonical=true,unpack=true', { ...image, push: true }],
    [
      'type=image,compression=zstd,compression-level=9',
      { ...image, form: { ...gzip, compression: 'zstd', level: 9 } },
    ],
    ['type=oci,compression=estargz', { form: { ...gzip, compression: 'estargz' } }],
    [
      'type=registry,compression=zstd:chunked,compression-level=19',
      { form: { ...gzip, compression: 'zstd:chunked', level: 19 } },
    ],
    ['type=image,compression=uncompressed', { ...image, form: { ...gzip, compression: 'none' } }],
    ['type=image,force-compression=true', { ...image, form: { ...gzip, force: true } }],
    ['type=image,oci-mediatypes=false', { ...image, form: { ...gzip, mediaTypes: 'docker' } }],
    ['type=oci', { kind: 'oci', dest: stdout, tar: true, form: gzip }],
    ['type=oci,dest=x,tar=false', { kind: 'oci', dest: file('x'), tar: false }],
    ['type=docker', { kind: 'docker', dest: undefined, form: { compression: 'none', force: true } }],
    ['type=docker,context=far', { kind: 'docker', dest: undefined, context: 'far' }],
    ['type=docker,dest=-', { kind: 'docker', dest: stdout }],
    ['type=docker,dest=x,compression=gzip', { kind: 'docker', dest: file('x'), form: gzip }],
    ['type=cacheonly', { kind: 'cacheonly' }],
    ['type=image,rewrite-timestamp=true', { ...image, shape: { rewrite: 'clamp' } }],
    ['type=tar,source-date-epoch=7', { kind: 'tar', shape: { epoch: 7 } }],
    [
      'type=image,annotation.Org.Key=v,annotation-index[linux/arm64].k=w',
      {
        ...image,
        shape: {
          annotations: [
            { level: 'manifest', key: 'Org.Key', value: 'v' },
            { level: 'index', platform: { os: 'linux', architecture: 'arm64' }, key: 'k', value: 'w' },
          ],
        },
      },
    ],
  ])('C-11 O-01 O-02 O-03 O-04 O-05 O-06 O-70 O-72 reads %s', (text, spec) => {
    expect(parseOutput(text)).toMatchObject(spec);
  });

  const wrong: readonly (readonly [text: string, message: RegExp, hint?: RegExp])[] = [
    ['', /empty/],
    ['type=', /type/],
    ['type=lokal,dest=x', /type="lokal"/, /did you mean local/],
    ['dest=x,mode=copy', /type is missing/],
    ['type=local', /dest is missing/, /dest=PATH/],
    ['type=local,dest=-', /standard output/, /type=tar/],
    ['type=local,dest=x,mode=mirror', /mode="mirror"/, /copy, delete/],
    ['type=local,dest=x,dist=y', /no option "dist"/, /did you mean dest/],
    ['type=tar,push=true', /no option "push"/],
    ['type=oci,tar=false', /folder cannot go to standard output/],
    ['type=image,push-by-digest=true', /without push=true/],
    ['type=image,push=perhaps', /push="perhaps"/, /true or false/],
    ['type=image,compression=xz', /no compression "xz"/, /gzip, zstd, estargz, zstd:chunked, uncompressed/],
    ['type=image,compression=estargz,oci-mediatypes=false', /cannot say where/, /oci-mediatypes=false out/],
    ['type=docker,compression=zstd:chunked', /as a whole/, /type=registry/],
    ['type=oci,compression=estargz,compression-level=10', /no level "10"/, /1 to 9/],
    ['type=image,compression-level=0', /gzip has no level "0"/, /1 to 9/],
    ['type=image,compression=uncompressed,compression-level=3', /gzip or zstd/],
    ['type=image,source-date-epoch=today', /source-date-epoch: invalid time/],
    ['type=image,source-date-epoch=999999999999', /source-date-epoch: invalid time/],
    ['type=image,"name=a', /misplaced quote/, /quote a whole field/],
    ['type=image,name', /"name" is not NAME=VALUE/],
    ['type=image,annotation-manifst.k=v', /invalid annotation/, /did you mean manifest/],
    ['type=image,oci-mediatypes=false,annotation.k=v', /no annotations/],
    ['type=docker,context=--config=x', /no such context/],
  ];
  it.each(wrong.map(([text, message, hint]) => ({ text, message, hint })))(
    'C-11 refuses $text',
    ({ text, message, hint }) => {
      const thrown = thrownBy(() => parseOutput(text));
      expect(thrown).toMatchObject({ code: 'USAGE', message: expect.stringMatching(message) as string });
      if (hint !== undefined) expect(thrown.hint).toMatch(hint);
    },
  );
});

describe('parseAnnotation', () => {
  it.each<readonly [text: string, annotations: readonly object[]]>([
    ['k=v', [{ level: 'manifest', key: 'k', value: 'v' }]],
    ['k=a=b', [{ level: 'manifest', key: 'k', value: 'a=b' }]],
    ['k=', [{ level: 'manifest', key: 'k', value: '' }]],
    [
      'manifest,index:org.k=v',
      [
        { level: 'manifest', key: 'org.k', value: 'v' },
        { level: 'index', key: 'org.k', value: 'v' },
      ],
    ],
    [
      'manifest-descriptor[linux/arm/v7]:k=v:w',
      [
        {
          level: 'manifest-descriptor',
          platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
          key: 'k',
          value: 'v:w',
        },
      ],
    ],
  ])('C-40 reads %s', (text, annotations) => {
    expect(parseAnnotation(text)).toMatchObject(annotations);
  });

  it.each(['k', '=v', 'layer:k=v', 'index[:k=v', ':k=v'])('C-40 refuses %s', (text) => {
    expect(thrownBy(() => parseAnnotation(text))).toMatchObject({ code: 'USAGE' });
  });
});

function thrownBy(action: () => unknown): TsbuildError {
  try {
    action();
  } catch (error) {
    if (error instanceof TsbuildError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
