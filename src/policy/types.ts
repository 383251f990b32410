import type { GitSource, HttpSource } from '../dockerfile/types.ts';

/** As BuildKit's `sourcepolicy.proto` has it. */
export interface SourcePolicy {
  /** The file it was read from, as messages name it. */
  readonly name: string;
  readonly rules: readonly PolicyRule[];
}

export interface PolicyRule {
  readonly action: 'ALLOW' | 'DENY' | 'CONVERT';
  readonly selector: Selector;
  /** Of CONVERT. */
  readonly updates?: Updates | undefined;
}

export interface Selector {
  /** Of what it matches: `docker-image://docker.io/library/debian:*`. */
  readonly identifier: string;
  readonly matchType: 'WILDCARD' | 'EXACT' | 'REGEX';
  /** All of them must hold. */
  readonly constraints: readonly Constraint[];
}

export interface Constraint {
  readonly key: string;
  readonly value: string;
  readonly condition: 'EQUAL' | 'NOTEQUAL' | 'MATCHES';
}

export interface Updates {
  /** A template in which `${1}` is what the first `*` or group matched; undefined leaves the source where it is. */
  readonly identifier?: string | undefined;
  readonly attrs: Readonly<Record<string, string>>;
}

/** What a build takes from elsewhere, as rules see it. */
export interface SourceOperation {
  /** `docker-image://docker.io/library/debian:12`, `git://host/path#ref:folder`, `https://…`, `local://name`. */
  readonly identifier: string;
  readonly attrs: Readonly<Record<string, string>>;
}

/** Says of each source of a build what is taken in its place. All throw POLICY_DENIED for what is not to be taken. */
export interface SourceRules {
  /** A name as written to one in full. */
  image(name: string): string;
  git(source: GitSource): GitSource;
  http(source: HttpSource): HttpSource;
  /** A folder of the user's own by the name of its context. */
  local(name: string): void;
  /** An image of an OCI layout on this machine. */
  layout(place: { readonly path: string; readonly reference?: string | undefined }): void;
}
