import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { outputOptionsOf } from '../../src/cli/build-outputs.ts';
import { fullCommandLine } from '../../src/cli/command-words.ts';
import { tsbuild, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { inspectImage } from '../support/inspect-image.ts';
import { membersOf, openLayout } from '../support/read-archive.ts';
import { findTool, requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { dockerEngine } from '../support/shared-engine.ts';
import { tempFolder } from '../support/temp-folder.ts';

const dockerfile = 'FROM busybox:1\nRUN echo built > /made\nFROM scratch\nCOPY --from=0 /made /made\n';

describe('where build puts its result', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  let context: string;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
    context = makeContext({ Dockerfile: dockerfile });
  });

  it('C-11 O-04 -o FOLDER has the files, and the store no image', async () => {
    const { path } = tempFolder('output');
    const { stderr } = await cli.run(['build', '-t', 'files', '-o', join(path, 'out'), context]);
    expect(readFileSync(join(path, 'out/made'), 'utf8')).toBe('built\n');
    expect(stderr).toMatch(new RegExp(`^  written to ${path}/out$`, 'm'));
    expect((await cli.run(['inspect', 'files'])).status).toBe(1);
  });

  it('C-11 O-05 -o - is the tar and nothing else', async () => {
    const { stdoutBytes, status } = await cli.run(['build', '-o', '-', context]);
    expect(status).toBe(0);
    expect([...(await membersOf(stdoutBytes))]).toEqual([['made', Buffer.from('built\n')]]);
    const quiet = await cli.run(['build', '-q', '-o', '-', context]);
    expect(quiet).toMatchObject({ status: 2, stdout: '' });
    expect(quiet.stderr).toContain('--quiet');
  });

  it('C-21 --metadata-file says what became of it, and nothing after a failure', async () => {
    const { path } = tempFolder('output');
    const file = join(path, 'meta.json');
    writeFileSync(file, 'of an earlier build');
    const flags = ['-t', 'one', '-t', 'two:2', '-o', `type=oci,dest=${path}/a.tar`, '--metadata-file', file];
    await cli.ok(['build', ...flags, context]);
    const { index, manifest } = openLayout(await membersOf(join(path, 'a.tar')));
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      'containerimage.config.digest': manifest.config?.digest,
      'containerimage.descriptor': {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest: index.manifests?.[0]?.digest,
        size: index.manifests?.[0]?.size,
      },
      'containerimage.digest': index.manifests?.[0]?.digest,
      'image.name': 'docker.io/library/one:latest,docker.io/library/two:2',
    });
    const broken = makeContext({ Dockerfile: 'FROM busybox:1\nRUN false\n' });
    expect((await cli.run(['build', '--metadata-file', file, broken])).status).toBe(5);
    expect(existsSync(file)).toBe(false);
    expect(readdirSync(path)).toEqual(['a.tar']);
  });

  it('C-26 C-29 C-30 C-40 its form is told by flags as by options', async () => {
    const { path } = tempFolder('output');
    const archive = join(path, 'a.tar');
    const flags = ['--squash', '--compression', 'zstd', '--compression-level', '5', '--timestamp', '99'];
    const annotation = [
      '--annotation',
      'org.opencontainers.image.title=t',
      '--annotation',
      'manifest-descriptor:d=e',
    ];
    const twice = makeContext({ Dockerfile: `${dockerfile}COPY --from=0 /made /again\n` });
    await cli.ok(['build', ...flags, ...annotation, '-o', `type=oci,dest=${archive}`, twice]);
    const { index, manifest, config } = openLayout(await membersOf(archive));
    expect(index.manifests?.[0]?.annotations).toEqual({ d: 'e' });
    expect(manifest).toMatchObject({
      annotations: { 'org.opencontainers.image.title': 't' },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd' }],
    });
    expect(config.created).toBe('1970-01-01T00:01:39.000Z');
  });

  it('C-30 O-61 --reproducible gives one image for one input, with any store', async () => {
    const ids: string[] = [];
    const base = join(tempFolder('base').path, 'base.tar');
    await cli.ok(['save', '-o', base, 'busybox:1']);
    for (let n = 0; n < 2; n += 1) {
      const other = tsbuild();
      await other.ok(['load', '-q', '-i', base]);
      ids.push(await other.ok(['build', '-q', '--reproducible', context]));
    }
    expect(ids[0]).toBe(ids[1]);
  });

  it('C-28 S-45 mode=delete elsewhere needs --allow buildx.local.delete', async () => {
    const { path } = tempFolder('output');
    mkdirSync(join(path, 'out/old'), { recursive: true });
    const output = ['-o', `type=local,dest=${path}/out,mode=delete`];
    const refused = await cli.run(['build', ...output, context]);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain('buildx.local.delete');
    expect(readdirSync(join(path, 'out'))).toEqual(['old']);
    await cli.ok(['build', ...output, '--allow', 'buildx.local.delete', context]);
    expect(readdirSync(join(path, 'out'))).toEqual(['made']);
  });

  it.each([
    [['type=oci,compression=zstd'], { forceCompression: true }, ['zstd', undefined, true]],
    [['type=oci,compression=zstd'], { compressionLevel: '9' }, ['zstd', 9, false]],
    [['type=oci,compression=zstd,compression-level=19'], { compression: 'gzip' }, ['gzip', undefined, false]],
    [['type=docker,dest=x'], { forceCompression: true }, ['none', undefined, true]],
    [['type=docker,dest=x'], { compressionLevel: '9' }, ['gzip', 9, false]],
    [['type=docker,dest=x'], { compression: 'uncompressed' }, ['none', undefined, true]],
    [['type=docker,dest=x'], { compression: 'estargz' }, ['none', undefined, true]],
    [['type=oci,dest=x'], { compression: 'estargz' }, ['estargz', undefined, false]],
  ])('C-11 C-29 what no flag says stays as %j has it: %j', async (output, flags, expected) => {
    const { outputs } = await outputOptionsOf({ output, ...flags });
    const forms = outputs.map((spec) => ('form' in spec ? spec.form : undefined));
    expect(forms.map((form) => [form?.compression, form?.level, form?.force])).toEqual([expected]);
  });

  it('C-26 C-41 C-56 flags that stand without a value do not take the context for one', () => {
    expect(fullCommandLine(['build', '--squash', '.'])).toEqual(['build', '--squash=new', '.']);
    expect(fullCommandLine(['--squash=all', '--sbom', '.'])).toEqual([
      'build',
      '--squash=all',
      '--sbom=true',
      '.',
    ]);
    expect(fullCommandLine(['build', '--provenance', '.'])).toEqual(['build', '--provenance=true', '.']);
    for (const command of ['build', 'plan'])
      expect(fullCommandLine([command, '--http-proxy', '.'])).toEqual([command, '--http-proxy=true', '.']);
    for (const flag of ['-p', '--pause'])
      expect(fullCommandLine(['commit', flag, 'web'])).toEqual(['commit', '--pause=true', 'web']);
  });

  it.each([
    [['--annotation', 'index:a=b'], 'is for the index'],
    [['--annotation', 'a=b', '-o', 'type=oci,oci-mediatypes=false,dest=x'], 'no annotations'],
    [['--compression', 'xz'], 'gzip, zstd, estargz, zstd:chunked, uncompressed'],
    [
      ['--compression', 'estargz', '-o', 'type=oci,oci-mediatypes=false,dest=x'],
      'leave oci-mediatypes=false out',
    ],
    [['--compression-level', '10'], '1 to 9'],
    [['--timestamp', '1', '--source-date-epoch', '2'], 'exclude each other'],
    [['--squash=some'], 'Allowed choices'],
    [['--push'], 'no name to push to'],
    [['--rewrite-timestamp'], 'needs a time'],
    [['-o', 'type=tarr'], 'did you mean tar?'],
  ])('C-11 O-32 refuses %j', async (flags, said) => {
    const { status, stderr } = await cli.run(['build', ...flags, context], { env: {} });
    expect(stderr).toContain(said);
    expect(status).toBe(2);
  });

  it('C-12 O-03 --load hands the image to Docker, which has the same id for it, and keeps it', async () => {
    requires('docker');
    const engine = await dockerEngine();
    const { host, config } = engine.address;
    const { stderr } = await cli.run(['build', '--load', '-t', 'loaded:1', context], {
      env: { PATH: process.env['PATH'], DOCKER_HOST: host, DOCKER_CONFIG: config },
    });
    expect(stderr).toMatch(/^ {2}loaded into docker$/m);
    expect((await inspectImage(cli, 'loaded:1')).Id).toBe((await engine.inspect('loaded:1'))['Id']);
    await engine.ok(['rmi', 'loaded:1']);
  });

  it('C-12 O-03 --load hands it to podman where there is no Docker', async () => {
    requires('tool:podman');
    const { path } = tempFolder('podman');
    const storage = { driver: 'vfs', graphroot: join(path, 'root'), runroot: join(path, 'run') };
    const engine = { cgroup_manager: 'cgroupfs', events_logger: 'none', tmp_dir: join(path, 'tmp') };
    writeFileSync(join(path, 'storage.conf'), tomlTable('storage', storage));
    writeFileSync(join(path, 'containers.conf'), tomlTable('engine', engine));
    const env = {
      PATH: programs('podman'),
      CONTAINERS_STORAGE_CONF: join(path, 'storage.conf'),
      CONTAINERS_CONF: join(path, 'containers.conf'),
    };
    const { stderr } = await cli.run(['build', '--load', '-t', 'loaded:2', context], { env });
    expect(stderr).toMatch(/^ {2}loaded into podman$/m);
    const asked = ['podman', 'image', 'inspect', '--format', '{{.Id}}', 'docker.io/library/loaded:2'];
    const id = await runOk(asked, { env: { ...env, PATH: process.env['PATH'] } });
    expect(`sha256:${id.trim()}`).toBe((await inspectImage(cli, 'loaded:2')).Id);
  });

  it('C-12 --load without an engine keeps the image, and says so', async () => {
    const path = programs();
    const env = { PATH: path };
    const { status, stderr } = await cli.run(['build', '--load', '-t', 'kept:1', context], { env });
    expect(stderr).toContain('no Docker engine or podman answers here');
    expect(status).toBe(0);
    expect((await inspectImage(cli, 'kept:1')).RepoTags).toContain('kept:1');
    const named = ['build', '-o', 'type=docker,context=far', context];
    expect(await cli.run(named, { env })).toMatchObject({ status: 8 });
  });
});

/** A folder with what tsbuild needs to start, and these. */
function programs(...names: readonly string[]): string {
  const { path } = tempFolder('programs');
  for (const name of ['readlink', 'node', ...names]) symlinkSync(findTool(name) ?? name, join(path, name));
  return path;
}

function tomlTable(name: string, values: Readonly<Record<string, string>>): string {
  const lines = Object.entries(values).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
  return `[${name}]\n${lines.join('')}`;
}
