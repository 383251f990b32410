import { existsSync } from 'node:fs';

import { nearestName, TsbuildError } from '../core/index.ts';
import type { CheckOptions, SettingsNote } from '../dockerfile/index.ts';
import type { Dockerfile } from '../dockerfile/types.ts';
import type { Platform } from '../oci/types.ts';
import type { CheckRequest, RemoteServices, SecretSource, SshSource } from '../ops/index.ts';
import { checkText, outlineText, targetsText } from './call-text.ts';
import { formatTable } from './table.ts';
import { printableLine } from './terminal-text.ts';
import { withStore } from './with-store.ts';

/** What `--call` may ask for instead of a build, with what it is good for. */
const methods = {
  build: 'Build the image',
  check: 'Find likely mistakes in the Dockerfile',
  outline: 'List what the target can be given: build args, secrets, ssh',
  targets: 'List the stages',
  'subrequests.describe': 'List what --call knows',
} as const;

type CallMethod = keyof typeof methods;

/** A build, or a question about its Dockerfile. */
export interface Call {
  readonly method: CallMethod;
  readonly format: 'text' | 'json';
}

export interface CallFlags {
  readonly check?: boolean;
  readonly call?: string;
  readonly format?: 'text' | 'json';
}

/** `--call=METHOD[,format=json]`, `--check` for `--call=check`, `--format json` for either (L-263). Throws USAGE. */
export function parseCall({ check, call, format = 'text' }: CallFlags): Call {
  const [name = '', ...fields] = (call ?? (check === true ? 'check' : 'build')).split(',');
  const method = methodOf(name);
  if (check === true && method !== 'check') throw usage('--check and --call ask for different things');
  let result: Call = { method, format };
  for (const field of fields) {
    const [, given] = /^format=(text|json)$/.exec(field) ?? [];
    if (given === undefined) throw usage(`--call: unknown option ${JSON.stringify(field)}`);
    result = { method, format: given === 'json' ? 'json' : 'text' };
  }
  if (method === 'build' && result.format === 'json') throw usage('--format is for --call and --check');
  return result;
}

function methodOf(name: string): CallMethod {
  const method = name === 'lint' ? 'check' : name;
  if (Object.hasOwn(methods, method)) return method as CallMethod;
  const near = nearestName(method, Object.keys(methods));
  throw usage(
    `--call: unknown method ${JSON.stringify(name)}`,
    near === undefined ? undefined : `did you mean ${near}?`,
  );
}

function usage(
  message: string,
  hint = `write --call=${Object.keys(methods).join('|')}[,format=json]`,
): TsbuildError {
  return new TsbuildError('USAGE', message, { hint });
}

export interface CallRequest {
  /** Folder of the store. */
  readonly root: string;
  readonly context: string;
  readonly file: string | undefined;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly target: string | undefined;
  readonly platform: Platform | undefined;
  readonly ignoreFile: string | undefined;
  readonly secrets: ReadonlyMap<string, SecretSource>;
  readonly ssh: ReadonlyMap<string, SshSource>;
}

/** Answers on standard output, downloads and builds nothing, and gives the exit status: 1 when a check has findings (L-264). */
export async function runCall({ method, format }: Call, request: CallRequest): Promise<number> {
  if (method === 'subrequests.describe') return answer(describeCalls(format));
  const { openBuildInputs } = await import('../ops/index.ts');
  const { checkDockerfile, checkNotes, outlineOf, targetsOf } = await import('../dockerfile/index.ts');
  const { checkJson, outlineJson, targetsJson } = await import('./call-json.ts');
  await using held = new AsyncDisposableStack();
  const inputs = held.use(
    await openBuildInputs({
      ...request,
      signal: new AbortController().signal,
      parse: { syntax: request.buildArgs.get('BUILDKIT_SYNTAX') },
      remote: () => remoteServices(request, held),
    }),
  );
  const { dockerfile, context } = inputs;
  if (method === 'targets') {
    const targets = targetsOf(dockerfile);
    return answer(format === 'json' ? targetsJson(dockerfile, targets) : targetsText(targets));
  }
  const options = await optionsOf(dockerfile, { ...request, context }, request.root);
  if (method === 'outline') {
    const outline = outlineOf(dockerfile, options);
    return answer(format === 'json' ? outlineJson(dockerfile, outline) : outlineText(outline));
  }
  warn(checkNotes(dockerfile, options.buildArgs));
  const findings = checkDockerfile(dockerfile, options);
  answer(format === 'json' ? checkJson(dockerfile, findings) : checkText(findings));
  return findings.length === 0 ? 0 : 1;
}

/** Only what is fetched or unpacked needs a store; a question about a folder makes none. */
async function remoteServices(request: CallRequest, held: AsyncDisposableStack): Promise<RemoteServices> {
  const { openStore } = await import('../store/index.ts');
  const { openSshAgents, sourcesOf } = await import('../ops/index.ts');
  const store = held.use(await openStore(request.root));
  const sources = sourcesOf(store, {
    secrets: request.secrets,
    ssh: held.use(openSshAgents(request.ssh)),
  });
  return { tempDir: () => store.tempDir(), sources };
}

function answer(text: string): number {
  process.stdout.write(text);
  return 0;
}

function warn(notes: readonly SettingsNote[]): void {
  for (const { message, at } of notes) {
    const place = at === undefined ? '' : `${at.file}:${at.range.startLine}: `;
    process.stderr.write(`warning: ${printableLine(place + message)}\n`);
  }
}

/** With the base images of the store, if there is one: none is made for a question, and none in bad order stops it. */
async function optionsOf(dockerfile: Dockerfile, request: CheckRequest, root: string): Promise<CheckOptions> {
  const { checkOptionsOf, checkOptionsWithStore } = await import('../ops/index.ts');
  if (!existsSync(root)) return checkOptionsOf(dockerfile, request);
  try {
    return await withStore(root, (store) => checkOptionsWithStore(dockerfile, request, store));
  } catch (error) {
    if (error instanceof TsbuildError) return checkOptionsOf(dockerfile, request);
    throw error;
  }
}

function describeCalls(format: 'text' | 'json'): string {
  const calls = Object.entries(methods).map(([name, description]) => ({ name, description }));
  if (format === 'json') return `${JSON.stringify(calls, undefined, 2)}\n`;
  return formatTable(
    ['NAME', 'DESCRIPTION'],
    calls.map(({ name, description }) => [name, description]),
  );
}
