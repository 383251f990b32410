import type { Digest, Json } from '../../core/index.ts';
import { parseBoundedJson, type Descriptor, type Reference } from '../../oci/index.ts';
import {
  listReferrers,
  readRepository,
  type ReadableRepository,
  type RegistryOptions,
} from '../../registry/index.ts';
import { attestationTypes, attestedImage, predicateTypeKey } from './artifact.ts';
import { maxStatementBytes } from './statement.ts';

/** A statement of a registry. Whoever may push to the repository can have made it: nothing vouches for it. */
export interface FoundStatement {
  readonly predicateType: string;
  /** The in-toto statement, as it is. */
  readonly statement: Json;
}

/** Whoever may push there can add to the list. */
const maxArtifacts = 16;
const maxStatements = 8;

/**
 * What is said in a registry of the manifest or index of this digest: artifacts that refer to it (O-82), and where the
 * digest is an index's, those that BuildKit puts beside its images. Throws IMAGE_INVALID, DIGEST_MISMATCH and as reads do.
 */
export async function remoteAttestations(
  repository: Reference,
  digest: Digest,
  options: RegistryOptions = {},
): Promise<readonly FoundStatement[]> {
  const { artifact: artifactType } = attestationTypes;
  const referrers = await listReferrers(repository, digest, { ...options, artifactType });
  return readRepository(repository, options, async (open) => {
    const { parsed: top } = await open.manifest(digest);
    const beside =
      top.kind === 'manifest'
        ? []
        : top.index.manifests.filter((entry) => attestedImage(entry) !== undefined);
    const artifacts = [...new Map([...referrers, ...beside].map((one) => [one.digest, one])).values()];
    const found: FoundStatement[] = [];
    for (const artifact of artifacts.slice(0, maxArtifacts))
      found.push(...(await statementsOf(open, artifact)));
    return found;
  });
}

async function statementsOf(
  open: ReadableRepository,
  artifact: Descriptor,
): Promise<readonly FoundStatement[]> {
  const { parsed } = await open.manifest(artifact.digest);
  const layers = parsed.kind === 'manifest' ? parsed.manifest.layers : [];
  const found: FoundStatement[] = [];
  for (const layer of layers
    .filter((one) => one.mediaType === attestationTypes.statement)
    .slice(0, maxStatements)) {
    const bytes = await open.bytes(layer, maxStatementBytes);
    const what = `the attestation ${layer.digest}`;
    // What was parsed from JSON is nothing else.
    const statement = parseBoundedJson(bytes, { what, limit: maxStatementBytes }) as Json;
    found.push({ predicateType: layer.annotations?.[predicateTypeKey] ?? '', statement });
  }
  return found;
}
