import * as z from 'zod/mini';

import { TsbuildError } from '../core/index.ts';
import { runTool, type ToolResult } from '../sys/index.ts';
import type { Credentials } from './credentials.ts';

/** A helper may ask its user something, but not for ever. */
const timeout = 60_000;
const maxAnswer = 64 * 1024;
/** Username that says the secret is an identity token (G-19). */
const tokenUser = '<token>';

const answerSchema = z.object({ Username: z.string(), Secret: z.string() });

/** Undefined when the helper has none for the server. */
export async function helperGet(
  helper: string,
  server: string,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  const result = await call(helper, { action: 'get', input: server, signal });
  if (result === 'absent') return undefined;
  const parsed = answerSchema.safeParse(parseJson(result.stdout.toString('utf8')));
  if (!parsed.success) throw failure(helper, 'its answer is not of the form it should have');
  const { Username: username, Secret: secret } = parsed.data;
  if (username === '' && secret === '') return undefined;
  return username === tokenUser
    ? { kind: 'identity', username, token: secret }
    : { kind: 'password', username, password: secret };
}

export async function helperStore(
  helper: string,
  entry: { readonly server: string; readonly username: string; readonly password: string },
  signal: AbortSignal,
): Promise<void> {
  const { server, username, password } = entry;
  const input = JSON.stringify({ ServerURL: server, Username: username, Secret: password });
  await call(helper, { action: 'store', input, signal });
}

/** False when there was none. */
export async function helperErase(helper: string, server: string, signal: AbortSignal): Promise<boolean> {
  return (await call(helper, { action: 'erase', input: server, signal })) !== 'absent';
}

interface HelperCall {
  readonly action: 'get' | 'store' | 'erase';
  /** Secrets go in here, never into the arguments, which every user of the machine can read. */
  readonly input: string;
  readonly signal: AbortSignal;
}

async function call(helper: string, { action, input, signal }: HelperCall): Promise<ToolResult | 'absent'> {
  // The name becomes part of a program's: `../../tmp/x` must not (S-65).
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(helper)) {
    throw failure(helper.slice(0, 100), 'that is not a name of a credential helper');
  }
  const deadline = AbortSignal.timeout(timeout);
  let result: ToolResult;
  try {
    result = await runTool([`docker-credential-${helper}`, action], {
      input,
      signal: AbortSignal.any([signal, deadline]),
      session: true,
      limit: maxAnswer,
    });
  } catch (error) {
    signal.throwIfAborted();
    if (deadline.aborted) throw failure(helper, `it did not answer within ${timeout / 1000} s`);
    const why = error instanceof Error ? error.message : String(error);
    throw failure(helper, why, error);
  }
  if (result.status === 0) return result;
  // Helpers write what went wrong to standard output; these words are how they say that there is nothing.
  const said = `${result.stdout.toString('utf8')}${result.stderr}`;
  if (/credentials not found|no credentials server/i.test(said)) return 'absent';
  throw failure(helper, `it ended with status ${result.status}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function failure(helper: string, why: string, cause?: unknown): TsbuildError {
  return new TsbuildError('CREDENTIALS_INVALID', `the credential helper ${JSON.stringify(helper)}: ${why}`, {
    hint: 'correct credsStore and credHelpers of config.json, or install the helper',
    cause,
  });
}
