import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';

import { digestOf } from '../../src/core/index.ts';
import { tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { testRepository } from '../support/git-repository.ts';
import { startGitServer } from '../support/git-server.ts';
import { serveFiles } from '../support/http-server.ts';
import { requires } from '../support/requires.ts';
import { slsa1 } from '../support/slsa-schema.ts';
import { tempFolder } from '../support/temp-folder.ts';

const statement = z.looseObject({
  subject: z.array(z.looseObject({ digest: z.strictObject({ sha256: z.string() }) })),
  predicate: z.unknown(),
});

function provenanceIn(folder: string): { text: string; subject: string; predicate: z.infer<typeof slsa1> } {
  const text = readFileSync(join(folder, 'provenance.json'), 'utf8');
  const { subject, predicate } = statement.parse(JSON.parse(text));
  return { text, subject: subject[0]!.digest.sha256, predicate: slsa1.parse(predicate) };
}

describe('provenance of what was fetched', () => {
  requires('root', 'overlay', 'tool:git');

  it('O-80 O-84 names the commit of a context and the sum of a download, also when nothing runs, and no password', async () => {
    const folder = tempFolder('git').path;
    await using files = await serveFiles({ '/a.txt': 'content' });
    const repository = await testRepository(folder, 'app');
    const password = 'hunter2';
    const url = files.origin.replace('//', `//someone:${password}@`);
    const commit = await repository.commit({
      'docker/Dockerfile': `FROM scratch\nCOPY docker /\nADD ${url}/a.txt /\n`,
    });
    await using server = await startGitServer(folder);
    const cli = tsbuild();
    const out = join(tempFolder('out').path, 'out');
    const context = `${server.url.replace('//', `//someone:${password}@`)}/app.git#main`;
    for (let times = 0; times < 2; times += 1) {
      await cli.ok(['build', '--provenance=mode=max', '-f', 'docker/Dockerfile', '-o', out, context]);
      const { text, predicate } = provenanceIn(out);
      const { resolvedDependencies, externalParameters } = predicate.buildDefinition;
      expect(externalParameters.configSource).toEqual({
        uri: `${server.url}/app.git#main`,
        digest: { sha1: commit },
        path: 'docker/Dockerfile',
      });
      expect(resolvedDependencies).toEqual([
        { uri: `${server.url}/app.git#main`, digest: { sha1: commit } },
        { uri: `${files.origin}/a.txt`, digest: { sha256: digestOf('content').slice(7) } },
      ]);
      expect(text).not.toContain(password);
      const source = Buffer.from(
        predicate.runDetails.metadata.tsbuild_source?.data ?? '',
        'base64',
      ).toString();
      expect(source).toContain('ADD http://');
      expect(source).not.toContain(password);
    }
  });

  it('O-30 O-82 is there for every platform, about its own image', async () => {
    const cli = tsbuild();
    const out = join(tempFolder('out').path, 'out');
    const context = makeContext({ Dockerfile: 'FROM scratch\nCOPY a /\n', a: 'a' });
    const platforms = ['--platform', 'linux/amd64,linux/arm64'];
    await cli.ok(['build', ...platforms, '--provenance', '--sbom', '-o', out, context]);
    expect(readdirSync(out).sort()).toEqual(['linux_amd64', 'linux_arm64']);
    const subjects = readdirSync(out).map((platform) => provenanceIn(join(out, platform)).subject);
    expect(new Set(subjects).size).toBe(2);
    const layout = join(tempFolder('layout').path, 'layout');
    await cli.ok([
      'build',
      '-t',
      'app:1',
      ...platforms,
      '--sbom=true',
      '-o',
      `type=oci,tar=false,dest=${layout}`,
      context,
    ]);
    const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
      manifests: { mediaType: string; annotations: Record<string, string> }[];
    };
    const about = index.manifests.flatMap(
      ({ annotations }) => annotations['vnd.docker.reference.digest'] ?? [],
    );
    expect(new Set(about).size).toBe(2);
    // Kept with each image of the index in the store, and shown for the index.
    await cli.ok(['build', '-t', 'app:1', ...platforms, '--sbom=true', context]);
    const shown = (await cli.ok(['inspect', '--attestations', '--format', 'json', 'app:1'])).split('\n');
    const names = shown.map((line) => (JSON.parse(line) as { subject: { name: string }[] }).subject[0]?.name);
    expect(names).toEqual(['amd64', 'arm64'].map((arch) => `pkg:docker/app@1?platform=linux%2F${arch}`));
  });
});
