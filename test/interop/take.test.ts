import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { tsbuild, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { imageTools, openTool, type ImageTool, type SavedImage } from '../support/image-tools.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { findTool, requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('an image of ours', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:docker-registry', 'tool:skopeo');
  let registry: TestRegistry;
  let cli: Tsbuild;
  let id = '';
  let saved: SavedImage;
  const pushed = new Map<string, string>();

  beforeAll(async () => {
    registry = await startRegistry(join(tempFolder('registry').path, 'files'));
    cli = tsbuild();
    const context = makeContext({
      Dockerfile: 'FROM scratch\nCOPY bin /bin\nCOPY says /says\nCMD ["/bin/busybox", "cat", "/says"]\n',
      says: 'taken and run\n',
    });
    mkdirSync(join(context, 'bin'));
    copyFileSync(findTool('busybox') ?? '', join(context, 'bin/busybox'));
    for (const form of ['gzip', 'zstd']) {
      const name = `${registry.host}/ours/${form}:1`;
      id = await cli.ok(['build', '-q', '-t', name, '--push', `--compression=${form}`, context]);
      pushed.set(
        form,
        await runOk([
          'skopeo',
          'inspect',
          '--tls-verify=false',
          '--format',
          '{{.Digest}}',
          `docker://${name}`,
        ]),
      );
    }
    const folder = tempFolder('saved').path;
    saved = { name: 'ours-saved:1', docker: join(folder, 'docker.tar'), oci: join(folder, 'oci.tar') };
    await cli.ok(['tag', id, saved.name]);
    for (const format of ['docker', 'oci'] as const) {
      await cli.ok(['save', '--format', format, '-o', saved[format], saved.name]);
    }
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  it.each(['gzip', 'zstd'])(
    'G-41 has one repo digest when it was pushed with %s: ours, the registry’s, skopeo’s',
    async (form) => {
      const name = `${registry.host}/ours/${form}`;
      const [{ RepoDigests, Id }] = JSON.parse(await cli.ok(['inspect', `${name}:1`])) as [
        { RepoDigests: string[]; Id: string },
      ];
      const accept = 'application/vnd.oci.image.manifest.v1+json';
      const answer = await fetch(`http://${name.replace('/', '/v2/')}/manifests/1`, {
        method: 'HEAD',
        headers: { accept },
      });
      expect(answer.headers.get('docker-content-digest')).toBe(pushed.get(form));
      expect(RepoDigests).toContain(`${name}@${pushed.get(form) ?? ''}`);
      expect(Id).toBe(id);
    },
  );

  describe.each(imageTools)('with $name', (kind) => {
    requires(...kind.needs);
    let tool: ImageTool;
    beforeAll(async () => {
      tool = await openTool(kind, inject('runFolder'));
    });
    afterAll(() => tool[Symbol.asyncDispose]());

    it.each(kind.zstd ? ['gzip', 'zstd'] : ['gzip'])(
      'O-33 G-41 is pulled and runs, its layers %s; id and digest are ours',
      async (form) => {
        const taken = await tool.pull(`${registry.host}/ours/${form}:1`);
        expect([taken.id, taken.digest]).toEqual([id, pushed.get(form)]);
        expect((await taken.says()).trim()).toBe('taken and run');
      },
    );

    it.each(kind.archives)('O-33 is loaded from a %s archive and runs; the id is ours', async (format) => {
      const taken = await tool.load(saved, format);
      expect(taken.id).toBe(id);
      expect((await taken.says()).trim()).toBe('taken and run');
    });
  });
});
