import { describe, expect, it } from 'vitest';

import {
  formatPlatform,
  hostPlatform,
  normalizePlatform,
  parsePlatform,
  platformFallbacks,
  platformFits,
  samePlatform,
  selectPlatform,
  type Platform,
} from '../../src/oci/index.ts';
import { runOk } from '../support/run-command.ts';

const host = formatPlatform(hostPlatform());
const hostArch = hostPlatform().architecture;

describe('O-31 L-105 platforms', () => {
  it('this machine is what uname says', async () => {
    const machine = await runOk(['uname', '-m']);
    expect(formatPlatform(parsePlatform(`linux/${machine}`))).toBe(host);
  });

  it.each([
    ['linux/amd64', 'linux/amd64'],
    ['linux/x86_64', 'linux/amd64'],
    ['linux/x86-64', 'linux/amd64'],
    ['Linux/AMD64', 'linux/amd64'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['linux/amd64/v2', 'linux/amd64/v2'],
    ['linux/amd64/v3', 'linux/amd64/v3'],
    ['linux/arm64', 'linux/arm64'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/arm64/8', 'linux/arm64'],
    ['linux/arm64/v9', 'linux/arm64/v9'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/arm/7', 'linux/arm/v7'],
    ['linux/arm/v6', 'linux/arm/v6'],
    ['linux/armhf', 'linux/arm/v7'],
    ['linux/armel', 'linux/arm/v6'],
    ['linux/armv7l', 'linux/arm/v7'],
    ['linux/i386', 'linux/386'],
    ['linux/i686', 'linux/386'],
    ['linux/ppc64le', 'linux/ppc64le'],
    ['linux/s390x', 'linux/s390x'],
    ['linux/riscv64', 'linux/riscv64'],
    ['linux/loongarch64', 'linux/loong64'],
    ['windows/amd64', 'windows/amd64'],
    ['macos/arm64', 'darwin/arm64'],
    ['linux', host],
    ['windows', `windows/${hostArch}`],
    ['arm64', 'linux/arm64'],
    ['aarch64', 'linux/arm64'],
    ['arm', 'linux/arm/v7'],
    ['s390x', 'linux/s390x'],
  ])('%s is %s', (text, normal) => {
    expect(formatPlatform(parsePlatform(text))).toBe(normal);
    expect(formatPlatform(parsePlatform(normal))).toBe(normal);
  });

  it.each([
    '',
    '/',
    'linux/',
    '/amd64',
    'linux/amd64/v2/x',
    'linux//v7',
    'li nux/amd64',
    'nonsense',
    '../amd64',
  ])('refuses %j', (text) => {
    expect(() => parsePlatform(text)).toThrow(expect.objectContaining({ code: 'USAGE' }) as Error);
  });

  it('keeps what it does not know of a platform', () => {
    expect(normalizePlatform({ os: 'windows', architecture: 'amd64', 'os.version': '10.0.1' })).toEqual({
      os: 'windows',
      architecture: 'amd64',
      'os.version': '10.0.1',
    });
  });

  it('spellings are the same platform, variants are not', () => {
    expect(samePlatform({ os: 'linux', architecture: 'aarch64' }, parsePlatform('linux/arm64/v8'))).toBe(
      true,
    );
    expect(samePlatform(parsePlatform('linux/arm/v6'), parsePlatform('linux/arm'))).toBe(false);
  });
});

describe('L-112 choosing from an index', () => {
  it.each([
    ['linux/amd64', 'linux/amd64 linux/386'],
    ['linux/amd64/v3', 'linux/amd64/v3 linux/amd64/v2 linux/amd64 linux/386'],
    ['linux/arm64', 'linux/arm64 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5'],
    ['linux/arm/v7', 'linux/arm/v7 linux/arm/v6 linux/arm/v5'],
    ['linux/arm/v5', 'linux/arm/v5'],
    ['linux/386', 'linux/386'],
    ['linux/s390x', 'linux/s390x'],
  ])('%s also runs %s', (wanted, fallbacks) => {
    expect(platformFallbacks(parsePlatform(wanted)).map(formatPlatform).join(' ')).toBe(fallbacks);
  });

  const entry = (text: string | undefined): { name: string; platform?: Platform } => {
    if (text === undefined) return { name: 'none' };
    const [os = '', architecture = '', variant] = text.split('/');
    return { name: text, platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } };
  };

  it.each([
    ['linux/arm/v7', ['linux/amd64', 'linux/arm/v6', 'linux/arm/v7'], 'linux/arm/v7'],
    ['linux/arm/v7', ['linux/arm/v5', 'linux/arm/v6'], 'linux/arm/v6'],
    ['linux/arm/v6', ['linux/arm/v7'], undefined],
    ['linux/arm64', ['linux/arm64/v8', 'linux/amd64'], 'linux/arm64/v8'],
    ['linux/arm64', ['linux/arm/v7'], 'linux/arm/v7'],
    ['linux/amd64', ['linux/amd64/v2', 'linux/amd64'], 'linux/amd64'],
    ['linux/amd64/v3', ['linux/amd64', 'linux/amd64/v2'], 'linux/amd64/v2'],
    ['linux/amd64', ['windows/amd64'], undefined],
    ['linux/amd64', ['unknown/unknown'], undefined],
    ['linux/amd64', ['linux/x86_64'], 'linux/x86_64'],
    ['linux/amd64', [undefined], 'none'],
    ['linux/amd64', [undefined, 'linux/amd64'], 'linux/amd64'],
    ['linux/amd64', [], undefined],
  ])('%s of %j', (wanted, there, chosen) => {
    expect(selectPlatform(parsePlatform(wanted), there.map(entry))?.name).toBe(chosen);
  });

  it('says whether one image runs', () => {
    expect(platformFits(parsePlatform('linux/arm64'), parsePlatform('linux/arm/v7'))).toBe(true);
    expect(platformFits(parsePlatform('linux/arm64'), parsePlatform('linux/amd64'))).toBe(false);
  });
});
