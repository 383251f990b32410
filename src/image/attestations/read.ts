import type { Digest, Json } from '../../core/index.ts';
import { isAttestation, parseBoundedJson, type Descriptor, type Reference } from '../../oci/index.ts';
import {
  isAbsent,
  listReferrers,
  readRepository,
  type ReadableRepository,
  type RegistryOptions,
} from '../../registry/index.ts';
import { attestationTypes, attestedImage } from './artifact.ts';
import { maxStatementBytes } from './statement.ts';

/** Whoever may push there can add to lists and indexes. */
const maxImages = 16;
const maxArtifacts = 16;
const maxStatements = 8;

/**
 * The in-toto statements that a registry has about an image, or about an index and its images: in artifacts that refer to
 * them (O-82), and in those that BuildKit puts beside the images of an index. Whoever may push to the repository can have made
 * them: nothing vouches for them. All together have `limit` bytes at most. Throws IMAGE_INVALID, DIGEST_MISMATCH and as reads do.
 */
export async function remoteStatements(
  repository: Reference,
  options: RegistryOptions = {},
  limit: number = 2 * maxStatementBytes,
): Promise<readonly Json[]> {
  return readRepository(repository, options, async (open) => {
    const { descriptor, parsed } = await open.manifest();
    const entries = parsed.kind === 'index' ? parsed.index.manifests : [];
    const images = entries.filter((entry) => !isAttestation(entry)).slice(0, maxImages);
    const artifacts = new Map<Digest, Descriptor>();
    for (const entry of entries) if (attestedImage(entry) !== undefined) artifacts.set(entry.digest, entry);
    for (const { digest } of [descriptor, ...images]) {
      const { artifact: artifactType } = attestationTypes;
      const referrers = await listReferrers(repository, digest, { ...options, artifactType });
      for (const one of referrers) artifacts.set(one.digest, one);
    }
    const found: Json[] = [];
    const room = { left: limit };
    for (const artifact of [...artifacts.values()].slice(0, maxArtifacts)) {
      found.push(...(await statementsOf(open, artifact, room)));
    }
    return found;
  });
}

async function statementsOf(
  open: ReadableRepository,
  artifact: Descriptor,
  room: { left: number },
): Promise<readonly Json[]> {
  const parsed = await unlessGone(async () => (await open.manifest(artifact.digest)).parsed);
  if (parsed === undefined) return [];
  const layers = parsed.kind === 'manifest' ? parsed.manifest.layers : [];
  const statements = layers.filter(({ mediaType }) => mediaType === attestationTypes.statement);
  const found: Json[] = [];
  for (const layer of statements.slice(0, maxStatements)) {
    const bytes = await unlessGone(() => open.bytes(layer, Math.min(maxStatementBytes, room.left)));
    if (bytes === undefined) continue;
    room.left -= bytes.byteLength;
    const what = `the attestation ${layer.digest}`;
    // What was parsed from JSON is nothing else.
    found.push(parseBoundedJson(bytes, { what, limit: maxStatementBytes }) as Json);
  }
  return found;
}

/** Lists outlive what they name: a registry's clean-up takes an artifact and leaves its line. */
async function unlessGone<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
