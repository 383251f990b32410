import type { Digest, JsonObject } from '../core/index.ts';
import type { GitSource, HttpSource } from '../dockerfile/types.ts';
import { formatReference, parseReference } from '../oci/index.ts';
import { gitOperation, imageOperation } from './identifiers.ts';
import type { PolicyRule, SourcePolicy } from './types.ts';

/** A source, and what it stands for now. */
export type Pin =
  | { readonly kind: 'image'; readonly name: string; readonly digest: Digest }
  | { readonly kind: 'git'; readonly source: GitSource; readonly commit: string }
  | { readonly kind: 'http'; readonly source: HttpSource; readonly digest: Digest };

/** What a rule of a lock file says: `is` what `identifier` stands for. */
export interface LockEntry {
  readonly identifier: string;
  readonly is: string;
}

export interface LockChange {
  readonly identifier: string;
  readonly before?: string | undefined;
  readonly after?: string | undefined;
}

/** The rule that has the source mean this very content, for any builder that reads source policies. */
export function ruleOfPin(pin: Pin): PolicyRule {
  switch (pin.kind) {
    case 'image': {
      const { identifier } = imageOperation(pin.name);
      const pinned = formatReference({ ...parseReference(pin.name), digest: pin.digest });
      return converting(identifier, { identifier: imageOperation(pinned).identifier, attrs: {} });
    }
    case 'git': {
      const { identifier } = gitOperation(pin.source);
      const pinned = gitOperation({ ...pin.source, ref: pin.commit });
      return converting(identifier, { identifier: pinned.identifier, attrs: {} });
    }
    case 'http': {
      const { url } = pin.source;
      const selector = { identifier: url, matchType: 'EXACT', constraints: [] } as const;
      return { action: 'CONVERT', selector, updates: { attrs: { 'http.checksum': pin.digest } } };
    }
  }
}

/**
 * EXACT where the text would be a pattern or a template: releases of BuildKit that leave an EXACT source where it is are
 * still in use, so that it comes last.
 */
function converting(identifier: string, updates: NonNullable<PolicyRule['updates']>): PolicyRule {
  const matchType = /[*$]/.test(identifier) ? 'EXACT' : 'WILDCARD';
  return { action: 'CONVERT', selector: { identifier, matchType, constraints: [] }, updates };
}

/**
 * The text of a lock file: rules in the order of what they pin, a default left out, so that edits make small diffs. Behind them
 * what allows and denies sources, in its own order, of which the last word counts.
 */
export function formatLock(rules: readonly PolicyRule[]): string {
  const sorted = rules
    .filter(({ action }) => action === 'CONVERT')
    .toSorted((one, other) => (one.selector.identifier < other.selector.identifier ? -1 : 1));
  const others = rules.filter(({ action }) => action !== 'CONVERT');
  const written = [...sorted, ...others].map(({ action, selector, updates }) => ({
    action,
    selector: writtenSelector(selector),
    updates: updates && {
      ...(updates.identifier === undefined ? {} : { identifier: updates.identifier }),
      ...(Object.keys(updates.attrs).length === 0 ? {} : { attrs: updates.attrs }),
    },
  }));
  return `${JSON.stringify({ version: 1, rules: written }, undefined, 2)}\n`;
}

function writtenSelector({ identifier, matchType, constraints }: PolicyRule['selector']): JsonObject {
  return {
    identifier,
    ...(matchType === 'WILDCARD' ? {} : { match_type: matchType }),
    ...(constraints.length === 0 ? {} : { constraints: constraints.map((one) => ({ ...one })) }),
  };
}

export function lockEntries({ rules }: Pick<SourcePolicy, 'rules'>): ReadonlyMap<string, string> {
  return new Map(
    rules
      .filter(({ action }) => action === 'CONVERT')
      .map(({ selector: { identifier }, updates }) => [
        identifier,
        updates?.attrs['http.checksum'] ?? pinOf(updates?.identifier ?? ''),
      ]),
  );
}

/** `sha256:…` of an image, the commit of a repository. */
function pinOf(identifier: string): string {
  const [, digest] = /@([^@]+)$/.exec(identifier) ?? [];
  const [, commit] = /#([^:]*)/.exec(identifier) ?? [];
  return digest ?? commit ?? identifier;
}

/** What one lock file has and another one not, by the name of the source. */
export function lockChanges(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly LockChange[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .sort()
    .map((identifier) => ({ identifier, before: before.get(identifier), after: after.get(identifier) }))
    .filter((change) => change.before !== change.after);
}
