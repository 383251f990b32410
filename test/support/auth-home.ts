import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { findCredentials } from '../../src/registry/index.ts';
import { tempFolder } from './temp-folder.ts';

export const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** A home with these files, and the environment that leads there. */
export function home(files: Readonly<Record<string, unknown>> = {}): {
  readonly path: string;
  readonly environment: Record<string, string>;
} {
  const { path } = tempFolder('home');
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(path, name, '..'), { recursive: true });
    writeFileSync(join(path, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return { path, environment: { HOME: path } };
}

/** An entry of `auths`. */
export const user = (name: string): object => ({ auth: base64(`${name}:pass`) });

/** Who is asked for by a config.json: the user's name, or the kind of other credentials. */
export async function nameFor(
  config: object,
  registry: string,
  repository?: string,
): Promise<string | undefined> {
  const { environment } = home({ '.docker/config.json': config });
  const found = await findCredentials(
    { registry, repository },
    { signal: new AbortController().signal, environment },
  );
  return found?.kind === 'password' ? found.username : found?.kind;
}
