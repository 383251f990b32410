import type { HttpResponse } from '../http/index.ts';

/** `Link: </v2/…>; rel="next"` (RFC 8288), of this registry alone. */
export function nextPage(response: HttpResponse): URL | undefined {
  const target = /^\s*<([^>]{1,4096})>\s*;(?:[^,]*;)?\s*rel="?next"?/i.exec(
    response.headers.get('link') ?? '',
  )?.[1];
  if (target === undefined || !URL.canParse(target, response.url)) return undefined;
  const url = new URL(target, response.url);
  return url.origin === new URL(response.url).origin ? url : undefined;
}
