import * as z from 'zod/mini';

import { TsbuildError } from '../core/index.ts';
import { readBody, withRetries } from '../http/index.ts';
import { familiarName, maxManifestBytes, parseBoundedJson, type Reference } from '../oci/index.ts';
import { withDeadline } from './conversation.ts';
import { nextPage } from './pages.ts';
import { withRepository, type OpenRepository, type RegistryOptions } from './repository.ts';

export interface ListTagsOptions extends RegistryOptions {
  /** At most so many; all unless told. */
  readonly limit?: number | undefined;
  /** Those after this one alone, in the registry's order. */
  readonly last?: string | undefined;
}

const tag = z.string().check(z.regex(/^\w[\w.-]{0,127}$/));
// A repository without tags has null.
const pageSchema = z.object({ tags: z.optional(z.nullable(z.array(tag))) });

/** Registries give fewer where they have a limit of their own. */
const pageSize = 1000;
/** A registry that hands out pages without end is stopped, and one whose pages are larger than was asked for. */
const maxPages = 1000;
const maxTags = maxPages * pageSize;

/**
 * The tags of a repository in the registry's order (end-8), page after page. Throws IMAGE_NOT_FOUND where there is no such
 * repository, IMAGE_INVALID for an answer that is no list of tags, and the REGISTRY_ codes.
 */
export async function listTags(
  repository: Reference,
  options: ListTagsOptions = {},
): Promise<readonly string[]> {
  const { limit = Infinity, last } = options;
  return withRepository(repository, { ...options, access: 'pull' }, async (open) => {
    const query = new URLSearchParams({ n: String(Math.min(pageSize, limit)) });
    if (last !== undefined) query.set('last', last);
    const found = new Set<string>();
    let next: string | URL | undefined = `tags/list?${query.toString()}`;
    for (let page = 0; next !== undefined && found.size < limit; page += 1) {
      const before = found.size;
      const answer: Page = await readPage(open, next);
      for (const one of answer.tags) found.add(one);
      // Also where each page leads to itself.
      const isEndless = answer.next !== undefined && found.size === before;
      if (isEndless || page >= maxPages || found.size > maxTags) throw endless(repository);
      next = answer.next;
    }
    return [...found].slice(0, limit);
  });
}

interface Page {
  readonly tags: readonly string[];
  readonly next: URL | undefined;
}

async function readPage(open: OpenRepository, path: string | URL): Promise<Page> {
  return withRetries(
    async () =>
      withDeadline(open, async (signal) => {
        const headers = { accept: 'application/json' };
        const response = await open.conversation.request(path, { headers, signal });
        const bytes = await readBody(response, maxManifestBytes);
        const what = 'the list of tags';
        const parsed = pageSchema.safeParse(parseBoundedJson(bytes, { what, limit: maxManifestBytes }));
        if (!parsed.success) throw new TsbuildError('IMAGE_INVALID', `${what} is of another form`);
        return { tags: parsed.data.tags ?? [], next: nextPage(response) };
      }),
    { policy: open.retry, signal: open.signal },
  );
}

function endless(repository: Reference): TsbuildError {
  return new TsbuildError('REGISTRY_ERROR', `the list of the tags of ${familiarName(repository)} has no end`);
}
