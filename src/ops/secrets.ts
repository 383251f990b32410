import { accessSync, constants, readFileSync, statSync } from 'node:fs';

import { TsbuildError } from '../core/index.ts';
import type { SecretSource } from './types.ts';

/** As BuildKit's (L-140). */
const maxSecretSize = 500 * 1024;

/** A secret's value, from the file or variable it was given as. Throws SECRET_INVALID. */
export function readSecret(id: string, source: SecretSource): Buffer {
  if (source.kind === 'env') {
    const value = process.env[source.name];
    if (value === undefined) {
      throw new TsbuildError('SECRET_INVALID', `secret ${id}: the variable ${source.name} is not set`, {
        hint: `set ${source.name} in the environment of tsbuild, and export it`,
      });
    }
    return Buffer.from(value);
  }
  try {
    if (statSync(source.path).size > maxSecretSize) {
      throw new TsbuildError(
        'SECRET_INVALID',
        `secret ${id} is larger than ${maxSecretSize / 1024} KiB: ${source.path}`,
      );
    }
    return readFileSync(source.path);
  } catch (error) {
    if (error instanceof TsbuildError) throw error;
    throw new TsbuildError('SECRET_INVALID', `secret ${id} cannot be read: ${source.path}`, {
      hint: 'src= must name a readable file, relative to the current folder',
      cause: error,
    });
  }
}

/** A secret's file that is not there is told at once, also when the step that wants it is cached this time. */
export function checkSecrets(secrets: ReadonlyMap<string, SecretSource>): void {
  for (const [id, source] of secrets) {
    if (source.kind !== 'file') continue;
    try {
      accessSync(source.path, constants.R_OK);
    } catch (error) {
      const message = `secret ${id} cannot be read: ${source.path}`;
      throw new TsbuildError('SECRET_INVALID', message, {
        hint: 'src= must name a readable file, relative to the current folder',
        cause: error,
      });
    }
  }
}
