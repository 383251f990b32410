import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';

import { parseLimits, parseShmSize, parseUlimits, type LimitOptions } from '../../src/runtime/index.ts';
import type { ResourceConfig } from '../../src/oci/runtime-spec.ts';
import { requires } from '../support/requires.ts';

const MiB = 1024 * 1024;
const usage = expect.objectContaining({ code: 'USAGE' }) as Error;

describe('resource options', () => {
  const valid: readonly (readonly [LimitOptions, ResourceConfig])[] = [
    [{}, {}],
    [{ memory: '512m' }, { memory: { limit: 512 * MiB, swap: 1024 * MiB } }],
    [{ memory: '1.5g' }, { memory: { limit: 1536 * MiB, swap: 3072 * MiB } }],
    [{ memory: '6291456' }, { memory: { limit: 6 * MiB, swap: 12 * MiB } }],
    [{ memory: '64MiB', memorySwap: '64mb' }, { memory: { limit: 64 * MiB, swap: 64 * MiB } }],
    [{ memory: '64M', memorySwap: '-1' }, { memory: { limit: 64 * MiB, swap: -1 } }],
    [{ memoryReservation: '10m' }, { memory: { reservation: 10 * MiB } }],
    [{ memorySwappiness: '0' }, { memory: { swappiness: 0 } }],
    [{ memorySwappiness: '-1' }, {}],
    [{ oomKillDisable: true }, { memory: { disableOOMKiller: true } }],
    [{ oomKillDisable: false }, {}],
    [{ cpus: '1.5' }, { cpu: { quota: 150_000, period: 100_000 } }],
    [{ cpus: '2' }, { cpu: { quota: 200_000, period: 100_000 } }],
    [{ cpus: '0.01' }, { cpu: { quota: 1000, period: 100_000 } }],
    [{ cpus: '0.29' }, { cpu: { quota: 29_000, period: 100_000 } }],
    [{ cpuShares: '512' }, { cpu: { shares: 512 } }],
    [{ cpuShares: '0' }, {}],
    [{ cpuPeriod: '50000', cpuQuota: '25000' }, { cpu: { period: 50_000, quota: 25_000 } }],
    [{ cpuQuota: '-1' }, { cpu: { quota: -1 } }],
    [{ cpusetCpus: '0-3,5', cpusetMems: '0' }, { cpu: { cpus: '0-3,5', mems: '0' } }],
    [{ pidsLimit: '100' }, { pids: { limit: 100 } }],
    [{ pidsLimit: '-1' }, {}],
    [{ pidsLimit: '0' }, {}],
    [{ blkioWeight: '500' }, { blockIO: { weight: 500 } }],
    [{ blkioWeight: '0' }, {}],
  ];

  it.each(valid)('C-22 reads %j', (options, resources) => {
    expect(parseLimits(options)).toEqual(resources);
  });

  const invalid: readonly (readonly [LimitOptions, RegExp])[] = [
    // The option named in the message, and what was expected in the hint.
    [{ memory: '' }, /--memory: .*512m/],
    [{ memory: '512q' }, /--memory: .*512m/],
    [{ memory: '-5m' }, /--memory: .*512m/],
    [{ memory: '0x100m' }, /--memory: .*512m/],
    [{ memory: '1e9' }, /--memory: .*512m/],
    [{ memory: '5 12m' }, /--memory: .*512m/],
    [{ memory: '9999999t' }, /--memory: .*512m/],
    [{ memory: '512' }, /--memory: .*at least 6m/],
    [{ memorySwap: '1g' }, /--memory-swap needs --memory/],
    [{ memory: '1g', memorySwap: '512m' }, /--memory-swap: .*at least --memory/],
    [{ memory: '1g', memorySwap: '-2' }, /--memory-swap: .*512m/],
    [{ memory: '10m', memoryReservation: '20m' }, /--memory-reservation: .*at most --memory/],
    [{ memorySwappiness: '101' }, /--memory-swappiness: .*-1 to 100/],
    [{ cpus: '0' }, /--cpus: .*at least 0.01/],
    [{ cpus: '0.001' }, /--cpus: .*at least 0.01/],
    [{ cpus: '-1' }, /--cpus: .*such as 1.5/],
    [{ cpus: '1,5' }, /--cpus: .*such as 1.5/],
    [{ cpus: 'NaN' }, /--cpus: .*such as 1.5/],
    [{ cpus: '1', cpuQuota: '1000' }, /--cpus cannot be combined .*--cpu-quota 150000/],
    [{ cpuShares: '1' }, /--cpu-shares: .*2 to 262144/],
    [{ cpuShares: '262145' }, /--cpu-shares: .*262144/],
    [{ cpuShares: '1.5' }, /--cpu-shares: .*whole number/],
    [{ cpuPeriod: '999' }, /--cpu-period: .*1000 to 1000000/],
    [{ cpuQuota: '999' }, /--cpu-quota: .*at least 1000/],
    [{ cpusetCpus: '3-0' }, /--cpuset-cpus: .*0-3,5/],
    [{ cpusetCpus: '0,' }, /--cpuset-cpus: .*0-3,5/],
    [{ cpusetCpus: '' }, /--cpuset-cpus: .*0-3,5/],
    [{ cpusetMems: 'a' }, /--cpuset-mems: .*0-3,5/],
    [{ pidsLimit: '-2' }, /--pids-limit: .*whole number/],
    [{ pidsLimit: 'many' }, /--pids-limit: .*whole number/],
    [{ blkioWeight: '5' }, /--blkio-weight: .*10 to 1000/],
    [{ blkioWeight: '1001' }, /--blkio-weight: .*1000/],
  ];

  it.each(invalid)('C-22 refuses %j and says what is expected', (options, text) => {
    expect(() => parseLimits(options)).toThrow(usage);
    expect(failure(() => parseLimits(options))).toMatch(text);
  });
});

