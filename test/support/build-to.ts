import { join } from 'node:path';

import { build, type BuildOptions, type BuildResult } from '../../src/build.ts';
import { parseOutput } from '../../src/output/index.ts';
import { makeContext } from './context.ts';
import { tempFolder } from './temp-folder.ts';

export interface BuildTo extends Omit<Partial<BuildOptions>, 'outputs'> {
  readonly dockerfile: string;
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** As `--output` has them; paths in them are relative to the folder that is returned, written as `{}`. */
  readonly to: readonly string[];
}

export interface BuiltTo extends BuildResult {
  /** Takes the outputs. */
  readonly folder: string;
  readonly root: string;
  readonly warnings: readonly string[];
  /** What went to standard output. */
  readonly stdout: Buffer;
}

/** Builds in this process; with a store and a folder of its own unless told. */
export async function buildTo(
  { dockerfile, files = {}, to, ...options }: BuildTo,
  folder: string = tempFolder('output').path,
): Promise<BuiltTo> {
  const root = options.root ?? join(tempFolder('root').path, 'store');
  const warnings: string[] = [];
  const chunks: Buffer[] = [];
  const result = await build({
    context: makeContext({ Dockerfile: dockerfile, ...files }),
    emit: (event) => {
      if (event.type === 'warning') warnings.push(event.message);
    },
    stdout: async (chunk) => void chunks.push(Buffer.from(chunk)),
    ...options,
    root,
    outputs: to.map((text) => parseOutput(text.replaceAll('{}', folder))),
  });
  return { ...result, folder, root, warnings, stdout: Buffer.concat(chunks) };
}
