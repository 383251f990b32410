import { TsbuildError } from '../core/index.ts';

const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

/** `512m`, `1.5g`, `64KiB`, `1048576`: a positive number of bytes; units are powers of 1024. Throws USAGE. */
export function parseBytes(name: string, text: string): number {
  const match = /^([0-9]{1,16})(?:\.([0-9]{1,9}))? ?(?:([kmgt])(?:i?b)?|b)?$/i.exec(text);
  const unit = byteUnits[(match?.[3] ?? '').toLowerCase()];
  const bytes =
    match === null || unit === undefined ? NaN : Math.floor(Number(`${match[1]}.${match[2] ?? '0'}`) * unit);
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw invalidLimit(name, text, 'a size such as 512m (units: b, k, m, g, t)');
}

/** `--shm-size`, in bytes. Throws USAGE. */
export function parseShmSize(text: string): number {
  return parseBytes('--shm-size', text);
}

/** `expected`: what a valid value looks like. */
export function invalidLimit(name: string, text: string | undefined, expected: string): TsbuildError {
  return new TsbuildError('USAGE', `${name}: invalid value ${JSON.stringify(text ?? '')}`, {
    hint: `expected ${expected}`,
  });
}
