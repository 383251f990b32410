import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { sbomOf } from '../../src/attest/sbom.ts';
import { npmPackages, walkLimits } from '../../src/attest/packages/npm.ts';
import { digestOf, TsbuildError } from '../../src/core/index.ts';
import type { RootDir } from '../../src/sys/index.ts';
import { imageTree } from '../support/image-tree.ts';
import { runOk } from '../support/run-command.ts';
import { checkedSpdx, purlsOf, type SpdxDocument } from '../support/spdx-schema.ts';

const facts = { name: 'app:1', id: digestOf('config'), tool: 'tsbuild-0' };

function sbom(root: RootDir | undefined): { readonly document: SpdxDocument; readonly warnings: string[] } {
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const { predicate, predicateType } = sbomOf({ filename: 'x' }, root, { ...facts, warn })(new Date(0));
  expect(predicateType).toBe('https://spdx.dev/Document');
  return { document: checkedSpdx(predicate), warnings };
}

const status = `Package: libc6
Status: install ok installed
Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>
Architecture: amd64
Source: glibc (2.36-9)
Version: 2.36-9+deb12u4
Description: GNU C Library
 Package: not-a-package
 Version: 1

Package: gone
Status: deinstall ok config-files
Version: 1

Package: tzdata
Status: install ok installed
Version: 1:2024a-0~x
`;

const osRelease = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n';

describe('the SBOM of a tree', () => {
  it('O-81 lists what dpkg has installed, and nothing that was removed', () => {
    using tree = imageTree({ 'etc/os-release': osRelease, 'var/lib/dpkg/status': status });
    const { document, warnings } = sbom(tree);
    expect(warnings).toEqual([]);
    expect(purlsOf(document)).toEqual([
      'pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12&upstream=glibc%402.36-9',
      'pkg:deb/debian/tzdata@1:2024a-0~x?distro=debian-12',
    ]);
    expect(document.packages.map(({ name }) => name)).toEqual(['app:1', 'debian', 'libc6', 'tzdata']);
    expect(document.packages[2]?.supplier).toBe(
      'Person: GNU Libc Maintainers (debian-glibc@lists.debian.org)',
    );
  });

  it('O-81 lists the packages of distroless images, and follows links inside the image alone', () => {
    using tree = imageTree({
      'usr/lib/os-release': osRelease,
      'etc/os-release': { symlink: '/usr/lib/os-release' },
      'var/lib/dpkg/status.d/base': 'Package: base-files\nVersion: 12.4\n',
      'var/lib/dpkg/status.d/base.md5sums': 'Package: no\nVersion: 1\n',
      'var/lib/dpkg/status.d/outside': { symlink: '/etc/shadow' },
    });
    expect(purlsOf(sbom(tree).document)).toEqual(['pkg:deb/debian/base-files@12.4?distro=debian-12']);
  });

  it('O-81 lists what apk has installed, with licences that SPDX knows', () => {
    using tree = imageTree({
      'etc/os-release': 'ID=alpine\nVERSION_ID=3.19.1\n',
      'lib/apk/db/installed':
        'C:Q1a=\nP:musl\nV:1.2.4_git-r4\nA:x86_64\nL:MIT\no:musl\nm:A <a@b.c>\nF:lib\n\nP:ssl\nV:1\nL:custom thing\no:openssl\n',
    });
    const { document } = sbom(tree);
    expect(purlsOf(document)).toEqual([
      'pkg:apk/alpine/musl@1.2.4_git-r4?arch=x86_64&distro=alpine-3.19.1',
      'pkg:apk/alpine/ssl@1?distro=alpine-3.19.1&upstream=openssl',
    ]);
    expect(document.packages.slice(2).map((one) => [one.licenseDeclared, one.licenseComments])).toEqual([
      ['MIT', undefined],
      ['NOASSERTION', 'declared as: custom thing'],
    ]);
  });

  it('O-81 lists npm packages wherever they lie, each once, and no package.json of anything else', () => {
    const json = (name: string, version: string, more: object = {}): string =>
      JSON.stringify({ name, version, ...more });
    using tree = imageTree({
      'app/package.json': json('app', '1.0.0'),
      'app/node_modules/a/package.json': json('a', '1.0.0', { license: 'MIT' }),
      'app/node_modules/a/node_modules/b/package.json': json('b', '2.0.0', { license: { type: 'ISC' } }),
      'app/node_modules/@scope/c/package.json': json('@scope/c', '3.0.0'),
      'app/node_modules/a/test/package.json': json('fixture', '9.9.9'),
      'srv/node_modules/.pnpm/a@1/node_modules/a/package.json': json('a', '1.0.0'),
      'srv/node_modules/a': { symlink: '.pnpm/a@1/node_modules/a' },
      'srv/node_modules/broken/package.json': '{"name":',
    });
    const { document, warnings } = sbom(tree);
    expect(purlsOf(document)).toEqual(['pkg:npm/%40scope/c@3.0.0', 'pkg:npm/a@1.0.0', 'pkg:npm/b@2.0.0']);
    expect(document.packages.slice(1).map((one) => one.licenseDeclared)).toEqual([
      'NOASSERTION',
      'MIT',
      'ISC',
    ]);
    expect(warnings).toEqual(['the SBOM leaves out 1 package.json files that cannot be read']);
  });

  it('O-81 says the same of the same tree, and of the empty one that it has nothing', () => {
    using tree = imageTree({ 'var/lib/dpkg/status': status });
    expect(sbom(tree)).toEqual(sbom(tree));
    const { document } = sbom(undefined);
    expect(document.packages.map(({ SPDXID }) => SPDXID)).toEqual(['SPDXRef-Image']);
    expect(document.documentNamespace).not.toBe(sbom(tree).document.documentNamespace);
  });

  it('O-81 agrees with dpkg-query and apt about a real system', async () => {
    // The machine's own database, as a file: nothing of the machine is touched.
    using tree = imageTree({ 'var/lib/dpkg/status': await runOk(['cat', '/var/lib/dpkg/status']) });
    const listed = await runOk(['dpkg-query', '-W', '-f', '${db:Status-Status} ${Package} ${Version}\n']);
    const expected = listed
      .split('\n')
      .filter((line) => line.startsWith('installed '))
      .map((line) => line.slice('installed '.length));
    const found = sbom(tree).document.packages.slice(1);
    expect(new Set(found.map((one) => `${one.name} ${one.versionInfo ?? ''}`))).toEqual(new Set(expected));
  });
});

