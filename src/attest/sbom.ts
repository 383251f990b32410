import type { Attestation } from '../image/index.ts';
import type { RootDir } from '../sys/rootdir.ts';
import { alpinePackages } from './packages/apk.ts';
import { debianPackages } from './packages/dpkg.ts';
import { npmPackages } from './packages/npm.ts';
import { distributionOf } from './packages/os-release.ts';
import { rpmPackages } from './packages/rpm.ts';
import type { Warn } from './packages/types.ts';
import { spdxDocument, type SpdxFacts } from './spdx.ts';
import type { SbomRequest } from './types.ts';

export interface SbomFacts extends Pick<SpdxFacts, 'name' | 'id' | 'tool'> {
  readonly warn: Warn;
}

/**
 * What the tree of an image has installed by Debian's, Alpine's, rpm's and npm's package managers, as SPDX. The empty root has
 * nothing. What is returned tells of it as made at a time. Throws ATTESTATION_FAILED for databases that are too large or no
 * files.
 */
export function sbomOf(
  request: SbomRequest,
  root: RootDir | undefined,
  facts: SbomFacts,
): (created: Date) => Attestation {
  const { warn } = facts;
  const packages =
    root === undefined
      ? []
      : [
          ...debianPackages(root, warn),
          ...alpinePackages(root, warn),
          ...rpmPackages(root, warn),
          ...npmPackages(root, warn),
        ];
  const distribution = root === undefined ? undefined : distributionOf(root);
  return (created) => ({
    predicateType: 'https://spdx.dev/Document',
    predicate: spdxDocument({ ...facts, created, distribution, packages }),
    filename: request.filename,
  });
}
