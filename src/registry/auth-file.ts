import { randomBytes } from 'node:crypto';
import { mkdirSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod/mini';

import { fromErrno, TsbuildError } from '../core/index.ts';
import { takeLock } from '../sys/index.ts';
import type { Credentials } from './credentials.ts';
import { readSmallFile } from './small-file.ts';

/** docker's config.json and podman's auth.json, as far as credentials go (G-18). */
export interface AuthFile {
  readonly auths: readonly { readonly key: string; readonly credentials: Credentials | undefined }[];
  readonly credHelpers: Readonly<Record<string, string>>;
  readonly credsStore: string | undefined;
  /** For registries: of `HttpHeaders` those that docker's daemon hands on, `X-Meta-…`, in lower case. */
  readonly metaHeaders: Readonly<Record<string, string>>;
}

const entrySchema = z.object({
  auth: z.optional(z.string()),
  username: z.optional(z.string()),
  password: z.optional(z.string()),
  identitytoken: z.optional(z.string()),
  registrytoken: z.optional(z.string()),
});

const fileSchema = z.looseObject({
  auths: z.optional(z.record(z.string(), entrySchema)),
  credHelpers: z.optional(z.record(z.string(), z.string())),
  credsStore: z.optional(z.string()),
  HttpHeaders: z.optional(z.record(z.string(), z.string())),
});

/** Undefined when there is none. Throws CREDENTIALS_INVALID, without a word of what is in it. */
export function readAuthFile(path: string): AuthFile | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  const parsed = fileSchema.safeParse(parseObject(text, path));
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.slice(0, 1).map(String).join('') ?? '';
    throw invalid(path, where === '' ? 'its content is of another form' : `${where} is of another form`);
  }
  const { auths = {}, credHelpers = {}, credsStore, HttpHeaders = {} } = parsed.data;
  return {
    auths: Object.entries(auths).map(([key, entry]) => ({ key, credentials: credentialsOf(entry, path) })),
    credHelpers,
    credsStore: credsStore === '' ? undefined : credsStore,
    metaHeaders: Object.fromEntries(
      Object.entries(HttpHeaders)
        .map(([name, value]) => [name.toLowerCase(), value] as const)
        .filter(([name, value]) => /^x-meta-[a-z0-9-]{1,100}$/.test(name) && /^[\x20-\x7e]*$/.test(value)),
    ),
  };
}

/** Docker leaves an empty entry where a helper holds the secret. */
function credentialsOf(entry: z.infer<typeof entrySchema>, path: string): Credentials | undefined {
  if (entry.registrytoken) return { kind: 'bearer', token: entry.registrytoken };
  const decoded = Buffer.from(entry.auth ?? '', 'base64')
    .toString('utf8')
    .replace(/\0+$/, '');
  const colon = decoded.indexOf(':');
  if (entry.auth && colon === -1) throw invalid(path, 'an auth is not the base64 of user:password');
  const username = entry.username || decoded.slice(0, Math.max(0, colon));
  const password = entry.password || decoded.slice(colon + 1);
  if (entry.identitytoken) return { kind: 'identity', username, token: entry.identitytoken };
  return username === '' && password === '' ? undefined : { kind: 'password', username, password };
}

type Change = (auths: Record<string, unknown>) => Record<string, unknown>;

/**
 * Changes the entry of a registry and nothing else, members that are unknown here included. The file appears by rename,
 * readable by its owner alone; a link to it stays one. Two that log in at once wait for each other, so that none forgets
 * what the other wrote.
 */
export async function changeAuthFile(path: string, change: Change, signal: AbortSignal): Promise<void> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const target = statSync(path, { throwIfNoEntry: false }) === undefined ? path : realpathSync(path);
    const lock = await takeLock(`${target}.lock`, { signal });
    try {
      replace(target, changed(path, change));
    } finally {
      lock.release();
    }
  } catch (error) {
    throw fromErrno(error, `writing ${path}`);
  }
}

function changed(path: string, change: Change): string {
  readAuthFile(path);
  const text = readText(path);
  const file = text === undefined ? {} : (parseObject(text, path) as Record<string, unknown>);
  const auths = change({ ...(file['auths'] as Record<string, unknown> | undefined) });
  return `${JSON.stringify({ ...file, auths }, undefined, '\t')}\n`;
}

function replace(target: string, content: string): void {
  const temporary = `${target}.${randomBytes(6).toString('hex')}`;
  try {
    writeFileSync(temporary, content, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(temporary, target);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function readText(path: string): string | undefined {
  return readSmallFile(path, (why) => invalid(path, why));
}

function parseObject(text: string, path: string): unknown {
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text.
    throw invalid(path, 'it is not JSON');
  }
}

function invalid(path: string, why: string): TsbuildError {
  return new TsbuildError('CREDENTIALS_INVALID', `cannot use the credentials of ${path}: ${why}`, {
    hint: 'correct the file, or move it away and log in again',
  });
}
