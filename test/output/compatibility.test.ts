import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { compatibilityTable, compatibilityVersion, parseCompatibilityVersion } from '../../src/core/index.ts';
import { buildTo } from '../support/build-to.ts';
import { requires } from '../support/requires.ts';

/** Of larger pieces than one, and of several kinds of content. */
const large = Array.from(
  { length: 250_000 },
  (_, n) => `${Math.imul(n, 2654435761).toString(36)} line\n`,
).join('');

const dockerfile = `FROM scratch
ARG SOURCE_DATE_EPOCH
LABEL a=b
COPY --chmod=0750 --chown=7:8 small ${'deep/'.repeat(40)}name
COPY --chmod=0644 large /large
WORKDIR /work
CMD ["/x"]
`;

/** Digests of the same build by compatibility version; others are a new version, never another line for the same. */
const digests: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  1: {
    gzip: 'sha256:a46e6a1a247ad8029b6264dae378956cccfa50d0ed771e8b71cc34fdb6a9bfdc',
    zstd: 'sha256:614607b2d2875c3e02cf6b345d7e329df7b1e0d69f96bcdc21bf4a296da68ce0',
    estargz: 'sha256:8dff352d4a04c1b6d1ec416730db17ad2b62b6446fa10c297c28060370ca4fb5',
    'zstd:chunked': 'sha256:c6071984b31b2fbd59cb5c358c287e7e1ac5bfd2f910cc295576747423117687',
    uncompressed: 'sha256:b6ccd9e7edb31c2245a7e4287c09d5dfef301a1979b7a9634e21ce6973da9799',
  },
};

describe('what decides digests', () => {
  requires('root', 'overlay');

  it('O-59 gives the digests of its compatibility version', async () => {
    const forms = Object.keys(digests[compatibilityVersion] ?? {});
    const { folder } = await buildTo({
      dockerfile,
      files: { small: 'hi\n', large },
      buildArgs: new Map([['SOURCE_DATE_EPOCH', '1000000000']]),
      platforms: [{ os: 'linux', architecture: 'amd64' }],
      to: forms.map(
        (form) =>
          `type=oci,dest={}/${form.replace(':', '-')},tar=false,compression=${form},rewrite-timestamp=true`,
      ),
    });
    const made = forms.map((form) => {
      const index = JSON.parse(readFileSync(join(folder, form.replace(':', '-'), 'index.json'), 'utf8')) as {
        manifests: { digest: string }[];
      };
      return [form, index.manifests[0]?.digest];
    });
    expect(Object.fromEntries(made)).toEqual(digests[compatibilityVersion]);
  });
});

it('O-59 names for each behaviour what every version does', () => {
  const versions = Object.keys(digests);
  for (const by of Object.values(compatibilityTable)) expect(Object.keys(by)).toEqual(versions);
  expect(parseCompatibilityVersion(String(compatibilityVersion))).toBe(compatibilityVersion);
});

it.each([
  ['10', /one of BuildKit.*there is 1/],
  ['2', /^there is 1/],
  ['', /^there is 1/],
  ['__proto__', /^there is 1/],
])('O-59 refuses version %j with a list', (text, hint) => {
  const expected = { code: 'USAGE', hint: expect.stringMatching(hint) as string };
  expect(() => parseCompatibilityVersion(text)).toThrow(expect.objectContaining(expected));
});
