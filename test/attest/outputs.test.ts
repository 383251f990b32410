import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';

import { tsbuild, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { slsa02, slsa1 } from '../support/slsa-schema.ts';
import { checkedSpdx, purlsOf } from '../support/spdx-schema.ts';
import { tempFolder } from '../support/temp-folder.ts';

const files = {
  Dockerfile: 'FROM scratch\nARG TOKEN\nCOPY . /\n',
  'var/lib/dpkg/status': 'Package: bash\nStatus: install ok installed\nVersion: 5.2\n',
  'app/node_modules/left-pad/package.json': '{"name":"left-pad","version":"1.3.0","license":"WTFPL"}',
};
const purls = ['pkg:deb/debian/bash@5.2', 'pkg:npm/left-pad@1.3.0'];

const statementSchema = z.strictObject({
  _type: z.enum(['https://in-toto.io/Statement/v1', 'https://in-toto.io/Statement/v0.1']),
  predicateType: z.string(),
  subject: z
    .array(z.strictObject({ name: z.string(), digest: z.strictObject({ sha256: z.string() }) }))
    .min(1),
  predicate: z.unknown(),
});
type Statement = z.infer<typeof statementSchema>;

const descriptor = z.looseObject({ mediaType: z.string(), digest: z.string(), size: z.number() });
const indexSchema = z.looseObject({
  manifests: z.array(descriptor.extend({ annotations: z.record(z.string(), z.string()).optional() })),
});
const artifactSchema = z.strictObject({
  schemaVersion: z.literal(2),
  mediaType: z.literal('application/vnd.oci.image.manifest.v1+json'),
  artifactType: z.literal('application/vnd.docker.attestation.manifest.v1+json'),
  config: descriptor.extend({ mediaType: z.literal('application/vnd.oci.empty.v1+json') }),
  layers: z.array(
    descriptor.extend({
      mediaType: z.literal('application/vnd.in-toto+json'),
      annotations: z.strictObject({ 'in-toto.io/predicate-type': z.string() }),
    }),
  ),
  subject: descriptor,
});

function parsed(text: string | Buffer): Statement {
  return statementSchema.parse(JSON.parse(text.toString()));
}

/** By the kind of what they say. */
function byKind(statements: readonly Statement[]): { provenance: Statement; sbom: Statement } {
  const find = (type: string): Statement =>
    statements.find(({ predicateType }) => predicateType.startsWith(type))!;
  expect(statements).toHaveLength(2);
  return { provenance: find('https://slsa.dev/'), sbom: find('https://spdx.dev/') };
}

describe('attestations of a build', () => {
  requires('root', 'overlay', 'tool:docker-registry', 'tool:skopeo');
  let cli: Tsbuild;
  let registry: TestRegistry;
  let context: string;
  beforeAll(async () => {
    cli = tsbuild();
    context = makeContext(files);
    registry = await startRegistry(join(tempFolder('registry').path, 'files'));
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const both = ['--provenance=true', '--sbom=true'];

  async function fetched(repository: string, kind: 'manifests' | 'blobs', name: string): Promise<Buffer> {
    const accept = 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json';
    const answer = await fetch(`http://${registry.host}/v2/${repository}/${kind}/${name}`, {
      headers: { accept },
    });
    expect(answer.status).toBe(200);
    return Buffer.from(await answer.arrayBuffer());
  }

  /** What the registry lists under the fallback tag of a manifest, read with none of tsbuild's code. */
  async function referring(repository: string, digest: string): Promise<readonly Statement[]> {
    const tag = digest.replace(':', '-');
    const { manifests } = indexSchema.parse(
      JSON.parse((await fetched(repository, 'manifests', tag)).toString()),
    );
    const statements: Statement[] = [];
    for (const one of manifests) {
      const manifest = artifactSchema.parse(
        JSON.parse((await fetched(repository, 'manifests', one.digest)).toString()),
      );
      expect(manifest.subject.digest).toBe(digest);
      for (const layer of manifest.layers) {
        const bytes = await fetched(repository, 'blobs', layer.digest);
        expect(`sha256:${createHash('sha256').update(bytes).digest('hex')}`).toBe(layer.digest);
        expect(parsed(bytes).predicateType).toBe(layer.annotations['in-toto.io/predicate-type']);
        statements.push(parsed(bytes));
      }
    }
    return statements;
  }

  async function digestOf(name: string): Promise<string> {
    const flags = ['--tls-verify=false', '--format', '{{.Digest}}'];
    return (await runOk(['skopeo', 'inspect', ...flags, `docker://${name}`])).trim();
  }

  it('O-82 G-42 B-13 go with a push as referrers, and change nothing of the image', async () => {
    const name = `${registry.host}/plain:1`;
    const bare = await cli.ok(['build', '-q', '-t', name, '--push', context]);
    const digest = await digestOf(name);
    expect(
      (await fetch(`http://${registry.host}/v2/plain/manifests/${digest.replace(':', '-')}`)).status,
    ).toBe(404);
    expect(await cli.ok(['build', '-q', '-t', name, '--push', ...both, context])).toBe(bare);
    expect(await digestOf(name)).toBe(digest);
    const { provenance, sbom } = byKind(await referring('plain', digest));
    for (const { subject } of [provenance, sbom]) {
      expect(subject).toEqual([
        {
          name: `pkg:docker/${registry.host}/plain@${digest}?platform=linux%2Famd64`,
          digest: { sha256: digest.slice(7) },
        },
      ]);
    }
    slsa1.parse(provenance.predicate);
    expect(purlsOf(checkedSpdx(sbom.predicate))).toEqual(purls);
    // Built and pushed once more, and under another tag: all of it is there already.
    const other = `${registry.host}/plain:2`;
    await cli.ok(['build', '-q', '-t', name, '-t', other, '--push', ...both, context]);
    expect(await referring('plain', digest)).toEqual([provenance, sbom]);
    await cli.ok(['build', '-q', '-t', name, '--push', '--provenance=builder-id=urn:other', context]);
    expect(await referring('plain', digest)).toHaveLength(3);
  });

  it('O-82 are kept beside the image: a later push sends them, and inspect shows them', async () => {
    const name = `${registry.host}/later:1`;
    await cli.ok([
      'build',
      '-q',
      '-t',
      name,
      '--attest',
      'type=provenance,version=v0.2,builder-id=https://ci.example',
      '--sbom=1',
      context,
    ]);
    const shown = (await cli.ok(['inspect', '--attestations', '--format', 'json', name]))
      .split('\n')
      .map(parsed);
    slsa02.parse(byKind(shown).provenance.predicate);
    // What is named by the image alone is collected with it, not before.
    await cli.ok(['prune', '--force']);
    await cli.ok(['push', name]);
    const said = await referring('later', await digestOf(name));
    expect(said.map(({ predicate }) => predicate)).toEqual(shown.map(({ predicate }) => predicate));
    const elsewhere = tsbuild();
    const remote = (await elsewhere.ok(['inspect', '--attestations', '--format', 'json', name])).split('\n');
    expect(remote.map(parsed)).toEqual(said);
    // Without them it is built without them.
    await cli.ok(['build', '-q', '-t', `${registry.host}/without:1`, context]);
    await cli.ok(['push', `${registry.host}/without:1`]);
    const tag = (await digestOf(`${registry.host}/without:1`)).replace(':', '-');
    expect((await fetch(`http://${registry.host}/v2/without/manifests/${tag}`)).status).toBe(404);
  });

  it('O-82 stand beside the image in an OCI layout, which other tools read as before', async () => {
    const layout = join(tempFolder('layout').path, 'layout');
    for (let times = 0; times < 2; times += 1) {
      await cli.ok(['build', '-t', 'app:1', ...both, '-o', `type=oci,tar=false,dest=${layout}`, context]);
    }
    const { manifests } = indexSchema.parse(JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')));
    expect(manifests).toHaveLength(2);
    const [image, said] = manifests;
    expect(said).toMatchObject({
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: {
        'vnd.docker.reference.type': 'attestation-manifest',
        'vnd.docker.reference.digest': image?.digest,
      },
    });
    const read = (digest: string): Buffer => readFileSync(join(layout, 'blobs', digest.replace(':', '/')));
    const { layers } = artifactSchema.parse(JSON.parse(read(said!.digest).toString()));
    const { sbom } = byKind(layers.map(({ digest }) => parsed(read(digest))));
    expect(sbom.subject[0]?.digest.sha256).toBe(image?.digest.slice(7));
    const ref = image?.annotations?.['org.opencontainers.image.ref.name'] ?? '';
    const seen = await runOk(['skopeo', 'inspect', '--format', '{{.Digest}}', `oci:${layout}:${ref}`]);
    expect(seen.trim()).toBe(image?.digest);
    // An image of its own name again without them: what was said goes.
    await cli.ok(['build', '-t', 'app:1', '-o', `type=oci,tar=false,dest=${layout}`, context]);
    expect(
      indexSchema.parse(JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'))).manifests,
    ).toHaveLength(1);
    const archive = `${layout}.tar`;
    await cli.ok(['build', '-t', 'app:1', ...both, '-o', `type=oci,dest=${archive}`, context]);
    expect(await tsbuild().ok(['load', '-i', archive])).toContain('app:1');
  });

  it('O-82 are files beside those of the result, as a folder and as a tar', async () => {
    const out = join(tempFolder('out').path, 'out');
    await cli.ok(['build', ...both, '-o', out, context]);
    expect(readdirSync(out).sort()).toEqual([
      'Dockerfile',
      'app',
      'provenance.json',
      'sbom.spdx.json',
      'var',
    ]);
    slsa1.parse(parsed(readFileSync(join(out, 'provenance.json'))).predicate);
    expect(purlsOf(checkedSpdx(parsed(readFileSync(join(out, 'sbom.spdx.json'))).predicate))).toEqual(purls);
    const tar = `${out}.tar`;
    await cli.ok([
      'build',
      '--sbom',
      '--attest=type=provenance,filename=how.json',
      '-o',
      `type=tar,dest=${tar}`,
      context,
    ]);
    const names = (await runOk(['tar', 'tf', tar])).split('\n');
    expect(names.filter((name) => /^[^/]*\.json$/.test(name))).toEqual(['how.json', 'sbom.spdx.json']);
    const own = makeContext({ ...files, 'sbom.spdx.json': '{}' });
    const refused = await cli.run(['build', '--sbom', '-o', `${out}.2`, own]);
    expect(refused.stderr).toContain('the result has a file sbom.spdx.json of its own [ATTESTATION_FAILED]');
  });

  it('O-80 B-13 with SOURCE_DATE_EPOCH the same build says the same, to the byte', async () => {
    const env = { SOURCE_DATE_EPOCH: '1000000000' };
    const texts: string[] = [];
    for (const store of [cli, tsbuild()]) {
      const out = join(tempFolder('out').path, 'out');
      await store.ok(['build', ...both, '-o', out, context], { env });
      texts.push(
        ['provenance.json', 'sbom.spdx.json'].map((name) => readFileSync(join(out, name), 'utf8')).join('\n'),
      );
    }
    expect(texts[0]).toBe(texts[1]);
    expect(texts[0]).toContain('"created":"2001-09-09T01:46:40Z"');
  });

  it('C-21 O-80 stand in the metadata file, for each platform where there are several', async () => {
    const file = join(tempFolder('metadata').path, 'metadata.json');
    for (const [platforms, suffixes] of [
      ['linux/amd64', ['']],
      ['linux/amd64,linux/arm64', ['/linux/amd64', '/linux/arm64']],
    ] as const) {
      const flags = ['--provenance=true', '--platform', platforms, '--metadata-file', file];
      await cli.ok(['build', ...flags, '-o', 'type=cacheonly', context]);
      const metadata = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
      const keys = Object.keys(metadata).filter((key) => key.startsWith('buildx.build.provenance'));
      expect(keys).toEqual(suffixes.map((suffix) => `buildx.build.provenance${suffix}`));
      for (const key of keys) slsa1.parse(metadata[key]);
    }
  });

  it('O-80 min says nothing of build arguments and of where the context lies', async () => {
    const out = join(tempFolder('out').path, 'out');
    for (const [mode, tells] of [
      ['min', false],
      ['max', true],
    ] as const) {
      await cli.ok([
        'build',
        '--build-arg',
        'TOKEN=s3cr3t-value',
        `--provenance=mode=${mode}`,
        '-o',
        out,
        context,
      ]);
      const text = readFileSync(join(out, 'provenance.json'), 'utf8');
      expect(text.includes('s3cr3t-value')).toBe(tells);
      expect(text).not.toContain(context);
    }
  });
});
