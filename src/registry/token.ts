import * as z from 'zod/mini';

import { TsbuildError } from '../core/index.ts';
import { get, readBody, statusError } from '../http/index.ts';
import { checkRealm, parseChallenges } from './challenge.ts';

/** Bytes (checklist G-35). */
const maxTokenAnswer = 2 ** 20;

// distribution-spec "token": either name is used, both mean the same.
const tokenSchema = z.object({
  token: z.optional(z.string()),
  access_token: z.optional(z.string()),
  expires_in: z.optional(z.number()),
});

interface Token {
  readonly header: string;
  /** Milliseconds since the epoch. */
  readonly expires: number;
}

/** The Authorization headers of one registry and scope, as its answers ask for them. */
export interface Authorizer {
  /** What to send along; undefined while nothing was asked for. */
  current(): Promise<string | undefined>;
  /** After a 401: the header to try again with. `used` is the one that was refused. */
  answer(response: Response, used: string | undefined, signal: AbortSignal): Promise<string>;
}

/** Anonymous access: a token without credentials, from the service that the registry names (checklist G-11, G-14). */
export function createAuthorizer(registry: URL, scope: string): Authorizer {
  let token: Promise<Token> | undefined;
  const heldToken = async (): Promise<Token | undefined> => token?.catch(() => undefined);

  return {
    async current() {
      const held = await heldToken();
      return held !== undefined && held.expires > Date.now() ? held.header : undefined;
    },
    async answer(response, used, signal) {
      // Parallel requests are refused together: the first one fetches, the others take what it got.
      for (let at = token; at !== undefined; at = token) {
        const held = await heldToken();
        if (held !== undefined && held.header !== used) return held.header;
        if (at === token) break;
      }
      token = fetchToken(response, { registry, scope, signal });
      return (await token).header;
    },
  };
}

interface TokenRequest {
  readonly registry: URL;
  readonly scope: string;
  readonly signal: AbortSignal;
}

async function fetchToken(response: Response, { registry, scope, signal }: TokenRequest): Promise<Token> {
  const challenges = parseChallenges(response.headers.get('www-authenticate') ?? '');
  const bearer = challenges.find((challenge) => challenge.scheme === 'bearer');
  if (bearer === undefined) {
    throw new TsbuildError('REGISTRY_DENIED', `${registry.host} wants a user name and a password`, {
      hint: 'tsbuild cannot log in yet: fetch the image with another tool, and give its archive to tsbuild load',
    });
  }
  const url = checkRealm(bearer.parameters.get('realm'), registry);
  const service = bearer.parameters.get('service');
  if (service !== undefined) url.searchParams.set('service', service);
  url.searchParams.append('scope', scope);
  const answer = await get(url, { headers: {}, signal });
  if (!answer.ok) throw await statusError(answer);
  const parsed = tokenSchema.safeParse(parseJson(await readBody(answer, maxTokenAnswer)));
  const text = parsed.data?.token ?? parsed.data?.access_token;
  // Only what a header can hold: a line break would end it and begin another.
  if (text === undefined || !/^[\x21-\x7e]+$/.test(text)) {
    throw new TsbuildError('REGISTRY_ERROR', `the token service ${url.host} answered without a token`);
  }
  const seconds = Math.max(60, parsed.data?.expires_in ?? 60);
  // Some seconds early, for clocks and travel.
  return { header: `Bearer ${text}`, expires: Date.now() + (seconds - 5) * 1000 };
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
