import { posix } from 'node:path';
import { checkedInstructions, type Subject } from '../subject.ts';
import type { Violation } from '../types.ts';
import { on } from './on.ts';

/** Paths are compared as written: what a wildcard would match is not looked up. */
export function copyIgnoredFile(subject: Subject): readonly Violation[] {
  const { ignore } = subject.options;
  if (ignore === undefined) return [];
  return checkedInstructions(subject).flatMap(({ instruction, contextPaths }) =>
    contextPaths.flatMap((path) => {
      // Paths never leave the context, whatever `..` they hold.
      const clean = posix.normalize(`/${path}`).slice(1).replace(/\/$/, '');
      // Something of an ignored folder may be shown again by an exception.
      const hidden = clean === '' ? ignore.matcher.ignoresAll : ignore.matcher.canSkipDirectory(clean);
      if (!hidden) return [];
      const keyword = instruction.kind.toUpperCase();
      return on(
        instruction,
        `${keyword} takes ${JSON.stringify(path)}, which ${ignore.name} leaves out of the context`,
      );
    }),
  );
}
