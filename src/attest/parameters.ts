import { basename } from 'node:path';

import type { JsonObject } from '../core/index.ts';
import { parseGitContext } from '../dockerfile/index.ts';
import { proxyArgs } from '../graph/index.ts';
import type { FetchedSource } from '../source/types.ts';
import { fetchedMaterial } from './materials.ts';
import type { BuildParameters, Material } from './types.ts';

/** What was asked for, by the names that BuildKit has for it. */
export interface Parameters {
  /** `build-arg:NAME`, `label:NAME`, `target` … */
  readonly args: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
  readonly ssh: readonly string[];
  /** Folders of the host that were read, by the names that the Dockerfile has for them. */
  readonly locals: readonly string[];
  /** False when `min` left something out. */
  readonly complete: boolean;
}

/**
 * `min` tells what shaped the build and nothing that may be confidential (O-80): build arguments, labels, ids of secrets
 * and agents, and names of contexts stay out.
 */
export function parametersOf(
  options: BuildParameters,
  { mode, locals }: { readonly mode: 'min' | 'max'; readonly locals: readonly string[] },
): Parameters {
  const plain = plainArgs(options);
  const confidential = confidentialArgs(options);
  const secrets = [...(options.secrets?.keys() ?? [])].sort();
  const ssh = [...(options.ssh?.keys() ?? [])].sort();
  if (mode === 'max') return { args: { ...plain, ...confidential }, secrets, ssh, locals, complete: true };
  const complete = Object.keys(confidential).length + secrets.length + ssh.length === 0;
  return {
    ...{ args: plain, secrets: [], ssh: [], complete },
    locals: locals.filter((name) => name === 'context' || name === 'dockerfile'),
  };
}

function plainArgs(options: BuildParameters): Record<string, string> {
  const { target, noCache, pull, network } = options;
  const args: Record<string, string> = {};
  if (target !== undefined) args['target'] = target;
  if (noCache === true) args['no-cache'] = '';
  else if (typeof noCache === 'object' && noCache.size > 0) args['no-cache'] = [...noCache].sort().join(',');
  if (pull === true) args['image-resolve-mode'] = 'pull';
  if (network !== undefined && network !== 'default') args['force-network-mode'] = network;
  if (options.allow !== undefined && options.allow.size > 0)
    args['allow'] = [...options.allow].sort().join(',');
  return args;
}

function confidentialArgs(options: BuildParameters): Record<string, string> {
  const args: Record<string, string> = {};
  // Ways out of a network decide nothing of the image (L-088), and may have a password.
  for (const [name, value] of options.buildArgs ?? []) {
    if (!proxyArgs.includes(name)) args[`build-arg:${name}`] = value;
  }
  for (const [name, value] of options.labels ?? []) args[`label:${name}`] = value;
  const hosts = (options.extraHosts ?? []).map(({ name }) => name);
  if (hosts.length > 0) args['add-hosts'] = hosts.join(',');
  for (const { name } of options.namedContexts ?? []) args[`context:${name}`] = '';
  return args;
}

/** Where Dockerfile and context came from. */
export interface ConfigSource {
  /** Undefined for what lies on the host: its path is nobody's business. */
  readonly material: Material | undefined;
  /** Of the Dockerfile within the source, or its bare name on the host. */
  readonly path: string;
}

export function configSourceOf(options: BuildParameters, fetched: readonly FetchedSource[]): ConfigSource {
  const { context, file } = options;
  const given = file === undefined || file === '-' ? 'Dockerfile' : file;
  // Parsed only if something was fetched: a folder may have the name of a repository.
  const wanted = fetched.some(({ kind }) => kind === 'git') ? tryGitContext(context) : undefined;
  for (const each of fetched) {
    if (each.kind === 'http') {
      const { url } = each.source;
      if (url === file) return { material: fetchedMaterial(each), path: '' };
      if (url === context) return { material: fetchedMaterial(each), path: relative(given) };
    } else if (wanted?.remote === each.source.remote && wanted.ref === each.source.ref) {
      return { material: fetchedMaterial(each), path: relative(given) };
    }
  }
  return { material: undefined, path: /^[a-z]+:\/\//.test(given) ? '' : basename(given) };
}

function tryGitContext(context: string): ReturnType<typeof parseGitContext> {
  try {
    return parseGitContext(context);
  } catch {
    return undefined;
  }
}

/** An absolute one is a file of the host, even beside a repository. */
function relative(file: string): string {
  return file.startsWith('/') ? basename(file) : file;
}

/** The members of SLSA's and BuildKit's parameters; empty lists are left out. */
export function requestJson({ args, secrets, ssh, locals }: Parameters): JsonObject {
  const named = (ids: readonly string[], key: string): readonly JsonObject[] | undefined =>
    ids.length === 0 ? undefined : ids.map((id) => ({ [key]: id }));
  return {
    frontend: 'dockerfile.v0',
    args,
    secrets: named(secrets, 'id'),
    ssh: named(ssh, 'id'),
    locals: named(locals, 'name'),
  };
}
