import { fromText, toText, TsbuildError, type ByteString } from '../core/index.ts';
import { statementOf, subjectsOf } from '../image/index.ts';
import type { RootDir } from '../sys/index.ts';
import type { BuiltImage } from './types.ts';

/** What is said of an image, as a file beside those of the image. */
export interface StatementFile {
  /** A single name. */
  readonly name: ByteString;
  readonly bytes: Uint8Array;
}

/** For outputs that are trees. Throws ATTESTATION_FAILED where the tree has a file of that name. */
export function statementFiles(
  { image, platform, attestations }: BuiltImage,
  tree: RootDir,
  names: readonly string[],
): readonly StatementFile[] {
  const subjects = subjectsOf(image.descriptor, { attestations, names, platform });
  return attestations.map((attestation) => {
    const name = fromText(attestation.filename);
    if (tree.tryLstat(name) !== undefined) {
      throw new TsbuildError('ATTESTATION_FAILED', `the result has a file ${toText(name)} of its own`, {
        hint: 'name another one: --attest type=provenance,filename=NAME, or type=sbom',
      });
    }
    return { name, bytes: statementOf(attestation, subjects) };
  });
}

/** Replaces what is there under that name; a link is not followed. */
export function putStatements(to: RootDir, files: readonly StatementFile[], time: number | undefined): void {
  for (const { name, bytes } of files) {
    if (to.tryLstat(name) !== undefined) to.unlink(name);
    to.write(name, bytes, 0o644);
    if (time !== undefined) to.setTimes(name, { seconds: time });
  }
}
