import { join } from 'node:path';

import { digestOf, digestParts } from '../../src/core/index.ts';

/** Where a store keeps the cache mount of an id that has no owner, mode or content to begin with. */
export function cacheFolder(root: string, id: string): string {
  return join(root, 'cache-mounts', cacheName(id));
}

export function cacheName(id: string): string {
  return digestParts(digestOf(id)).hex;
}