describe('hostile trees', () => {
  const refused: readonly (readonly [what: string, make: (folder: string) => unknown, message: RegExp])[] = [
    [
      'a database that is a pipe',
      (folder) => runOk(['mkfifo', join(folder, 'status')]),
      /not a regular file/,
    ],
    ['a database that is a folder', (folder) => mkdirSync(join(folder, 'status')), /not a regular file/],
    [
      'a database without end',
      (folder) => runOk(['truncate', '-s', '1T', join(folder, 'status')]),
      /larger than \d+ bytes/,
    ],
    ['a link in circles', (folder) => runOk(['ln', '-s', 'status', join(folder, 'status')]), /leads nowhere/],
  ];
  it.each(refused)('O-81 refuses %s', async (_what, make, message) => {
    using tree = imageTree({ 'var/lib/dpkg/arch': 'amd64\n' });
    await make(join(tree.folder, 'var/lib/dpkg'));
    expect(() => sbom(tree)).toThrow(message);
    expect(() => sbom(tree)).toThrow(TsbuildError);
  });

  it('O-81 leaves out names that are none, and says so', () => {
    const odd = 'Package: ../../x\nVersion: 1\n\nPackage: y\nVersion: 1\u0007\n\nPackage: \n\nnonsense\n:\n';
    using tree = imageTree({
      'var/lib/dpkg/status': odd,
      'lib/apk/db/installed': `P:${'x'.repeat(10_000)}\nV:1\n`,
    });
    const { document, warnings } = sbom(tree);
    expect(purlsOf(document)).toEqual([]);
    expect(warnings).toEqual([
      'the SBOM leaves out 3 entries of /var/lib/dpkg/status without a usable name and version',
      'the SBOM leaves out 1 entries of /lib/apk/db/installed without a usable name and version',
    ]);
  });

  it('O-81 keeps links, pipes and huge files out of node_modules', async () => {
    using tree = imageTree({
      'node_modules/ok/package.json': '{"name":"ok","version":"1.0.0"}',
      'node_modules/link/package.json': { symlink: '/etc/passwd' },
      'node_modules/nested/package.json': '['.repeat(500_000),
      'node_modules/pipe/x': '',
      'node_modules/__proto__/package.json': '{"__proto__":{"name":"p","version":"1"}}',
    });
    await runOk(['mkfifo', join(tree.folder, 'node_modules/pipe/package.json')]);
    writeFileSync(join(tree.folder, 'node_modules/huge.json'), '');
    expect(purlsOf(sbom(tree).document)).toEqual(['pkg:npm/ok@1.0.0']);
  });

  it('O-81 gives up on trees without measure', () => {
    using tree = imageTree({
      'a/b/c/d/node_modules/p/package.json': '{"name":"p","version":"1"}',
      'node_modules/q/package.json': '{"name":"q","version":"1"}',
    });
    const walk = (limits: Partial<typeof walkLimits>) => () =>
      npmPackages(tree, () => undefined, { ...walkLimits, ...limits });
    expect(walk({})()).toHaveLength(2);
    expect(walk({ entries: 3 })).toThrow(/more than 3 files/);
    expect(walk({ depth: 2 })).toThrow(/deeper than 2/);
    expect(walk({ packages: 1 })).toThrow(/more than 1 npm packages/);
  });
});
