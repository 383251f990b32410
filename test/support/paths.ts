import { homedir } from 'node:os';
import { join } from 'node:path';

/** The root of the checkout. */
export const projectRoot = join(import.meta.dirname, '../..');

/** What is dear to make and the same for every run: survives the checkout. */
export function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tsbuild');
}

/** Where scripts/debian-base.sh keeps the base; the name carries the recipe's version. */
export function cachedDebianBase(): string {
  return join(cacheFolder(), 'bases', 'debian-bookworm-1.tar');
}