describe('limits of disks', () => {
  const path = ['/dev/vda', '/dev/sda', '/dev/loop0'].find((each) => existsSync(each)) ?? '/dev/loop0';
  const disk = { major: expect.any(Number) as number, minor: expect.any(Number) as number };

  it('C-22 R-16 name the disk by its numbers; the last of a disk counts', () => {
    requires('root');
    expect(
      parseLimits({
        blkioWeightDevice: [`${path}:200`],
        deviceReadBps: [`${path}:1mb`, `${path}:2m`],
        deviceWriteBps: [`${path}:512`],
        deviceReadIops: [`${path}:100`],
        deviceWriteIops: [`${path}:0`],
      }),
    ).toEqual({
      blockIO: {
        weightDevice: [{ ...disk, weight: 200 }],
        throttleReadBpsDevice: [{ ...disk, rate: 2 * MiB }],
        throttleWriteBpsDevice: [{ ...disk, rate: 512 }],
        throttleReadIOPSDevice: [{ ...disk, rate: 100 }],
        throttleWriteIOPSDevice: [{ ...disk, rate: 0 }],
      },
    });
  });

  it('C-22 have the numbers that the kernel shows', () => {
    requires('root');
    const shown = readFileSync(`/sys/class/block/${basename(path)}/dev`, 'latin1').trim();
    const [rate] = parseLimits({ deviceReadIops: [`${path}:1`] }).blockIO?.throttleReadIOPSDevice ?? [];
    expect(`${rate?.major}:${rate?.minor}`).toBe(shown);
  });

  const invalid: readonly (readonly [LimitOptions, RegExp])[] = [
    [{ deviceReadBps: ['1mb'] }, /--device-read-bps: .*sda:1mb/],
    [{ deviceReadBps: ['/dev/null:1mb'] }, /--device-read-bps: .*not a block device/],
    [{ deviceWriteBps: ['/dev/nothing:1mb'] }, /--device-write-bps: .*does not exist/],
    [{ deviceWriteBps: ['/dev/null/x:1mb'] }, /--device-write-bps: .*does not exist/],
    [{ deviceWriteBps: ['/dev/null:much'] }, /--device-write-bps: .*512m/],
    [{ deviceReadIops: ['/dev/null:1mb'] }, /--device-read-iops: .*sda:1000/],
    [{ deviceWriteIops: ['/dev/null:-1'] }, /--device-write-iops: .*sda:1000/],
    [{ deviceWriteIops: ['/dev/null:1e3'] }, /--device-write-iops: .*sda:1000/],
    [{ blkioWeightDevice: ['/dev/null:9'] }, /--blkio-weight-device: .*10 to 1000/],
    [{ blkioWeightDevice: ['/dev/null:'] }, /--blkio-weight-device: .*sda:200/],
  ];
  it.each(invalid)('C-22 refuses %j and says what is expected', (options, text) => {
    expect(() => parseLimits(options)).toThrow(usage);
    expect(failure(() => parseLimits(options))).toMatch(text);
  });
});

describe('--shm-size and --ulimit', () => {
  it('C-23 reads sizes of /dev/shm', () => {
    expect(parseShmSize('128m')).toBe(128 * MiB);
    expect(failure(() => parseShmSize('0'))).toMatch(/--shm-size: .*512m/);
  });

  it('C-23 reads ulimits; the last of a name counts', () => {
    expect(parseUlimits(['nofile=1024:2048', 'core=0', 'stack=-1', 'nproc=5:-1', 'nofile=64'])).toEqual([
      { type: 'RLIMIT_NOFILE', soft: 64, hard: 64 },
      { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
      { type: 'RLIMIT_STACK', soft: -1, hard: -1 },
      { type: 'RLIMIT_NPROC', soft: 5, hard: -1 },
    ]);
  });

  it.each([
    ['nofile', /nofile=1024:2048/],
    ['nofile=', /nofile=1024:2048/],
    ['nofile=1:2:3', /nofile=1024:2048/],
    ['nofile=1k', /nofile=1024:2048/],
    ['nofile=-2', /nofile=1024:2048/],
    ['NOFILE=1', /nofile=1024:2048/],
    ['files=1', /one of the names as, core,/],
    ['nofile=5:4', /not above the hard one/],
    ['nofile=-1:4', /not above the hard one/],
  ])('C-23 refuses the ulimit %j and says what is expected', (value, text) => {
    expect(() => parseUlimits([value])).toThrow(usage);
    expect(failure(() => parseUlimits([value]))).toMatch(text);
  });
});

/** Message and hint of what is thrown. */
function failure(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    const { message, hint } = error as { message: string; hint?: string };
    return `${message}; ${hint ?? ''}`;
  }
  return 'no error';
}
