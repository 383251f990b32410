import type { RootDir } from '../../sys/rootdir.ts';
import { plainText, readImageFile } from './read.ts';
import { stanzas } from './stanzas.ts';
import type { FoundPackage, Warn } from './types.ts';

const maxBytes = 32 * 2 ** 20;
const paths = ['lib/apk/db/installed', 'usr/lib/apk/db/installed'];

/** Alpine's packages: the database of apk (wiki.alpinelinux.org/wiki/Apk_spec), in its old place and its new one. */
export function alpinePackages(root: RootDir, warn: Warn): readonly FoundPackage[] {
  for (const path of paths) {
    const bytes = readImageFile(root, path, maxBytes);
    // Where /lib is a link to /usr/lib both are the same file.
    if (bytes !== undefined) return packagesIn(bytes, path, warn);
  }
  return [];
}

function packagesIn(bytes: Buffer, from: string, warn: Warn): readonly FoundPackage[] {
  const found: FoundPackage[] = [];
  let odd = 0;
  for (const stanza of stanzas(bytes.toString('utf8'), /:/)) {
    const name = plainText(stanza.get('P'));
    const version = plainText(stanza.get('V'));
    if (name === undefined || version === undefined || /\s/.test(name)) {
      odd += 1;
      continue;
    }
    const origin = plainText(stanza.get('o'));
    found.push({
      ...{ kind: 'apk', name, version, from },
      architecture: plainText(stanza.get('A'), 32),
      source: origin === undefined || origin === name ? undefined : { name: origin },
      license: plainText(stanza.get('L')),
      maintainer: plainText(stanza.get('m')),
    });
  }
  if (odd > 0) warn(`the SBOM leaves out ${odd} entries of /${from} without a usable name and version`);
  return found;
}
