import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { digestParts, isDigest, isJsonObject, type Digest, type Json } from '../../../core/index.ts';
import { familiarName, maxManifestBytes, parseManifestOrIndex } from '../../../oci/index.ts';
import type { Descriptor } from '../../../oci/types.ts';
import { isFileOf, layoutIndex } from '../../../store/index.ts';
import { removing } from './blobs.ts';
import type { Examined, Finding } from './types.ts';

/** Names, records of images, and the index.json that other tools read. */
export async function checkImages(examined: Examined): Promise<readonly Finding[]> {
  return [...(await checkRefs(examined)), ...(await checkRecords(examined)), ...(await checkIndex(examined))];
}

async function checkRefs(examined: Examined): Promise<readonly Finding[]> {
  const { store, paths } = examined;
  const findings: Finding[] = [];
  const refs = await store.refs.list();
  for (const file of readdirSync(paths.refs)) {
    const path = join(paths.refs, file);
    const name = nameIn(path);
    const isOwn = name !== undefined && isFileOf(file, name);
    if (isOwn && refs.some((known) => known.name === name)) continue;
    const wrong = broken(`refs/${file}`, 'names no image', removing(path));
    // A name has two files, and a power loss spares one of them.
    const isSpare = nameIn(file.endsWith('~') ? path.slice(0, -1) : `${path}~`) !== undefined;
    findings.push(isSpare ? { ...wrong, severity: 'leftover', hint: undefined } : wrong);
  }
  for (const { name, target } of refs) {
    const problem = problemOf(examined, target);
    if (problem !== undefined)
      findings.push({
        ...broken(familiarName(name), problem, () => store.refs.delete(name)),
        images: [name],
      });
  }
  return findings;
}

async function checkRecords(examined: Examined): Promise<readonly Finding[]> {
  const { store, paths } = examined;
  const findings: Finding[] = [];
  const records = await store.images.list();
  const files = new Map(records.map((record) => [fileOf(record.id), record]));
  for (const file of readdirSync(paths.images)) {
    const record = files.get(file);
    const path = join(paths.images, file);
    if (record === undefined) {
      findings.push(broken(`images/${file}`, 'describes no image', removing(path)));
      continue;
    }
    const problem = problemOf(examined, record.manifest, record.id);
    if (problem !== undefined)
      findings.push({
        ...broken(record.id, problem, () => store.images.delete(record.id)),
        images: [record.id],
      });
  }
  return findings;
}

function broken(subject: string, problem: string, repair: Finding['repair']): Finding {
  const hint = 'pull or build the image again';
  return { severity: 'damage', kind: 'image', subject, problem, hint, repair };
}

function fileOf(id: Digest): string {
  const { algorithm, hex } = digestParts(id);
  return `${algorithm}-${hex}.json`;
}

function nameIn(path: string): string | undefined {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as Json;
    return isJsonObject(value) && typeof value['name'] === 'string' ? value['name'] : undefined;
  } catch {
    return undefined;
  }
}

/** Of the parts of an image; of an index, those of its images that are here. */
function problemOf(examined: Examined, descriptor: Descriptor, id?: Digest): string | undefined {
  const own = blobProblem(examined, descriptor, 'manifest');
  if (own !== undefined) return own;
  const parsed = parsedBlob(examined, descriptor.digest);
  if (parsed === undefined) return `its manifest ${descriptor.digest} is not one`;
  if (parsed.kind === 'index') {
    const here = parsed.index.manifests.filter(({ digest }) => sizeOf(examined, digest) !== undefined);
    return here.map((each) => problemOf(examined, each)).find((problem) => problem !== undefined);
  }
  const { config, layers } = parsed.manifest;
  if (id !== undefined && config.digest !== id) return `its manifest is of another image, ${config.digest}`;
  const problems = [
    blobProblem(examined, config, 'config'),
    ...layers.map((layer) => blobProblem(examined, layer, 'layer')),
  ];
  return problems.find((problem) => problem !== undefined);
}

function blobProblem(examined: Examined, { digest, size }: Descriptor, what: string): string | undefined {
  const found = sizeOf(examined, digest);
  if (found === undefined) return `its ${what} ${digest} is missing`;
  if (examined.damaged.has(digest)) return `its ${what} ${digest} is damaged`;
  return found === size ? undefined : `its ${what} ${digest} has ${found} bytes, not ${size}`;
}

function parsedBlob(
  { store, paths }: Examined,
  digest: Digest,
): ReturnType<typeof parseManifestOrIndex> | undefined {
  for (const path of [store.blobs.path(digest), join(paths.trash, digest)]) {
    try {
      const bytes = readFileSync(path);
      return bytes.length > maxManifestBytes ? undefined : parseManifestOrIndex(bytes);
    } catch {
      continue;
    }
  }
  return undefined;
}

/** A collector that was killed has left it in the trash: the next one puts it back. */
export function sizeOf(
  { store, paths }: Pick<Examined, 'store' | 'paths'>,
  digest: Digest,
): number | undefined {
  if (!isDigest(digest)) return undefined;
  for (const path of [store.blobs.path(digest), join(paths.trash, digest)]) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile() === true) return stat.size;
  }
  return undefined;
}

/** Killed between a name and the index, a process leaves the index behind; the next change of a name makes it anew. */
async function checkIndex({ store, paths }: Examined): Promise<readonly Finding[]> {
  let text: string | undefined;
  try {
    text = readFileSync(paths.index, 'utf8');
    JSON.parse(text);
  } catch {
    text = undefined;
  }
  if (text === layoutIndex(await store.refs.list())) return [];
  return [
    {
      severity: text === undefined ? 'damage' : 'leftover',
      kind: 'layout',
      subject: 'oci/index.json',
      problem: text === undefined ? 'cannot be read' : 'does not agree with the names of the images',
      repair: () => store.refs.reindex(),
    },
  ];
}
