import * as z from 'zod/mini';

import { exchange, type Service } from './exchange.ts';
import type { GhaSpec } from './types.ts';

const pageSchema = z.object({
  actions_caches: z.array(z.object({ key: z.string() })).check(z.maxLength(100)),
});
const pageLength = 100;
const maxPages = 50;
/** Of the longest page that is read. */
const maxPageBytes = 4 * 2 ** 20;

/**
 * Keys of the blobs that jobs may see in these scopes, by GitHub's REST interface ("List GitHub Actions caches for a
 * repository"): one question for a hundred. Undefined where that was not asked for, or is not answered.
 */
export async function listedKeys(
  service: Service,
  { listing }: Pick<GhaSpec, 'listing'>,
  scopes: readonly string[],
): Promise<ReadonlySet<string> | undefined> {
  if (listing === undefined) return undefined;
  const { api, repository, token } = listing;
  const own: Service = { ...service, secrets: [...service.secrets, token] };
  const keys = new Set<string>();
  try {
    for (const scope of scopes) {
      for (let number = 1; number <= maxPages; number++) {
        const url = new URL(`${api.replace(/\/+$/, '')}/repos/${repository}/actions/caches`);
        url.search = new URLSearchParams({
          ...{ key: 'tsbuild-blob-', ref: scope, per_page: String(pageLength), page: String(number) },
        }).toString();
        const headers = { authorization: `Bearer ${token}`, accept: 'application/vnd.github+json' };
        const { bytes } = await exchange(own, {
          ...{ method: 'GET', url, limit: maxPageBytes },
          headers: () => headers,
        });
        const page = pageSchema.safeParse(JSON.parse(bytes.toString('utf8')));
        if (!page.success) return undefined;
        const { actions_caches: caches } = page.data;
        for (const { key } of caches) keys.add(key.replace(/#\d+$/, ''));
        if (caches.length < pageLength) break;
      }
    }
  } catch (error) {
    if (service.signal.aborted) throw error;
    // It only saves questions.
    return undefined;
  }
  return keys;
}
