import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { scansIn } from '../../src/attest/scans.ts';
import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { imageTree } from '../support/image-tree.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

const spdxType = 'https://spdx.dev/Document';
const request = { filename: 'mine.json' };

describe('what a scanner leaves', () => {
  const spdx = { spdxVersion: 'SPDX-2.3', name: 'x' };
  const statement = { _type: 'https://in-toto.io/Statement/v1', predicateType: spdxType, predicate: spdx };

  it('O-81 is taken as a statement or as SPDX, the first by the name that was asked for', () => {
    const files = {
      'run/out/sbom.spdx.json': JSON.stringify(statement),
      'run/out/sbom-build.spdx.json': JSON.stringify(spdx),
      'run/out/log.txt': 'no SBOM',
    };
    using root = imageTree(files);
    expect(scansIn(root, request)).toEqual([
      { predicateType: spdxType, predicate: spdx, filename: 'sbom-build.spdx.json' },
      { predicateType: spdxType, predicate: spdx, filename: 'mine.json' },
    ]);
  });

  it('O-81 does not take the name that was asked for', () => {
    const names = ['run/out/sbom.spdx.json', 'run/out/mine.spdx.json'];
    using root = imageTree(Object.fromEntries(names.map((name) => [name, JSON.stringify(spdx)])));
    expect(() => scansIn(root, { filename: 'mine.spdx.json' })).toThrow('wrote mine.spdx.json itself');
    expect(scansIn(root, { filename: 'sbom.spdx.json' })).toHaveLength(2);
  });

  it.each<[what: string, files: Readonly<Record<string, string>>, said: RegExp]>([
    ['nothing', { 'run/out/log': '' }, /wrote nothing/],
    ['no folder', { 'run/other': '' }, /wrote nothing/],
    ['no JSON', { 'run/out/sbom.spdx.json': '{' }, /is not JSON/],
    ['something else', { 'run/out/sbom.spdx.json': '{"a":1}' }, /neither SPDX nor/],
    [
      'another statement',
      { 'run/out/a.spdx.json': JSON.stringify({ ...statement, predicateType: 'x' }) },
      /neither SPDX nor/,
    ],
    ['an odd name', { 'run/out/.. .spdx.json': '{}' }, /a file of the name/],
  ])('O-81 S-61 %s is ATTESTATION_FAILED', (_what, files, said) => {
    using root = imageTree(files);
    const read = (): unknown => scansIn(root, request);
    expect(read).toThrow(expect.objectContaining({ code: 'ATTESTATION_FAILED' }));
    expect(read).toThrow(said);
  });
});

/** Tells of each tree its name and its files, in a statement; fails where it could write to one or has a network. */
const scanner = `#!/bin/sh -e
scan() {
  name=$(basename "$1")
  printf '{"predicateType":"${spdxType}","predicate":{"spdxVersion":"SPDX-2.3","name":"%s","comment":"%s"}}' \\
    "$name" "$(ls "$1" | tr '\\n' ' ')" > "$BUILDKIT_SCAN_DESTINATION/$name.spdx.json"
}
if touch "$BUILDKIT_SCAN_SOURCE/x" 2>/dev/null; then exit 3; fi
if grep -q eth /proc/net/dev; then exit 4; fi
touch /tmp/x
scan "$BUILDKIT_SCAN_SOURCE"
if [ -z "$BUILDKIT_SCAN_SOURCE_EXTRAS" ]; then exit 0; fi
for each in "$BUILDKIT_SCAN_SOURCE_EXTRAS"/*; do scan "$each"; done
`;

const dockerfile = `FROM scratch AS tools
ARG BUILDKIT_SBOM_SCAN_STAGE=true
COPY tool /tools
FROM scratch AS unseen
COPY tool /unseen
FROM scratch
ARG BUILDKIT_SBOM_SCAN_CONTEXT=true
COPY --from=tools /tools /app
COPY --from=unseen /unseen /app2
`;

describe('scanner images', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
    const files = { Dockerfile: 'FROM busybox:1\nCOPY --chmod=755 scan /scan\nENTRYPOINT ["/scan"]\n' };
    await cli.ok(['build', '-q', '-t', 'scanner', makeContext({ ...files, scan: scanner })]);
  });

  it('O-81 are run on the result, on stages and on the context that ask for it', async () => {
    const out = join(tempFolder('out').path, 'out');
    const context = makeContext({ Dockerfile: dockerfile, tool: 'x' });
    const built = ['build', '--sbom=generator=scanner', '-o', out, context];
    await cli.ok(built);
    const said = (file: string): unknown =>
      (JSON.parse(readFileSync(join(out, file), 'utf8')) as { predicate: object }).predicate;
    expect(readdirSync(out).sort()).toEqual([
      ...['app', 'app2', 'sbom-context.spdx.json', 'sbom-tools.spdx.json', 'sbom.spdx.json'],
    ]);
    expect(said('sbom.spdx.json')).toMatchObject({ name: 'sbom', comment: 'app app2 ' });
    expect(said('sbom-tools.spdx.json')).toMatchObject({ name: 'sbom-tools', comment: 'tools ' });
    expect(said('sbom-context.spdx.json')).toMatchObject({ comment: 'Dockerfile tool ' });
    // The second time it is known.
    const { stderr } = await cli.run(built);
    expect(stderr).toMatch(/\[sbom\] scanner on linux\/amd64\n#\d+ CACHED/);
  });

  it('O-81 one that fails or is no program is told of', async () => {
    const context = makeContext({ Dockerfile: 'FROM scratch\nCOPY a /\n', a: '' });
    const files = { Dockerfile: 'FROM busybox:1\nENTRYPOINT ["false"]\n' };
    await cli.ok(['build', '-q', '-t', 'broken', makeContext(files)]);
    const broken = await cli.run(['build', '--sbom=generator=broken', context]);
    expect(broken.status).not.toBe(0);
    expect(broken.stderr).toContain('false');
    await cli.ok(['build', '-q', '-t', 'empty', context]);
    const empty = await cli.run(['build', '--sbom=generator=empty', context]);
    expect(empty.stderr).toContain('has no command to run');
  });
});
