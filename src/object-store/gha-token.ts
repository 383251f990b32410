import * as z from 'zod/mini';

import { TsbuildError } from '../core/index.ts';

/** Whose entries a job may see: those of its branch, and of the branches it came from. */
export interface GhaScopes {
  /** `refs/heads/main`; in the order in which they are searched. */
  readonly read: readonly string[];
  readonly write: string | undefined;
}

const writes = 2;
const reads = 1;
const maxScopes = 32;

const claimsSchema = z.object({ ac: z.optional(z.string()), exp: z.optional(z.number()) });
const scopesSchema = z
  .array(z.object({ Scope: z.string().check(z.maxLength(1024)), Permission: z.int() }))
  .check(z.maxLength(maxScopes));

/**
 * What the token of a job says of its scopes: the claim `ac` of a JSON web token, whose signature is the service's business.
 * A token that says nothing, as of other services with this protocol, has one scope without a name. Throws
 * CACHE_SERVICE_DENIED for one that ran out.
 */
export function scopesOf(token: string, now: number = Date.now()): GhaScopes {
  const claims = claimsSchema.safeParse(
    jsonOf(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()),
  );
  const { ac, exp } = claims.success ? claims.data : {};
  if (exp !== undefined && exp * 1000 <= now) {
    throw new TsbuildError('CACHE_SERVICE_DENIED', 'the token of the GitHub Actions cache has run out', {
      hint: 'a token is good for its job alone: take it in the job that uses it',
    });
  }
  const parsed = scopesSchema.safeParse(jsonOf(ac ?? ''));
  if (!parsed.success) return { read: [''], write: '' };
  const granted = (right: number): readonly string[] =>
    parsed.data.filter(({ Permission }) => (Permission & right) !== 0).map(({ Scope }) => Scope);
  return { read: granted(reads), write: granted(writes)[0] };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
