import { TsbuildError } from '../../core/index.ts';
import { randomHex } from '../../sys/index.ts';

export function isVolumeName(text: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(text);
}

/** It becomes the name of a folder and of a lock. Throws USAGE. */
export function checkVolumeName(name: string): string {
  if (isVolumeName(name)) return name;
  throw new TsbuildError('USAGE', `invalid volume name: ${JSON.stringify(name)}`, {
    hint: 'letters, digits, _ . and -, at most 128; a folder of this machine has a / in it, as ./data',
  });
}

export function anonymousName(): string {
  return randomHex(32);
}
