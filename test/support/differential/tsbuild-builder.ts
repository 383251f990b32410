import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { build } from '../../../src/build.ts';
import { TsbuildError } from '../../../src/core/index.ts';
import type { Image } from '../../../src/image/index.ts';
import { tsbuild } from '../cli.ts';
import type { Builder } from './builder.ts';
import { readLayers, readSavedImage, type SavedImage } from './saved-image.ts';

/**
 * tsbuild, with its store in `root`: through the library where nothing is asked of the command line, since most cases
 * take less time than starting a process, and through the command line elsewhere. Nothing comes from the cache: a step of
 * another case that makes the same may have left other times.
 */
export function tsbuildBuilder(root: string): Builder {
  const cli = tsbuild(root);
  const images = new Map<string, Image>();
  return {
    name: 'tsbuild',
    importBase: (tar, name) => cli.ok(['import', tar, name]),
    async build({ context, file, tag, flags, env }) {
      if (flags.length === 0 && Object.keys(env).length === 0) {
        try {
          images.set(tag, (await build({ root, context, file, tags: [tag], noCache: true })).image);
          return undefined;
        } catch (error) {
          // Never a defect of ours, nor of the machine: somebody's mistake has a code.
          if (!(error instanceof TsbuildError) || error.code === 'HOST_UNSUPPORTED') throw error;
          return firstLine(`${error.message} [${error.code}]`);
        }
      }
      const args = ['build', '--no-cache', '-t', tag, ...flags];
      if (file !== undefined) args.push('-f', file);
      const { status, stderr } = await cli.run([...args, '.'], { cwd: context, env });
      if (status === 0) return undefined;
      if (/internal error|HOST_UNSUPPORTED/.test(stderr)) throw new Error(stderr);
      return firstLine(/^tsbuild: (.*)$/ms.exec(stderr)?.[1] ?? stderr);
    },
    async read(name, folder) {
      const image = images.get(name);
      if (image === undefined) {
        const archive = join(folder, 'image.tar');
        await cli.ok(['save', '-o', archive, name]);
        return readSavedImage(archive, folder);
      }
      const { config, history } = JSON.parse(Buffer.from(image.rawConfig).toString()) as Parsed;
      const blobs = image.layers.map(({ descriptor }) =>
        join(root, 'oci/blobs', descriptor.digest.replace(':', '/')),
      );
      const at = join(folder, 'root');
      mkdirSync(at);
      return { config: config ?? {}, history: history ?? [], ...(await readLayers(blobs, at)) };
    },
  };
}

type Parsed = Partial<Pick<SavedImage, 'config' | 'history'>>;

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
