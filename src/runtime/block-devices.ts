import { statSync } from 'node:fs';

import { isErrno, TsbuildError } from '../core/index.ts';
import type { DeviceRate, DeviceWeight } from '../oci/runtime-spec.ts';
import { deviceNumbers } from './device-numbers.ts';
import { parseBytes } from './sizes.ts';

/** `DEVICE:RATE` values of an option, the rate in bytes a second, or in operations. The last of a device counts. */
export function parseDeviceRates(
  name: string,
  values: readonly string[],
  unit: 'bytes' | 'operations',
): DeviceRate[] {
  const expected = unit === 'bytes' ? '/dev/sda:1mb' : '/dev/sda:1000';
  return lastOfEach(
    values.map((text) => {
      const { device, amount } = splitDevice(name, text, expected);
      const rate = unit === 'bytes' && amount !== '0' ? parseBytes(name, amount) : parseCount(amount);
      if (rate === undefined) throw invalid(name, text, `expected ${expected}`);
      return { ...blockDevice(name, device), rate };
    }),
  );
}

/** `--blkio-weight-device DEVICE:WEIGHT` values. */
export function parseDeviceWeights(values: readonly string[]): DeviceWeight[] {
  const name = '--blkio-weight-device';
  return lastOfEach(
    values.map((text) => {
      const { device, amount } = splitDevice(name, text, '/dev/sda:200');
      const weight = /^\d{1,4}$/.test(amount) ? Number(amount) : NaN;
      if (!(weight >= 10 && weight <= 1000))
        throw invalid(name, text, 'the weight is a number from 10 to 1000');
      return { ...blockDevice(name, device), weight };
    }),
  );
}

function splitDevice(name: string, text: string, expected: string): { device: string; amount: string } {
  const [, device, amount] = /^(\/[^\0]*):([^:]+)$/.exec(text) ?? [];
  if (device === undefined || amount === undefined) throw invalid(name, text, `expected ${expected}`);
  return { device, amount };
}

function parseCount(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function blockDevice(name: string, path: string): { readonly major: number; readonly minor: number } {
  const stat = statOf(path);
  if (stat === undefined) throw invalid(name, path, `${path} does not exist on this machine`);
  if (!stat.isBlockDevice()) throw invalid(name, path, `${path} is not a block device`);
  return deviceNumbers(stat.rdev);
}

function statOf(path: string) {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (isErrno(error, 'EACCES', 'ELOOP', 'ENOTDIR')) return undefined;
    throw error;
  }
}

function lastOfEach<T extends { readonly major: number; readonly minor: number }>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [`${item.major}:${item.minor}`, item])).values()];
}

function invalid(name: string, text: string, hint: string): TsbuildError {
  return new TsbuildError('USAGE', `${name}: invalid value ${JSON.stringify(text)}`, { hint });
}
