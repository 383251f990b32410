import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { TsbuildError } from '../../core/index.ts';
import { readBounded } from '../../sys/index.ts';
import type { HookFile } from './schema.ts';

/** They are some hundred bytes. */
const maxFileSize = 1024 * 1024;

/**
 * The hooks of `--hooks-dir` folders, as podman and buildah read them (oci-hooks(5)): all files `*.json` in the order of
 * their names; a file of a later folder takes the place of one with its name in an earlier. Throws USAGE: a hook that is
 * left out may be what shuts a container in.
 */
export async function readHookFolders(folders: readonly string[]): Promise<readonly HookFile[]> {
  const files = new Map<string, string>();
  for (const folder of folders) for (const name of namesIn(folder)) files.set(name, join(folder, name));
  const paths = [...files].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path);
  const hooks: HookFile[] = [];
  for (const path of paths) hooks.push(await readHookFile(path));
  return hooks;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.json'));
  } catch (error) {
    throw refused(folder, error instanceof Error ? error.message : String(error), error);
  }
}

async function readHookFile(path: string): Promise<HookFile> {
  const { hookFile } = await import('./schema.ts');
  let document: unknown;
  try {
    document = JSON.parse(readBounded(path, maxFileSize));
  } catch (error) {
    throw refused(path, error instanceof Error ? error.message : String(error), error);
  }
  const read = hookFile.safeParse(document);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw refused(
      path,
      `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'malformed'}`.replace(/^: /, ''),
    );
  }
  return read.data;
}

function refused(path: string, why: string, cause?: unknown): TsbuildError {
  return new TsbuildError('USAGE', `--hooks-dir: ${path}: ${why}`, {
    hint: 'the format is that of podman and buildah: oci-hooks(5), version 1.0.0',
    cause,
  });
}
