import { TsbuildError } from '../core/index.ts';
import type { Platform } from './types.ts';

const archAliases: Readonly<Record<string, { readonly architecture: string; readonly variant?: string }>> = {
  x86_64: { architecture: 'amd64' },
  'x86-64': { architecture: 'amd64' },
  aarch64: { architecture: 'arm64' },
  i386: { architecture: '386' },
  i486: { architecture: '386' },
  i586: { architecture: '386' },
  i686: { architecture: '386' },
  armhf: { architecture: 'arm', variant: 'v7' },
  armel: { architecture: 'arm', variant: 'v6' },
  armv5l: { architecture: 'arm', variant: 'v5' },
  armv6l: { architecture: 'arm', variant: 'v6' },
  armv7l: { architecture: 'arm', variant: 'v7' },
  loongarch64: { architecture: 'loong64' },
};

const knownSystems = new Set([
  'aix',
  'android',
  'darwin',
  'dragonfly',
  'freebsd',
  'illumos',
  'ios',
  'linux',
  'netbsd',
  'openbsd',
  'plan9',
  'solaris',
  'wasip1',
  'wasi',
  'windows',
]);

const knownArchitectures = new Set([
  '386',
  'amd64',
  'arm',
  'arm64',
  'loong64',
  'mips',
  'mips64',
  'mips64le',
  'mipsle',
  'ppc64',
  'ppc64le',
  'riscv64',
  's390x',
  'wasm',
]);

const hostArchitectures: Readonly<Partial<Record<NodeJS.Architecture, string>>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: '386',
  // Node for ppc64 exists on little-endian machines only.
  ppc64: 'ppc64le',
  s390x: 's390x',
  riscv64: 'riscv64',
  loong64: 'loong64',
};

/** The platform of images that run on this machine; Node for 32-bit arm is built for v7. */
export function hostPlatform(): Platform {
  return normalizePlatform({
    os: 'linux',
    architecture: hostArchitectures[process.arch] ?? process.arch,
  });
}

/**
 * Reads `os[/architecture[/variant]]`; a single word may also be an architecture (`arm64`), as BuildKit takes it. What is
 * left out is this machine's. Throws USAGE.
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split('/');
  if (parts.length > 3 || !parts.every((part) => /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(part))) {
    throw new TsbuildError('USAGE', `not a platform: ${JSON.stringify(text.slice(0, 100))}`, {
      hint: 'a platform is os/architecture or os/architecture/variant, for example linux/arm64',
    });
  }
  const [first = '', second, variant] = parts;
  if (second !== undefined) return normalizePlatform({ os: first, architecture: second, variant });

  const host = hostPlatform();
  const single = normalizePlatform({ os: first, architecture: first });
  if (knownSystems.has(single.os)) return { ...host, os: single.os };
  if (knownArchitectures.has(single.architecture)) return { ...single, os: host.os };
  throw new TsbuildError('USAGE', `unknown operating system or architecture: ${first}`, {
    hint: 'a platform is os/architecture or os/architecture/variant, for example linux/arm64',
  });
}

/** Throws USAGE for a system or an architecture that nobody builds for, as a mistyped one is; spellings are normal. */
export function checkPlatform(platform: Platform): Platform {
  const { os, architecture, variant = 'v0' } = platform;
  const unknown =
    (knownSystems.has(os) ? undefined : os) ??
    (knownArchitectures.has(architecture) ? undefined : architecture) ??
    (/^[a-z0-9][a-z0-9_.-]{0,63}$/.test(variant) ? undefined : variant);
  if (unknown === undefined) return platform;
  throw new TsbuildError(
    'USAGE',
    `unknown operating system, architecture or variant: ${JSON.stringify(unknown.slice(0, 100))}`,
    { hint: 'for example linux, arm64, v7' },
  );
}

/** `linux/amd64`, `linux/arm/v7`. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** One spelling for each platform: lower case, Go's names, no variant where it is the architecture's first (O-31). */
export function normalizePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase();
  const alias = archAliases[platform.architecture.toLowerCase()];
  const architecture = alias?.architecture ?? platform.architecture.toLowerCase();
  const variant = normalVariant(architecture, (alias?.variant ?? platform.variant ?? '').toLowerCase());
  const { variant: _spelled, ...rest } = platform;
  return {
    ...rest,
    os: os === 'macos' ? 'darwin' : os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
  };
}

export function samePlatform(a: Platform, b: Platform): boolean {
  return formatPlatform(normalizePlatform(a)) === formatPlatform(normalizePlatform(b));
}

/**
 * What runs on `platform`, best first: itself, then older variants, then the 32-bit architecture that its processors
 * also run. The order of containerd's `platforms.Only`, so that the same image is chosen.
 */
export function platformFallbacks(platform: Platform): readonly Platform[] {
  const { os, architecture, variant } = normalizePlatform(platform);
  const older = (name: string, from: number, to: number): Platform[] => {
    const all: Platform[] = [];
    for (let version = from; version >= to; version -= 1) {
      all.push(normalizePlatform({ os, architecture: name, variant: `v${version}` }));
    }
    return all;
  };
  const version = Number(/^v(\d+)/.exec(variant ?? '')?.[1] ?? NaN);
  switch (architecture) {
    case 'amd64':
      return [...older('amd64', Number.isNaN(version) ? 1 : version, 1), { os, architecture: '386' }];
    case 'arm64':
      return [...older('arm64', Number.isNaN(version) ? 8 : version, 8), ...older('arm', 8, 5)];
    case 'arm':
      return Number.isNaN(version)
        ? [{ os, architecture, variant }]
        : older('arm', version, Math.min(version, 5));
    default:
      return [{ os, architecture, ...(variant === undefined ? {} : { variant }) }];
  }
}

/**
 * The entry of an index that fits `wanted` best; undefined when none does. An entry that does not name its platform is
 * taken when no other fits. Attestations (`unknown/unknown`) fit nothing.
 */
export function selectPlatform<T extends { readonly platform?: Platform | undefined }>(
  wanted: Platform,
  entries: readonly T[],
): T | undefined {
  for (const fitting of platformFallbacks(wanted)) {
    const found = entries.find(({ platform }) => platform !== undefined && samePlatform(platform, fitting));
    if (found !== undefined) return found;
  }
  return entries.find(({ platform }) => platform === undefined);
}

/** Whether an image of platform `image` runs on `wanted`. */
export function platformFits(wanted: Platform, image: Platform): boolean {
  return platformFallbacks(wanted).some((fitting) => samePlatform(image, fitting));
}

function normalVariant(architecture: string, variant: string): string | undefined {
  // `8` and `v8` are the same variant.
  const spelled = /^\d/.test(variant) ? `v${variant}` : variant;
  switch (architecture) {
    case 'amd64':
      return spelled === 'v1' || spelled === '' ? undefined : spelled;
    case 'arm64':
      return spelled === 'v8' || spelled === '' ? undefined : spelled;
    case 'arm':
      return spelled === '' ? 'v7' : spelled;
    case '386':
      return undefined;
    default:
      return spelled === '' ? undefined : spelled;
  }
}
