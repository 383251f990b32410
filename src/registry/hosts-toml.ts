import { dirname, join, resolve } from 'node:path';
import * as z from 'zod/mini';

import { TsbuildError } from '../core/index.ts';
import type { TlsSettings } from '../http/index.ts';
import { registryHost } from '../oci/index.ts';
import { homeFolder } from '../sys/index.ts';
import type { ConfigPlaces, MirrorRule } from './registries-conf.ts';
import { readSmallFile } from './small-file.ts';
import { parseToml } from './toml.ts';

/** A host that a hosts.toml names. */
export interface HostEntry {
  readonly host: string;
  /** Path below which repositories are: `/v2`. */
  readonly root: string;
  readonly insecure: boolean;
  /** Undefined where nothing is read from it. */
  readonly serves: MirrorRule['serves'] | undefined;
  /** It is said in so many words that pushes may go there. */
  readonly pushes: boolean;
  readonly tls: Omit<TlsSettings, 'verify'> | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

export interface HostRules {
  /** In their order. */
  readonly hosts: readonly HostEntry[];
  /** What comes after them; the registry itself unless told. */
  readonly server: HostEntry | undefined;
  /** The file that has them. */
  readonly path: string;
}

const texts = z.union([z.string(), z.array(z.string())]);
const entry = {
  capabilities: z.optional(z.array(z.string())),
  ca: z.optional(texts),
  client: z.optional(z.union([z.string(), z.array(texts)])),
  skip_verify: z.optional(z.boolean()),
  override_path: z.optional(z.boolean()),
  header: z.optional(
    z.record(
      z.string().check(z.regex(/^[A-Za-z0-9-]{1,100}$/)),
      z.union([line(), z.array(line()).check(z.minLength(1))]),
    ),
  ),
};
const entrySchema = z.object(entry);
const fileSchema = z.object({
  ...entry,
  server: z.optional(z.string()),
  host: z.optional(z.record(z.string(), entrySchema)),
});
type Entry = z.infer<typeof entrySchema>;

function line() {
  return z.string().check(z.maxLength(8192), z.regex(/^[\x20-\x7e]*$/));
}

/**
 * The first `certs.d/HOST/hosts.toml` of the folders of containerd and docker that there is for a registry, else that of
 * `_default` (containerd, docs/hosts.md). Undefined where there is none. Throws REGISTRY_CONFIG_INVALID.
 */
export function readHostRules(names: readonly string[], places: ConfigPlaces = {}): HostRules | undefined {
  // They become paths.
  const safe = names.filter((name) => /^[A-Za-z0-9[][A-Za-z0-9._:[\]-]{0,254}$/.test(name));
  for (const folder of folders(places)) {
    for (const name of [...safe, '_default']) {
      const path = join(folder, name, 'hosts.toml');
      const text = readSmallFile(path, (why) => invalid(path, why));
      if (text !== undefined) return parseRules(text, path);
    }
  }
  return undefined;
}

function folders({ environment = process.env, etc = '/etc' }: ConfigPlaces): readonly string[] {
  const home = homeFolder(environment);
  const config = environment['XDG_CONFIG_HOME'] || join(home, '.config');
  return [config, etc].flatMap((place) => [
    join(place, 'containerd', 'certs.d'),
    join(place, 'docker', 'certs.d'),
  ]);
}

function parseRules(text: string, path: string): HostRules {
  const parsed = fileSchema.safeParse(parseToml(text, (why) => invalid(path, why)));
  if (!parsed.success) {
    const at = parsed.error.issues[0]?.path.map(String).join('.') ?? '';
    throw invalid(path, `${at} is not what hosts.toml may have there`);
  }
  const { server, host = {}, ...own } = parsed.data;
  return {
    hosts: Object.entries(host).map(([url, one]) => entryOf(url, one, path)),
    server: server === undefined || server === '' ? undefined : entryOf(server, own, path),
    path,
  };
}

function entryOf(text: string, given: Entry, path: string): HostEntry {
  const written = /^https?:\/\//.test(text) ? text : `https://${text}`;
  const url = URL.canParse(written) ? new URL(written) : undefined;
  if (url === undefined || url.username !== '' || url.search !== '' || url.hash !== '')
    throw invalid(path, `${JSON.stringify(text.slice(0, 200))} is not a host`);
  const { capabilities = ['pull', 'resolve'], header = {} } = given;
  const base = url.pathname.replace(/\/+$/, '');
  const reads = capabilities.includes('pull');
  return {
    host: registryHost(url.host),
    root: given.override_path === true || base.endsWith('/v2') ? base : `${base}/v2`,
    insecure: given.skip_verify === true || url.protocol === 'http:',
    serves: !reads ? undefined : capabilities.includes('resolve') ? 'all' : 'digest-only',
    pushes: given.capabilities?.includes('push') ?? false,
    tls: tlsOf(given, path),
    headers: Object.fromEntries(
      Object.entries(header).map(([name, value]) => [name.toLowerCase(), [value].flat().join(', ')]),
    ),
  };
}

function tlsOf({ ca, client }: Entry, path: string): HostEntry['tls'] {
  if (ca === undefined && client === undefined) return undefined;
  const read = (name: string): string => {
    const file = resolve(dirname(path), name);
    const text = readSmallFile(file, (why) => invalid(file, why));
    if (text?.includes('-----BEGIN ') === true) return text;
    throw invalid(file, text === undefined ? 'it is missing' : 'it is not in PEM form');
  };
  const authorities = [ca ?? []].flat().map(read);
  // One file with both, or a list of pairs, of which the first one is shown.
  const [certificate, key = certificate] = [[client ?? []].flat()[0] ?? []].flat();
  if (certificate === undefined || key === undefined) return { authorities };
  return { authorities, client: { certificate: read(certificate), key: read(key) } };
}

function invalid(path: string, why: string): TsbuildError {
  return new TsbuildError('REGISTRY_CONFIG_INVALID', `cannot use ${path}: ${why}`);
}
