import { parseDigest, redactUrl, TsbuildError } from '../core/index.ts';
import { isCommitId } from '../dockerfile/index.ts';
import { familiarName } from '../oci/index.ts';
import { createEngine } from './engine.ts';
import {
  gitOfOperation,
  gitOperation,
  httpOfOperation,
  httpOperation,
  imageOfOperation,
  imageOperation,
} from './identifiers.ts';
import type { SourcePolicy, SourceRules } from './types.ts';

/** Policies go from the first on; what one of them converts begins anew at the first. */
export function sourceRules(policies: readonly SourcePolicy[]): SourceRules {
  const evaluate = createEngine(policies);
  return {
    // What no rule changes stays as it was written.
    image(name) {
      const before = imageOperation(name);
      const after = evaluate(before);
      return after === before ? name : imageOfOperation(after);
    },
    git(source) {
      const before = gitOperation(source);
      const after = evaluate(before);
      return after === before ? source : gitOfOperation(after, source);
    },
    http(source) {
      const before = httpOperation(source);
      const after = evaluate(before);
      if (after === before) return source;
      const { url, checksum } = httpOfOperation(after);
      return { url, checksum: checksum === undefined ? undefined : parseDigest(checksum) };
    },
    local(name) {
      onlyLooked(evaluate, `local://${name}`);
    },
    layout({ path, reference }) {
      const behind = reference === undefined ? '' : `${reference.includes(':') ? '@' : ':'}${reference}`;
      onlyLooked(evaluate, `oci-layout://${path}${behind}`);
    },
  };
}

function onlyLooked(evaluate: ReturnType<typeof createEngine>, identifier: string): void {
  const after = evaluate({ identifier, attrs: {} });
  if (after.identifier === identifier) return;
  throw new TsbuildError(
    'POLICY_INVALID',
    `the source policy converts ${identifier} into ${after.identifier}`,
    {
      hint: 'what lies on this machine can be allowed and denied only',
    },
  );
}

/** The same, and everything from elsewhere must have a digest or a commit in the end: else LOCK_OUTDATED. */
export function pinnedRules(rules: SourceRules, lock: string): SourceRules {
  const outdated = (what: string): TsbuildError =>
    new TsbuildError('LOCK_OUTDATED', `${what} is not in ${lock}`, {
      hint: 'run tsbuild lock with the same flags, and look at what it adds',
    });
  return {
    ...rules,
    image(name) {
      const image = rules.image(name);
      if (!image.includes('@')) throw outdated(familiarName(image));
      return image;
    },
    git(given) {
      const source = rules.git(given);
      if (!isCommitId(source.ref) && !isCommitId(source.checksum)) {
        throw outdated(redactUrl(gitOperation(source).identifier));
      }
      return source;
    },
    http(given) {
      const source = rules.http(given);
      if (source.checksum === undefined) throw outdated(redactUrl(source.url));
      return source;
    },
  };
}
