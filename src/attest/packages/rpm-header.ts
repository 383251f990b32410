/** What rpm's database says of a package, as it stands there. */
export interface RpmHeader {
  readonly name: string | undefined;
  readonly version: string | undefined;
  readonly release: string | undefined;
  readonly epoch: number | undefined;
  readonly license: string | undefined;
  readonly architecture: string | undefined;
  /** File name of the source package. */
  readonly source: string | undefined;
}

const tags = { name: 1000, version: 1001, release: 1002, license: 1014, architecture: 1022, source: 1044 };
const epochTag = 1003;
const [stringType, i18nType, int32Type] = [6, 9, 4];
const entryBytes = 16;
const maxEntries = 65_536;
/** Several entries may point to one text. */
const maxTextBytes = 4096;

/**
 * A header as rpm keeps it (rpm.org, "Header format"): two counts, entries of tag, type, offset and count, and the data
 * that they point into; big-endian. Undefined for one that makes no sense.
 */
export function rpmHeader(blob: Uint8Array): RpmHeader | undefined {
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
  if (bytes.byteLength < 8) return undefined;
  const count = bytes.readUInt32BE(0);
  const start = 8 + count * entryBytes;
  if (count > maxEntries || start + bytes.readUInt32BE(4) > bytes.byteLength) return undefined;
  const data = bytes.subarray(start, start + bytes.readUInt32BE(4));
  const entries = new Map<number, { readonly type: number; readonly offset: number }>();
  for (let at = 8; at < start; at += entryBytes) {
    entries.set(bytes.readUInt32BE(at), {
      type: bytes.readUInt32BE(at + 4),
      offset: bytes.readUInt32BE(at + 8),
    });
  }
  const text = (tag: number): string | undefined => {
    const entry = entries.get(tag);
    if (entry?.type !== stringType && entry?.type !== i18nType) return undefined;
    const bytes = data.subarray(entry.offset, entry.offset + maxTextBytes);
    const end = bytes.indexOf(0);
    return end === -1 ? undefined : bytes.toString('utf8', 0, end);
  };
  const epoch = entries.get(epochTag);
  const hasEpoch = epoch?.type === int32Type && epoch.offset + 4 <= data.byteLength;
  return {
    name: text(tags.name),
    version: text(tags.version),
    release: text(tags.release),
    epoch: hasEpoch ? data.readUInt32BE(epoch.offset) : undefined,
    license: text(tags.license),
    architecture: text(tags.architecture),
    source: text(tags.source),
  };
}
