import { TsbuildError } from '../core/index.ts';

/** What registries accept as the size of a manifest (distribution-spec, "Pushing Manifests"). */
export const maxManifestBytes = 4 * 1024 * 1024;
export const maxConfigBytes = 8 * 1024 * 1024;

const maxDepth = 64;
const [quote, backslash, openBrace, openBracket, closeBrace, closeBracket] = Buffer.from('"\\{[}]');

/**
 * Foreign JSON as plain data, bounded in size and depth; `what` names it in errors. A key given twice has its last value,
 * as Go's decoder has it, so that no tool sees another image than this one. Keys `__proto__` are dropped: as own
 * properties they wait for the first `Object.assign` to become a prototype. Throws IMAGE_INVALID.
 */
export function parseBoundedJson(bytes: Uint8Array, options: { what: string; limit: number }): unknown {
  const { what, limit } = options;
  if (bytes.byteLength > limit) {
    throw new TsbuildError('IMAGE_INVALID', `${what} has ${bytes.byteLength} bytes, the limit is ${limit}`);
  }
  if (depthOf(bytes) > maxDepth) {
    throw new TsbuildError('IMAGE_INVALID', `${what} is nested deeper than ${maxDepth} levels`);
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // A reviver costs several times the parsing: only where the key, or an escape that may hide it, is in the text.
    return /__proto__|\\u/.test(text)
      ? (JSON.parse(text, dropProto) as unknown)
      : (JSON.parse(text) as unknown);
  } catch (error) {
    throw new TsbuildError('IMAGE_INVALID', `${what} is not JSON`, {
      hint: 'whoever made or serves it is at fault; is the address that of a registry?',
      cause: error,
    });
  }
}

function dropProto(key: string, value: unknown): unknown {
  return key === '__proto__' ? undefined : value;
}

/** Counted on the bytes: parsing first would build what is to be refused. */
function depthOf(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i];
    if (inString) {
      if (byte === backslash) i += 1;
      else if (byte === quote) inString = false;
    } else if (byte === quote) {
      inString = true;
    } else if (byte === openBrace || byte === openBracket) {
      depth += 1;
      deepest = Math.max(deepest, depth);
    } else if (byte === closeBrace || byte === closeBracket) {
      depth -= 1;
    }
  }
  return deepest;
}
