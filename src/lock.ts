import { redactUrl, TsbuildError, type Digest, type EmitBuildEvent } from './core/index.ts';
import { isCommitId } from './dockerfile/index.ts';
import { hostPlatform, parseReference } from './oci/index.ts';
import {
  formatLock,
  lockChanges,
  lockEntries,
  readLock,
  ruleOfPin,
  type LockChange,
  type NotedSource,
  type Pin,
  type PolicyRule,
  type SourcePolicy,
} from './policy/index.ts';
import { lookUpImage } from './registry/index.ts';
import type { PlanningOptions } from './build-options.ts';
import { openPlannedBuild, type PlannedBuild } from './planned-build.ts';

export interface LockOptions extends PlanningOptions {
  /** The lock file as it is; it need not be there. Nothing is written. */
  readonly file: string;
  /** Asks what every source stands for now; else only what the file does not have is asked for. */
  readonly update: boolean;
}

export interface LockResult {
  /** What the file is to hold. */
  readonly text: string;
  readonly changes: readonly LockChange[];
  /** Sources pinned. */
  readonly count: number;
}

/**
 * Says what all that the stages of a Dockerfile take from elsewhere stands for: digests of images (of indexes, where there
 * are several platforms), digests of files behind URLs, commits of repositories. What the Dockerfile pins itself needs
 * no entry. Throws what planning and fetching throw.
 */
export async function lockBuild({ file, update, ...options }: LockOptions): Promise<LockResult> {
  const before = await readLock(file);
  const noted: NotedSource[] = [];
  const opening = { bases: 'look-up', onSource: (source: NotedSource) => void noted.push(source) } as const;
  await using planned = await openPlannedBuild({ ...options, lock: undefined }, opening);
  const kept = new Map((update ? [] : pinsOf(before)).map((rule) => [rule.selector.identifier, rule]));
  const rules = new Map<string, PolicyRule>();
  for (const source of noted.filter((each) => isOpen(each, planned.emit))) {
    const { identifier } = ruleOfPin(pinWith(source, unknown)).selector;
    if (rules.has(identifier)) continue;
    rules.set(identifier, kept.get(identifier) ?? ruleOfPin(await pinOf(source, planned, options)));
  }
  // What forbids sources pins none of them, and is the user's own.
  const others = (before?.rules ?? []).filter(({ action }) => action !== 'CONVERT');
  const written = [...rules.values(), ...others];
  return {
    text: formatLock(written),
    changes: lockChanges(
      before === undefined ? new Map() : lockEntries(before),
      lockEntries({ rules: written }),
    ),
    count: rules.size,
  };
}

function pinsOf(policy: SourcePolicy | undefined): readonly PolicyRule[] {
  return (policy?.rules ?? []).filter(({ action }) => action === 'CONVERT');
}

/** Stands in for what need not be asked for to know which entry it would be. */
const unknown: Digest = `sha256:${'0'.repeat(64)}` as Digest;

function pinWith(source: NotedSource, is: Digest): Pin {
  switch (source.kind) {
    case 'image':
    case 'http':
      return { ...source, digest: is };
    case 'git':
      return { ...source, commit: is.slice(-40) };
  }
}

/** Whether it can mean another content tomorrow. */
function isOpen(source: NotedSource, emit: EmitBuildEvent): boolean {
  switch (source.kind) {
    case 'image':
      return !source.name.includes('@');
    case 'git':
      return !isCommitId(source.source.ref) && !isCommitId(source.source.checksum);
    case 'http': {
      const { url, checksum } = source.source;
      if (checksum !== undefined) return false;
      if (redactUrl(url) === url) return true;
      // The entry would carry the password into a file that is there to be shared.
      emit({
        type: 'warning',
        message: `${redactUrl(url)} is not locked: there are credentials in its address`,
      });
      return false;
    }
  }
}

async function pinOf(
  source: NotedSource,
  { sources, signal, emit }: PlannedBuild,
  { platforms }: PlanningOptions,
): Promise<Pin> {
  switch (source.kind) {
    case 'image': {
      const [platform = hostPlatform()] = platforms ?? [];
      const onWarning = (message: string): void => emit({ type: 'warning', message });
      const found = await lookUpImage(parseReference(source.name), { platform, signal, onWarning }).catch(
        (error: unknown) => {
          if (!(error instanceof TsbuildError)) throw error;
          throw error.hinting(
            'a lock file holds what registries say: an image of this machine alone has no place',
          );
        },
      );
      return { kind: 'image', name: source.name, digest: found.named };
    }
    case 'git':
      return { ...source, commit: await sources.git.resolve(source.source, { signal }) };
    case 'http':
      return { ...source, digest: (await sources.http.fetch(source.source, { signal })).digest };
  }
}
