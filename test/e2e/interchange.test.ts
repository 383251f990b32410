import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { busyboxTar } from '../support/busybox.ts';
import { tsbuild, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import type { DockerClient } from '../support/docker-engine.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { dockerEngine } from '../support/shared-engine.ts';
import { tempFolder } from '../support/temp-folder.ts';

const dockerfile = [
  'FROM busybox:1',
  'RUN echo built > /built && mkdir /full /gone && touch /full/a /gone/b && chown -R ada /full',
  'RUN rm -r /gone && rm /full/a && ln -s /built /full/link',
  'ENV GREETING=hello',
  'USER ada',
  'WORKDIR /full',
  'CMD ["sh", "-c", "echo $GREETING from $(id -un) in $(pwd); cat link; ls / | grep -c gone; true"]',
  '',
].join('\n');
const says = 'hello from ada in /full\nbuilt\n0\n';

describe('images travel', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  let folder = '';
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
    folder = tempFolder('interchange').path;
    await cli.ok(['build', '-t', 'travels:1', makeContext({ Dockerfile: dockerfile })]);
  });

  it('run here as built', async () => {
    expect((await cli.run(['run', '--rm', 'travels:1'])).stdout).toBe(says);
  });

  it.each(['docker', 'oci'])('save --format %s, then load into another store', async (format) => {
    const archive = join(folder, `${format}.tar`);
    await cli.ok(['save', '--format', format, '-o', archive, 'travels:1']);
    const compressors = format === 'oci' ? [] : ['gzip', 'zstd', 'xz', 'bzip2'];
    for (const compress of [undefined, ...compressors]) {
      const other = tsbuild();
      if (compress !== undefined) await runOk([compress, '-kf', '-1', archive]);
      const suffix = { gzip: '.gz', zstd: '.zst', xz: '.xz', bzip2: '.bz2' }[compress ?? ''] ?? '';
      await other.ok(['load', '-i', archive + suffix]);
      expect((await other.run(['run', '--rm', 'travels:1'])).stdout, compress).toBe(says);
    }
  });

  describe('with docker', () => {
    requires('docker');
    let docker: DockerClient;
    beforeAll(async () => {
      docker = await dockerEngine();
    });

    it('O-03 docker load takes our archive, and docker run runs it', async () => {
      const archive = join(folder, 'to-docker.tar');
      await cli.ok(['save', '-o', archive, 'travels:1']);
      await docker.ok(['load', '-i', archive]);
      expect((await docker.docker(['run', '--rm', '--network', 'host', 'travels:1'])).stdout).toBe(says);
    });

    it('an image that docker built and saved loads and runs here', async () => {
      await docker.ok(['import', await busyboxTar(), 'busybox:1']);
      await docker.build(makeContext({ Dockerfile: dockerfile }), { buildkit: true, tag: 'theirs:1' });
      const archive = join(folder, 'from-docker.tar');
      await docker.ok(['save', '-o', archive, 'theirs:1']);
      await cli.ok(['load', '-i', archive]);
      expect((await cli.run(['run', '--rm', 'theirs:1'])).stdout).toBe(says);
    });
  });

  it('O-40 skopeo reads the store in place', async () => {
    requires('tool:skopeo', 'tool:jq');
    const layout = imageLayout(cli.root);
    const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
      manifests: { annotations?: Record<string, string> }[];
    };
    const names = index.manifests.map(
      ({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] ?? '',
    );
    const name = names.find((candidate) => candidate.includes('travels')) ?? '';
    const copy = join(folder, 'skopeo');
    await runOk(['skopeo', 'copy', `oci:${layout}:${name}`, `oci:${copy}:copied`]);
    const config = JSON.parse(await runOk(['skopeo', 'inspect', '--config', `oci:${copy}:copied`])) as {
      config: { User: string };
    };
    expect(config.config.User).toBe('ada');
  });

  it('O-42 umoci unpacks it, and runc runs that', async () => {
    requires('tool:umoci', 'tool:runc', 'tool:skopeo', 'tool:jq');
    const layout = join(folder, 'umoci-layout');
    const archive = join(folder, 'umoci.tar');
    await cli.ok(['save', '--format', 'oci', '-o', archive, 'travels:1']);
    await runOk(['skopeo', 'copy', `oci-archive:${archive}`, `oci:${layout}:image`]);
    const bundle = join(folder, 'bundle');
    await runOk(['umoci', 'unpack', '--image', `${layout}:image`, bundle]);
    // umoci asks for a terminal, and has no say in the network.
    const edit = '.process.terminal = false | .linux.namespaces |= map(select(.type != "network"))';
    await runOk(['sh', '-c', `jq '${edit}' config.json > c && mv c config.json`], { cwd: bundle });
    const output = await runOk([
      'runc',
      '--root',
      join(folder, 'runc'),
      'run',
      '-b',
      bundle,
      'travels-by-runc',
    ]);
    expect(`${output}\n`).toBe(says);
  });
});

/** The folder of the store that holds the OCI layout. */
function imageLayout(root: string): string {
  return (
    [root, join(root, 'oci'), join(root, 'images')].find((at) => existsSync(join(at, 'oci-layout'))) ?? root
  );
}
