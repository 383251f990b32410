import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';

import { isErrno, TsbuildError } from '../core/index.ts';
import { homeFolder } from '../sys/index.ts';
import { readSmallFile } from './small-file.ts';
import { parseToml } from './toml.ts';

/** One `[[registry]]` of containers-registries.conf(5), version 2. */
export interface RegistryRule {
  /** `quay.io`, `quay.io/team`, `*.example.com`. */
  readonly prefix: string;
  /** Takes the place of the prefix; the prefix itself unless told. */
  readonly location: string | undefined;
  readonly insecure: boolean;
  readonly blocked: boolean;
  readonly mirrors: readonly MirrorRule[];
  /** The file that has it. */
  readonly path: string;
}

export interface MirrorRule {
  readonly location: string;
  readonly insecure: boolean;
  /** Which names it is asked for. */
  readonly serves: 'all' | 'digest-only' | 'tag-only';
}

export interface ConfigPlaces {
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Folder of the machine's configuration; /etc unless told. */
  readonly etc?: string | undefined;
}

const flag = z.optional(z.boolean());
// A host, perhaps with a port, a path, a tag and a digest. What stands here becomes part of URLs.
const host = String.raw`(?:(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[A-Fa-f0-9:]+\])(?::\d{1,5})?`;
const path = String.raw`(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*`;
const place = z
  .string()
  .check(
    z.maxLength(1024),
    z.regex(new RegExp(`^${host}${path}(?::[A-Za-z0-9_.-]{1,128})?(?:@[a-z0-9]+:[a-f0-9]+)?$`)),
  );

const fileSchema = z.object({
  registry: z.optional(
    z.array(
      z.object({
        prefix: z.optional(z.union([z.literal(''), place])),
        location: z.optional(z.union([z.literal(''), place])),
        insecure: flag,
        blocked: flag,
        'mirror-by-digest-only': flag,
        mirror: z.optional(
          z.array(
            z.object({
              location: place,
              insecure: flag,
              'pull-from-mirror': z.optional(z.enum(['all', 'digest-only', 'tag-only'])),
            }),
          ),
        ),
      }),
    ),
  ),
});

/**
 * The rules of the user's registries.conf, else of the machine's, and of the files in the registries.conf.d of both: a later
 * rule for the same prefix takes the place of an earlier one. Throws REGISTRY_CONFIG_INVALID.
 */
export function readRegistryRules(places: ConfigPlaces = {}): readonly RegistryRule[] {
  const rules = new Map<string, RegistryRule>();
  for (const path of ruleFiles(places)) for (const rule of readRules(path)) rules.set(rule.prefix, rule);
  return [...rules.values()];
}

function ruleFiles({ environment = process.env, etc = '/etc' }: ConfigPlaces): readonly string[] {
  const named = environment['CONTAINERS_REGISTRIES_CONF'];
  const home = homeFolder(environment);
  const user = join(environment['XDG_CONFIG_HOME'] || join(home, '.config'), 'containers');
  const machine = join(etc, 'containers');
  // What the user names is all that counts.
  if (named) return [named];
  const main = [user, machine].map((folder) => join(folder, 'registries.conf'));
  const first = main.find((path) => readSmallFile(path, (why) => invalid(path, why)) !== undefined);
  const parts = [machine, user].flatMap((folder) => partsOf(join(folder, 'registries.conf.d')));
  return [...(first === undefined ? [] : [first]), ...parts];
}

function partsOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.conf'))
      .sort()
      .map((name) => join(folder, name));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    // What is blocked may be said there.
    throw invalid(folder, 'it cannot be read');
  }
}

function readRules(path: string): readonly RegistryRule[] {
  const text = readSmallFile(path, (why) => invalid(path, why));
  if (text === undefined) return [];
  const parsed = fileSchema.safeParse(parseToml(text, (why) => invalid(path, why)));
  if (!parsed.success) {
    const at = parsed.error.issues[0]?.path.map(String).join('.') ?? '';
    throw invalid(path, `${at} is not what registries.conf may have there`);
  }
  return (parsed.data.registry ?? []).map((entry): RegistryRule => {
    const { prefix, location, insecure = false, blocked = false, mirror = [] } = entry;
    const name = prefix || location;
    if (!name) throw invalid(path, 'a [[registry]] has neither prefix nor location');
    if (location?.startsWith('*.')) throw invalid(path, `${location} is no location`);
    const serves = entry['mirror-by-digest-only'] === true ? 'digest-only' : 'all';
    const mirrors = mirror.map((one) => ({
      location: one.location,
      insecure: one.insecure ?? false,
      serves: one['pull-from-mirror'] ?? serves,
    }));
    return { prefix: name, location: location || undefined, insecure, blocked, mirrors, path };
  });
}

function invalid(path: string, why: string): TsbuildError {
  return new TsbuildError('REGISTRY_CONFIG_INVALID', `cannot use ${path}: ${why}`, {
    hint: 'correct the file; man containers-registries.conf tells of its form',
  });
}

/**
 * The rule with the longest prefix of the name. `name` is in full: `docker.io/library/debian:12`. A prefix ends where a
 * component ends, and a host has its port; `*.example.com` stands for every host below example.com.
 */
export function ruleFor(rules: readonly RegistryRule[], name: string): RegistryRule | undefined {
  return rules
    .filter(({ prefix }) => covered(prefix, name) !== undefined)
    .sort((a, b) => b.prefix.length - a.prefix.length)[0];
}

/** The part of the name that the prefix stands for. */
export function covered(prefix: string, name: string): string | undefined {
  if (!prefix.startsWith('*.')) {
    const next = name[prefix.length];
    // A host with another port is another one: to take any certificate of the one says nothing of it.
    const ends = prefix.includes('/') ? '/:@' : '/';
    return name.startsWith(prefix) && (next === undefined || ends.includes(next)) ? prefix : undefined;
  }
  const host = name.split('/', 1)[0] ?? '';
  const suffix = prefix.slice(1);
  return host.replace(/:\d+$/, '').endsWith(suffix) || host.endsWith(suffix) ? host : undefined;
}
