import { toText } from '../../core/index.ts';
import type { RootDir } from '../../sys/rootdir.ts';
import { listImageFolder, plainText, readImageFile } from './read.ts';
import { stanzas } from './stanzas.ts';
import type { FoundPackage, Warn } from './types.ts';

/** Ten times what a whole desktop has. */
const maxStatusBytes = 32 * 2 ** 20;
const maxParts = 10_000;

/** Debian's packages: of dpkg's database, and of the one file a package that distroless images have. */
export function debianPackages(root: RootDir, warn: Warn): readonly FoundPackage[] {
  const status = readImageFile(root, 'var/lib/dpkg/status', maxStatusBytes);
  const whole = status === undefined ? [] : packagesIn(status, 'var/lib/dpkg/status', warn);
  return [...whole, ...parts(root, warn)];
}

function parts(root: RootDir, warn: Warn): readonly FoundPackage[] {
  const folder = 'var/lib/dpkg/status.d';
  const names = listImageFolder(root, folder).filter((name) => !name.endsWith('.md5sums'));
  if (names.length > maxParts)
    warn(`the SBOM has only the first ${maxParts} of ${names.length} files of /${folder}`);
  let left = maxStatusBytes;
  return names.slice(0, maxParts).flatMap((name) => {
    const path = `${folder}/${name}`;
    const bytes = readImageFile(root, path, left);
    left -= bytes?.byteLength ?? 0;
    return bytes === undefined ? [] : packagesIn(bytes, toText(path as typeof name), warn);
  });
}

function packagesIn(bytes: Buffer, from: string, warn: Warn): readonly FoundPackage[] {
  const found: FoundPackage[] = [];
  let odd = 0;
  for (const stanza of stanzas(bytes.toString('utf8'))) {
    // `install ok installed`; what is removed and has its configuration left is not there.
    const state = stanza.get('Status')?.trim().split(/\s+/)[2];
    if (state !== undefined && state !== 'installed') continue;
    const name = plainText(stanza.get('Package'));
    const version = plainText(stanza.get('Version'));
    if (name === undefined || version === undefined || !/^[a-z0-9][a-z0-9+.-]*$/i.test(name)) {
      odd += 1;
      continue;
    }
    found.push({
      ...{ kind: 'deb', name, version, from },
      architecture: plainText(stanza.get('Architecture'), 32),
      source: sourceOf(stanza.get('Source')),
      maintainer: plainText(stanza.get('Maintainer')),
    });
  }
  if (odd > 0) warn(`the SBOM leaves out ${odd} entries of /${from} without a usable name and version`);
  return found;
}

/** `glibc`, or `glibc (2.36-9)` where the versions differ. */
function sourceOf(text: string | undefined): FoundPackage['source'] {
  const [, name, version] = /^([^\s()]+)(?:\s+\(([^()]+)\))?$/.exec(plainText(text) ?? '') ?? [];
  return name === undefined ? undefined : { name, version };
}
