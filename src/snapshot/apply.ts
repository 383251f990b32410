import {
  createDigester,
  fromErrno,
  isErrno,
  TsbuildError,
  type ByteString,
  type Digest,
} from '../core/index.ts';
import { inUserNamespace, type RootDir } from '../sys/index.ts';
import { isReservedLayerName, parseLayerName, readTar } from '../tar/index.ts';
import type { TarEntry, TarLimits } from '../tar/index.ts';
import { Breath } from './breath.ts';
import { entryPlace, quoteBytes, type EntryPlace } from './entry-path.ts';
import { LowerContent } from './lower-content.ts';
import { UnpackTree, type UnpackPolicy } from './unpack-tree.ts';

export interface ApplyLayerOptions {
  /** The diff id the image config promises; another one is DIGEST_MISMATCH. */
  readonly diffId?: Digest | undefined;
  /** See `layerDevices`. */
  readonly devices: UnpackPolicy['devices'];
  readonly limits?: Partial<TarLimits> | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface AppliedLayer {
  /** Digest of the tar as it was read, to its last byte. */
  readonly diffId: Digest;
  /** Bytes of the tar. */
  readonly size: number;
  readonly entries: number;
}

export interface ExtractOptions {
  readonly devices: UnpackPolicy['devices'];
  /** Given to all entries (`--chown`). */
  readonly owner?: UnpackPolicy['owner'];
  readonly replaces?: UnpackPolicy['replaces'];
  readonly limits?: Partial<TarLimits> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Applies a layer's uncompressed tar to the merged, writable tree of its parents (an empty folder for the first).
 * The kernel copies up what is touched, so that a parent directory the layer does not name, and a hard link to a file
 * of a lower layer, keep their attributes. Whiteouts hide what the parents have, wherever they stand in the archive,
 * and never what this layer has put there (OCI image-spec, layer.md).
 *
 * Throws ARCHIVE_INVALID, ARCHIVE_LIMIT, DIGEST_MISMATCH, INTERRUPTED and what the file system answers. After any error the tree
 * is half done, and is the caller's to throw away.
 */
export async function applyLayer(
  source: AsyncIterable<Uint8Array>,
  root: RootDir,
  options: ApplyLayerOptions,
): Promise<AppliedLayer> {
  const digester = createDigester();
  const total = { bytes: 0 };
  async function* hashed(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of interruptible(source, options.signal)) {
      digester.update(chunk);
      total.bytes += chunk.length;
      yield chunk;
    }
  }
  // The first layer of an image has nothing below it: no whiteout means anything, nothing need be remembered.
  const lower = root.list('' as ByteString).length === 0 ? undefined : new LowerContent();
  using tree = new UnpackTree(root, {
    devices: options.devices,
    replaceXattrs: true,
    created: lower === undefined ? undefined : (directory, name) => lower.noteOwn(directory, name),
  });
  const entries = await unpackAll(readTar(hashed(), options.limits), tree, async (entry, place) => {
    requirePlainParents(place);
    const meaning = parseLayerName(place.name);
    switch (meaning.kind) {
      case 'plain':
        await tree.put(entry, place);
        return;
      case 'whiteout':
        lower?.hide(tree, place.parent, meaning.name);
        return;
      case 'opaque':
        lower?.hideAll(tree, place.parent);
        return;
    }
  });
  const diffId = digester.digest();
  if (options.diffId !== undefined && options.diffId !== diffId) {
    throw new TsbuildError(
      'DIGEST_MISMATCH',
      `the layer has the diff id ${diffId}, its image promises ${options.diffId}`,
      {
        hint: 'the image is damaged or was tampered with: pull or load it again',
      },
    );
  }
  return { diffId, size: total.bytes, entries };
}

/**
 * Unpacks an archive of a user over an existing tree, as `tar -x` does in a chroot of that tree: names have no meaning
 * but themselves, nothing outside is reached. Implied parents are made 0755 root. Errors as of `applyLayer`.
 */
export async function extractArchive(
  source: AsyncIterable<Uint8Array>,
  root: RootDir,
  options: ExtractOptions,
): Promise<{ readonly entries: number }> {
  const { devices, owner, replaces } = options;
  using tree = new UnpackTree(root, { devices, owner, replaces, replaceXattrs: false });
  const entries = await unpackAll(
    readTar(interruptible(source, options.signal), options.limits),
    tree,
    (entry, place) => tree.put(entry, place),
  );
  return { entries };
}

/** Bytes in memory or from a fast disk come without the event loop ever turning. */
async function* interruptible(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const breath = new Breath(signal);
  for await (const chunk of source) {
    yield chunk;
    await breath.due();
  }
}

async function unpackAll(
  entries: AsyncIterable<TarEntry>,
  tree: UnpackTree,
  unpack: (entry: TarEntry, place: EntryPlace) => Promise<void>,
): Promise<number> {
  let count = 0;
  for await (const entry of entries) {
    const { path } = entry.header;
    try {
      await unpack(entry, entryPlace(path));
    } catch (error) {
      throw unpackError(error, path);
    }
    count += 1;
  }
  tree.directories.restoreTimes();
  return count;
}

/**
 * What becomes of the device nodes in layers of others. A user namespace may not make any: they are left out of snapshots
 * there, and stay in the blob, which is what is sent on.
 */
export function layerDevices(): 'create' | 'skip' {
  return inUserNamespace() ? 'skip' : 'create';
}

/** A whiteout is a file: below one there is nothing that a merged tree could show. */
function requirePlainParents({ parent }: EntryPlace): void {
  if (!parent.includes('.wh.')) return;
  if (!parent.split('/').some((name) => isReservedLayerName(name as ByteString))) return;
  throw new TsbuildError(
    'ARCHIVE_INVALID',
    `${quoteBytes(parent)} in the archive is a whiteout with entries below it`,
  );
}

/** What the archive asked for and the file system refused is the archive's fault, unless the machine lacks something. */
function unpackError(error: unknown, path: ByteString): unknown {
  const doing = `unpacking ${quoteBytes(path)}`;
  if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'EXDEV', 'EMLINK')) {
    return new TsbuildError('ARCHIVE_INVALID', `${doing}: ${error.message}`, { cause: error });
  }
  if (isErrno(error, 'EINVAL', 'EOVERFLOW') && 'syscall' in error && /chown/.test(String(error.syscall))) {
    return new TsbuildError('PERMISSION_DENIED', `${doing}: its owner is not in the id map of this user`, {
      hint: 'give the user more ids in /etc/subuid and /etc/subgid',
      cause: error,
    });
  }
  if (isErrno(error, 'ENOTSUP', 'EOPNOTSUPP')) {
    return new TsbuildError(
      'HOST_UNSUPPORTED',
      `${doing}: the file system of the store has no extended attributes`,
      {
        hint: 'point --root (TSBUILD_ROOT) to a folder on ext4, xfs or btrfs',
        cause: error,
      },
    );
  }
  return fromErrno(error, doing);
}
