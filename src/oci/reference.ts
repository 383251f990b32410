import { isDigest, TsbuildError, type Digest } from '../core/index.ts';

/**
 * An image name in full: `docker.io/library/debian:12` is registry `docker.io`, repository `library/debian`, tag `12`.
 * Parsed references always have a tag, a digest or both.
 */
export interface Reference {
  /** Host as names carry it, with its port: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

export const defaultRegistry = 'docker.io';
export const defaultTag = 'latest';
const officialPrefix = 'library/';

const maxRepositoryLength = 255;
const maxReferenceLength = 1024;

// Grammar of github.com/distribution/reference, which every registry and engine shares.
const domainComponent = '(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)';
const domainPattern = new RegExp(
  `^(?:${domainComponent}(?:\\.${domainComponent})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]{1,5})?$`,
);
const repositoryPattern =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/**
 * Reads what users and Dockerfiles write (`debian`, `quay.io/a/b:1`, `localhost:5000/a@sha256:…`) and fills in what is
 * left out: `docker.io`, `library/` and, without a digest, the tag `latest`. Throws REFERENCE_INVALID.
 */
export function parseReference(text: string): Reference {
  if (text === '') throw invalid(text, 'the name is empty');
  if (text.length > maxReferenceLength) throw invalid(text, `longer than ${maxReferenceLength} characters`);
  if (/^[a-z]+:\/\//i.test(text))
    throw invalid(text, 'a name has no scheme', 'leave out what stands before ://');
  if (/\s/.test(text)) throw invalid(text, 'blanks are not allowed');

  const at = text.indexOf('@');
  const digest = at === -1 ? undefined : readDigest(text, text.slice(at + 1));
  const named = at === -1 ? text : text.slice(0, at);
  const { registry, rest } = splitRegistry(named);
  const colon = rest.indexOf(':');
  const tag = colon === -1 ? undefined : readTag(text, rest.slice(colon + 1));
  const repository = readRepository(text, { registry, path: colon === -1 ? rest : rest.slice(0, colon) });
  return {
    registry,
    repository,
    ...(tag === undefined ? (digest === undefined ? { tag: defaultTag } : {}) : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** The name in full: `docker.io/library/debian:12@sha256:…`. */
export function formatReference(reference: Reference): string {
  const { tag, digest } = reference;
  return `${repositoryName(reference)}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** Registry and repository only: what a repo digest is written behind. */
export function repositoryName(reference: Reference): string {
  return `${reference.registry}/${reference.repository}`;
}

/** The short form that people write: without `docker.io/`, and without `library/` of official images. */
export function familiarName(reference: Reference | string): string {
  const full = typeof reference === 'string' ? reference : formatReference(reference);
  const host = `${defaultRegistry}/`;
  if (!full.startsWith(host)) return full;
  const path = full.slice(host.length);
  // Without its registry, `docker.io/quay.io/a` would read back as an image of quay.io.
  if (splitRegistry(path).registry !== defaultRegistry) return full;
  if (!path.startsWith(officialPrefix)) return path;
  const name = path.slice(officialPrefix.length);
  // `library/a/b` would read back as the repository `a/b`.
  return name.includes('/') ? path : name;
}

/** The same repository with this digest and no tag: how a manifest's place is recorded. */
export function withDigest(reference: Reference, digest: Digest): Reference {
  return { registry: reference.registry, repository: reference.repository, digest };
}

/** Host that is dialled for a registry: Docker Hub's name and its service differ. */
export function registryHost(registry: string): string {
  return registry === defaultRegistry ? 'registry-1.docker.io' : registry;
}

/** Key of a registry in the `auths` of docker's config.json. */
export function credentialKey(registry: string): string {
  return registry === defaultRegistry ? 'https://index.docker.io/v1/' : registry;
}

/** The first component is a host when it looks like one: a dot, a port, upper case, or `localhost`. */
function splitRegistry(name: string): { registry: string; rest: string } {
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  const registry = isHost ? first : defaultRegistry;
  const rest = isHost ? name.slice(slash + 1) : name;
  if (registry !== defaultRegistry && registry !== 'index.docker.io') return { registry, rest };
  const official = !rest.split(':', 1).some((path) => path.includes('/'));
  return { registry: defaultRegistry, rest: official ? `${officialPrefix}${rest}` : rest };
}

function readRepository(text: string, name: { registry: string; path: string }): string {
  const { registry, path } = name;
  if (!domainPattern.test(registry)) {
    const lower = registry !== registry.toLowerCase() && !/[.:]/.test(registry);
    throw invalid(
      text,
      `${JSON.stringify(registry)} is not a registry host`,
      lower ? lowerCase(text) : undefined,
    );
  }
  const shown =
    path.startsWith(officialPrefix) && !text.includes(officialPrefix)
      ? path.slice(officialPrefix.length)
      : path;
  if (shown === '') throw invalid(text, 'the repository is missing');
  if (path.length > maxRepositoryLength) {
    throw invalid(text, `the repository is longer than ${maxRepositoryLength} characters`);
  }
  if (path !== path.toLowerCase())
    throw invalid(text, 'the repository has upper-case letters', lowerCase(text));
  if (!repositoryPattern.test(path)) {
    throw invalid(
      text,
      `${JSON.stringify(shown)} is not a repository`,
      'components are lower-case letters and digits, separated by one of . _ __ - and joined by /',
    );
  }
  if (/^library\/[a-f0-9]{64}$/.test(path) && registry === defaultRegistry) {
    throw invalid(text, 'a name of 64 hexadecimal digits would read as an image id');
  }
  return path;
}

function readTag(text: string, tag: string): string {
  if (tagPattern.test(tag)) return tag;
  if (tag === '') throw invalid(text, 'the tag is empty');
  throw invalid(
    text,
    `${JSON.stringify(tag)} is not a tag`,
    'a tag is up to 128 letters, digits, _ . and -, and does not begin with . or -',
  );
}

function readDigest(text: string, digest: string): Digest {
  if (isDigest(digest)) return digest;
  throw invalid(
    text,
    `${JSON.stringify(digest)} is not a digest`,
    'a digest is sha256: and 64 hexadecimal digits',
  );
}

function lowerCase(text: string): string {
  const tail = /(?::[^:/@]*)?(?:@.*)?$/.exec(text)?.[0] ?? '';
  return `names are lower case: ${text.slice(0, text.length - tail.length).toLowerCase()}${tail}`;
}

const form = 'write [host/]path[:tag], the path in lower case, as app:1.0 or registry.example.com/team/app';

function invalid(text: string, why: string, hint = form): TsbuildError {
  return new TsbuildError(
    'REFERENCE_INVALID',
    `invalid image name ${JSON.stringify(text.slice(0, 300))}: ${why}`,
    {
      hint,
    },
  );
}
