import { redactUrl, type Json } from '../core/index.ts';

/** The text with the credentials of all URLs in it taken out (CVE-2023-26054, O-84). */
export function withoutCredentials(text: string): string {
  return redactUrl(text).replaceAll('://xxxxx@', '://');
}

/** Of a URL that is fetched also the values of its query: signatures and tokens of storage services stand there. */
export function withoutQueryValues(url: string): string {
  return withoutCredentials(url).replace(
    /\?([^#]*)/,
    (_, query: string) => `?${query.replace(/(^|&)([^=&]*)=[^&]*/g, '$1$2=xxxxx')}`,
  );
}

/** The same of every text in the value, keys included: what reaches a predicate has come through here. */
export function withoutCredentialsInside(value: Json): Json {
  if (typeof value === 'string') return withoutCredentials(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutCredentialsInside);
  const members = Object.entries(value).map(
    ([key, member]) =>
      [withoutCredentials(key), member === undefined ? undefined : withoutCredentialsInside(member)] as const,
  );
  return Object.fromEntries(members);
}
