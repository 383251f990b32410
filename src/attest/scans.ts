import { isJsonObject, toText, TsbuildError, type Json } from '../core/index.ts';
import { maxStatementBytes, type Attestation } from '../image/index.ts';
import { parseBoundedJson } from '../oci/index.ts';
import type { RootDir } from '../sys/rootdir.ts';
import { listImageFolder, readImageFile } from './packages/read.ts';
import type { SbomRequest } from './types.ts';

const folder = 'run/out';
const suffix = '.spdx.json';
/** One for each tree; a scanner is somebody's program, and so is what it reads. */
const maxScans = 64;
const spdxType = 'https://spdx.dev/Document';

/**
 * What a scanner left: in-toto statements, or documents of SPDX themselves (BuildKit, sbom-protocol.md), by name. Subjects
 * of statements are left out: the image is known only when it goes out. Throws ATTESTATION_FAILED.
 */
export function scansIn(root: RootDir, { filename }: SbomRequest): readonly Attestation[] {
  const names = listImageFolder(root, folder).filter((name) => name.endsWith(suffix));
  if (names.length === 0)
    throw failed('wrote nothing', 'it must write NAME.spdx.json to BUILDKIT_SCAN_DESTINATION');
  if (names.length > maxScans) throw failed(`wrote ${names.length} files, more than ${maxScans}`);
  if (filename !== `sbom${suffix}` && names.some((name) => toText(name) === filename))
    throw failed(`wrote ${filename} itself`, 'name another one: --sbom=generator=IMAGE,filename=NAME');
  let left = maxStatementBytes;
  return names.sort().map((name) => {
    const shown = toText(name);
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/.test(shown)) throw failed(`wrote a file of the name ${shown}`);
    const bytes = readImageFile(root, `${folder}/${name}`, left);
    left -= bytes?.byteLength ?? 0;
    const predicate = predicateOf(bytes ?? Buffer.alloc(0), shown);
    return {
      predicateType: spdxType,
      predicate,
      filename: shown === `sbom${suffix}` ? filename : shown,
    };
  });
}

function predicateOf(bytes: Uint8Array, name: string): Json {
  let parsed: Json;
  try {
    parsed = parseBoundedJson(bytes, { what: name, limit: maxStatementBytes }) as Json;
  } catch (error) {
    if (error instanceof TsbuildError)
      throw failed(`wrote what cannot be read: ${error.message}`, undefined, error);
    throw error;
  }
  if (isJsonObject(parsed) && typeof parsed['spdxVersion'] === 'string') return parsed;
  const predicate = isJsonObject(parsed) ? parsed['predicate'] : undefined;
  if (isJsonObject(parsed) && parsed['predicateType'] === spdxType && isJsonObject(predicate))
    return predicate;
  throw failed(`wrote ${name}, which is neither SPDX nor an in-toto statement of it`);
}

function failed(what: string, hint?: string, cause?: unknown): TsbuildError {
  return new TsbuildError('ATTESTATION_FAILED', `the SBOM generator ${what}`, { hint, cause });
}
