import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { parsePlatform } from '../../src/oci/index.ts';
import type { TsbuildError } from '../../src/core/index.ts';
import { planBuild } from '../../src/plan.ts';
import { openStore } from '../../src/store/index.ts';
import { tsbuild, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { testRepository, type TestRepository } from '../support/git-repository.ts';
import { startGitServer, type GitServer } from '../support/git-server.ts';
import { serveFiles, type TestServer } from '../support/http-server.ts';
import { errorOf } from '../support/git-world.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage } from '../support/tiny-image.ts';

describe('lock files and source policies', () => {
  requires('root', 'overlay', 'tool:docker-registry', 'tool:git');
  const files = { '/a.txt': 'one' };
  const publisher: Tsbuild = tsbuild();
  let registry: TestRegistry;
  let repositories: string;
  let repository: TestRepository;
  let git: GitServer;
  let server: TestServer;
  let base: string;
  let folder: string;

  /** Gives the base's name to an image of its own. */
  async function publish(content: string): Promise<void> {
    await using store = await openStore(publisher.root);
    const platform = parsePlatform('linux/amd64');
    const layers = [{ etc: content }];
    await makeTinyImage(store, { name: base, platform, layers });
    await registry.push(store, base, base.slice(base.indexOf('/') + 1));
  }

  beforeAll(async () => {
    registry = await startRegistry(join(tempFolder('registry').path, 'r'));
    repositories = tempFolder('git').path;
    repository = await testRepository(repositories, 'app');
    await repository.commit({ 'b.txt': 'first' });
    git = await startGitServer(repositories);
    server = await serveFiles(files);
    base = `${registry.host}/team/base:1`;
    await publish('one');
    folder = makeContext({
      Dockerfile: [
        `FROM ${base} AS unused`,
        'FROM scratch',
        `COPY --from=${base} / /base`,
        `ADD ${server.origin}/a.txt /a.txt`,
        `ADD ${git.url}/app.git#main /app`,
        '',
      ].join('\n'),
    });
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await git[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  /** What a locked build has of the image and of the repository. */
  async function taken(cli: Tsbuild): Promise<readonly string[]> {
    const out = join(tempFolder('out').path, 'tree');
    await cli.ok(['build', '-q', '--locked', '-o', out, folder]);
    return ['base/etc', 'app/b.txt'].map((path) => readFileSync(join(out, path), 'utf8'));
  }

  const lockOf = (): string => readFileSync(join(folder, 'Dockerfile.lock'), 'utf8');
  const identifiers = (): readonly string[] =>
    [`docker-image://${base}`, `git://${git.host}/app.git#main`, `${server.origin}/a.txt`].sort();

  it('B-06 C-54 O-62 a build holds to what was written down, until the lock is updated', async () => {
    const cli = tsbuild();
    const { stdout } = await cli.run(['lock', folder]);
    expect(stdout.split('\n').map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      ...identifiers().map((identifier) => `+ ${identifier}`),
      '',
    ]);
    const first = lockOf();

    await publish('two');
    const second = await repository.commit({ 'b.txt': 'second' });
    // What is there stays, on every machine.
    expect(await cli.ok(['lock', folder])).toBe('');
    expect(lockOf()).toBe(first);
    const other = tsbuild();
    expect(await taken(other)).toEqual(['one', 'first']);

    const news = await other.run(['lock', '--update', '--check', folder]);
    expect(news.status).toBe(1);
    expect(news.stdout.split('\n').map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      `~ docker-image://${base}`,
      `~ git://${git.host}/app.git#main`,
      '',
    ]);
    expect(news.stdout).toContain(second);
    expect(lockOf()).toBe(first);
    await other.ok(['lock', '--update', folder]);
    expect(await taken(other)).toEqual(['two', 'second']);

    // The same file is a source policy for any builder.
    const policy = ['--source-policy-file', join(folder, 'Dockerfile.lock')];
    const plan = await other.ok(['plan', ...policy, folder]);
    expect(plan).toMatch(new RegExp(`FROM ${base}@sha256:[0-9a-f]{64}`));
    expect(plan).toContain(`app.git#${second}`);
  });

  it('B-06 what a URL gives may not change, and what is new must be written down', async () => {
    const cli = tsbuild();
    await cli.ok(['lock', '--update', folder]);
    files['/a.txt'] = 'two';
    // A copy of the right content may be in the store already; another machine has none.
    const changed = await tsbuild().run(['build', '--locked', folder]);
    expect(changed.status).toBe(4);
    expect(changed.stderr).toContain('SOURCE_INVALID');
    files['/a.txt'] = 'one';

    const dockerfile = join(folder, 'Dockerfile');
    const text = readFileSync(dockerfile, 'utf8');
    writeFileSync(dockerfile, `${text}ADD ${server.origin}/c.txt /\n`);
    const { status, stderr } = await cli.run(['plan', '--locked', folder]);
    expect(status).toBe(3);
    expect(stderr).toContain(`Dockerfile:6`);
    expect(stderr).toContain(
      `${server.origin}/c.txt is not in ${join(folder, 'Dockerfile.lock')} [LOCK_OUTDATED]`,
    );
    writeFileSync(dockerfile, text);
  });

  it('B-06 a stage that cannot be planned is told of, and a lock file has a place', async () => {
    const cli = tsbuild();
    const broken = ['ARG NONE', 'FROM $NONE AS broken', 'FROM scratch', `ADD ${server.origin}/a.txt /`, ''];
    const context = makeContext({ Dockerfile: broken.join('\n') });
    const { stdout, stderr } = await cli.run(['lock', context]);
    expect(stdout).toContain(`+ ${server.origin}/a.txt `);
    expect(stderr).toContain('stage broken cannot be planned');
    // The Dockerfile is one of the repository.
    const elsewhere = await cli.run(['lock', '-f', 'docker/Dockerfile', `${git.url}/app.git`]);
    expect(elsewhere.status).toBe(2);
    expect(elsewhere.stderr).toContain('name one with --lock-file');
  });

  it('C-54 O-62 rules hold for bases, repositories, URLs and folders, with the place of what is denied', async () => {
    const policy = join(folder, 'policy.json');
    const root = tempFolder('root').path;
    const denied = async (identifier: string, context = folder): Promise<TsbuildError> => {
      writeFileSync(policy, JSON.stringify({ rules: [{ action: 'DENY', selector: { identifier } }] }));
      return errorOf(planBuild({ root, context, sourcePolicy: policy }));
    };
    const rule = `is denied by rule 1 of ${policy} (DENY `;
    for (const [identifier, line] of [
      ['docker-image://127.0.0.1*', 3],
      [`${server.origin}/*`, 4],
      ['git://*/app.git#*', 5],
    ] as const) {
      const error = await denied(identifier);
      expect(error.at?.range.startLine).toBe(line);
      expect(error.message).toContain(`${rule}${identifier})`);
    }
    const env = { EXPERIMENTAL_BUILDKIT_SOURCE_POLICY: policy };
    await denied('local://context');
    const { stderr } = await tsbuild(root).run(['plan', folder], { env });
    expect(stderr).toContain(`local://context ${rule}local://context) [POLICY_DENIED]`);
    const { message } = await denied('git://*', `${git.url}/app.git`);
    expect(message).toContain(`git://${git.host}/app.git ${rule}`);
  });
});
