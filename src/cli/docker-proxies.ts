import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';

import { isErrno } from '../core/index.ts';
import { homeFolder } from '../sys/index.ts';

/** Members of `proxies.default` of docker's config.json, and the variables that they become. */
const variables = {
  httpProxy: 'HTTP_PROXY',
  httpsProxy: 'HTTPS_PROXY',
  noProxy: 'NO_PROXY',
  ftpProxy: 'FTP_PROXY',
  allProxy: 'ALL_PROXY',
} as const;

const maxBytes = 2 ** 20;

/**
 * What docker's client gives to builds and containers so that they get out: `proxies.default` of its config.json (G-18), in
 * capitals and small letters. Nothing of a file that has none; one that is damaged is told of where credentials are wanted.
 */
export function dockerProxies(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): readonly (readonly [name: string, value: string])[] {
  const folder = environment['DOCKER_CONFIG'] || join(homeFolder(environment), '.docker');
  const given = defaultProxies(join(folder, 'config.json'));
  return Object.entries(variables).flatMap(([member, name]) => {
    const value = given[member];
    if (value === undefined || value === '') return [];
    return [name, name.toLowerCase()].map((each) => [each, value] as const);
  });
}

/** What `--http-proxy` says: the settings of this environment, none at all, or docker's where it says nothing. */
export function buildProxies(
  fromEnvironment: boolean | undefined,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): readonly (readonly [name: string, value: string])[] {
  if (fromEnvironment === undefined) return dockerProxies(environment);
  if (!fromEnvironment) return [];
  return Object.values(variables)
    .flatMap((name) => [name, name.toLowerCase()])
    .flatMap((name) => {
      const value = environment[name];
      return value === undefined || value === '' ? [] : [[name, value] as const];
    });
}

/** A member that is no text is none, and the others count. Made when it is wanted: zod takes a while to load. */
function fileSchema() {
  const value = z.catch(z.optional(z.string()), undefined);
  const members = { httpProxy: value, httpsProxy: value, noProxy: value, ftpProxy: value, allProxy: value };
  return z.object({ proxies: z.object({ default: z.object(members) }) });
}

function defaultProxies(path: string): Readonly<Record<string, string | undefined>> {
  try {
    if (statSync(path).size > maxBytes) return {};
    const text = readFileSync(path, 'utf8');
    // Every build comes by here, and few of these files have any.
    if (!text.includes('"proxies"')) return {};
    return fileSchema().safeParse(JSON.parse(text)).data?.proxies.default ?? {};
  } catch (error) {
    if (error instanceof SyntaxError || isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES')) return {};
    throw error;
  }
}
