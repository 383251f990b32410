import { parse } from 'node:path';

import { fromText, toText, TsbuildError, type ByteString } from '../core/index.ts';
import { statementOf, subjectsOf } from '../image/index.ts';
import type { Platform } from '../oci/types.ts';
import type { RootDir } from '../sys/index.ts';
import { platformFolder } from './platform-folder.ts';
import type { BuiltImage } from './types.ts';

/** What is said of an image, as a file beside those of the image. */
export interface StatementFile {
  /** A single name. */
  readonly name: ByteString;
  readonly bytes: Uint8Array;
}

export interface StatementOptions {
  /** Full names of the image. */
  readonly names: readonly string[];
  /** In one folder with images for other platforms: the files' names say for which they are, as BuildKit's do. */
  readonly isAmongOthers: boolean;
}

/** For outputs that are trees. Throws ATTESTATION_FAILED where the tree has a file of that name. */
export function statementFiles(
  { image, platform, attestations }: BuiltImage,
  tree: RootDir,
  { names, isAmongOthers }: StatementOptions,
): readonly StatementFile[] {
  const subjects = subjectsOf(image.descriptor, { attestations, names, platform });
  return attestations.map((attestation) => {
    const { filename } = attestation;
    const name = fromText(isAmongOthers ? withPlatform(filename, platform) : filename);
    if (tree.tryLstat(name) !== undefined) {
      throw new TsbuildError('ATTESTATION_FAILED', `the result has a file ${toText(name)} of its own`, {
        hint: 'name another one: --attest type=provenance,filename=NAME, or type=sbom',
      });
    }
    return { name, bytes: statementOf(attestation, subjects) };
  });
}

/** `provenance.linux_arm64.json` */
function withPlatform(filename: string, platform: Platform): string {
  const { name, ext } = parse(filename);
  return `${name}.${platformFolder(platform)}${ext}`;
}

/** Replaces what is there under that name; a link is not followed. */
export function putStatements(to: RootDir, files: readonly StatementFile[], time: number | undefined): void {
  for (const { name, bytes } of files) {
    if (to.tryLstat(name) !== undefined) to.unlink(name);
    to.write(name, bytes, 0o644);
    if (time !== undefined) to.setTimes(name, { seconds: time });
  }
}
