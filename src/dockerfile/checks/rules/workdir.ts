import { checkedInstructions, type Subject } from '../subject.ts';
import type { Violation } from '../types.ts';
import { on } from './on.ts';

/** Only the first: once it is right, those behind it are. */
export function workdirRelativePath(subject: Subject): readonly Violation[] {
  return checkedInstructions(subject).flatMap(({ instruction, workdirSet, workdir }) => {
    if (instruction.kind !== 'workdir' || workdirSet) return [];
    if (workdir === undefined || workdir.startsWith('/')) return [];
    return on(
      instruction,
      `WORKDIR ${JSON.stringify(workdir)} depends on the working directory of the base image`,
      'begin with an absolute path',
    );
  });
}
